"""ITI-67: search the documents of one record. TD0.2 and TD3.1 go out at the same time.

Source: ITI TF-2 3.67, PDSm flux 5b; DMP TD3.1. The result is masked for this caller before it is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import DmpSession, DocumentAnswer
from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import render
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.last_updated import changed_in
from facade.transactions.related import relating_to
from facade.transactions.services import Services
from facade.transactions.versions import as_they_are, named, only_current
from facade.translation.search_in import SearchRequest


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the result is wanted: skip ``offset``, give ``count`` at most."""

    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Found:
    """``total`` counts what this caller may see, ``resources`` holds the page asked for."""

    patient: INS
    total: int
    resources: list[dict[str, Any]]
    warnings: tuple[DmpRefused, ...]


@measured("find-documents")
def find_documents(services: Services, actor: Actor, search: SearchRequest, page: Page) -> Found:
    """Search, mask, count, cut the page and write it. Raises Refused, DmpRefused, DmpUnavailable."""
    with Case(services, actor, Act.SEARCH, search.patient, "TD3.1") as case:
        logical_ids = _logical_ids(services, search)
        dossier, answer = case.ask(lambda session: _question(services, session, search, logical_ids))
        if not search.by_identifier:
            superseded = Availability.DEPRECATED in search.query.statuses
            answer = only_current(services.gateway, case.session, answer, always=superseded)
        relating, warnings = None, answer.warnings
        if search.relates_to is not None:
            relating, doubts = relating_to(case, dossier, search.relates_to)
            warnings = (*warnings, *doubts)
        matching = [
            entry
            for entry in case.visible(dossier, answer.entries)
            if _matches(search, entry, logical_ids) and (relating is None or entry.logical_id in relating)
        ]
        if search.last_updated:
            matching, doubts = changed_in(case, search.last_updated, matching)
            warnings = (*warnings, *doubts)
        ordered = search.ordered(matching)
        shown = ordered[page.offset : page.offset + page.count] if search.summary != "count" else ()
        resources = render.documents(services, search.patient, shown)
        return Found(search.patient, len(ordered), resources, warnings)


def _question(services: Services, session: DmpSession, search: SearchRequest, logical_ids: list[str]) -> DocumentAnswer:
    gateway = services.gateway
    if search.empty:
        return DocumentAnswer(())
    if search.ids:
        now, warnings = as_they_are(gateway, session, (), also=logical_ids)
        return DocumentAnswer(tuple(now.values()), warnings)
    if search.unique_ids or search.uuids:
        return named(gateway, session, search.unique_ids, search.uuids)
    return gateway.find_documents(session, search.query)


def _matches(search: SearchRequest, entry: DocumentEntry, logical_ids: list[str]) -> bool:
    return search.matches(entry) and (not search.ids or entry.logical_id in logical_ids)


def _logical_ids(services: Services, search: SearchRequest) -> list[str]:
    opened = [services.ids.open_document(sealed) for sealed in search.ids]
    return [found[1] for found in opened if found is not None and found[0] == search.patient]

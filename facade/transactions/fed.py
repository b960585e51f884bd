"""GET /DocumentReference/$fed: what the caller's structure fed into a record, by its own ledger (EXI 05).

A structure's software is told of all of it. A professional is told of its own documents, and of those of colleagues
that it may see in the DMP now (TD0.2, and TD3.1 where it may search): a masked one is not there for it here either.
Patients and applications have no such right. The DMP being down takes away what colleagues fed, which is said.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.caller import CallerKind
from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS
from facade.records.fed import Fed
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.find_documents import Page
from facade.transactions.local_consents import NOT_ASKED
from facade.transactions.same_record import of_the_holder
from facade.transactions.services import Services
from facade.transactions.versions import only_current
from facade.translation.fed_out import FedDocument, Mark, fed_document

_ALL = DocumentQuery(statuses=tuple(Availability))


@dataclass(frozen=True, slots=True)
class WhatWasFed:
    """``total`` counts what this caller is told of, ``resources`` holds the page.

    ``incomplete``: what colleagues fed is left out, all or some of it, because the DMP did not say what may be seen.
    """

    total: int
    resources: list[dict[str, Any]]
    incomplete: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """The documents of the record the caller may see, and what the DMP was asked to know it."""

    logical_ids: frozenset[str]
    transaction: str
    failed: bool = False


def what_was_fed(services: Services, actor: Actor, patient: INS, page: Page) -> WhatWasFed:
    """The documents, last fed first. Raises Refused, RecordsUnavailable."""
    with Case(services, actor, Act.LIST_FED, patient, "local") as case:
        case.precheck()
        seen = None if case.caller.kind is CallerKind.STRUCTURE else _seen(case)
        case.transaction = seen.transaction if seen else case.transaction
        case.require(NOT_ASKED)
        ledger = services.publications.fed_into(case.caller.structure.id, patient)
        told = [fed for fed in ledger if seen is None or _is_told(case, fed, seen.logical_ids)]
        known = {fed.logical_id for fed in told}
        patient_id = services.ids.seal_patient(patient)
        shown = told[page.offset : page.offset + page.count]
        resources = [
            fed_document(_shown(services, patient, fed, known), patient, patient_id, services.codes) for fed in shown
        ]
        return WhatWasFed(len(told), resources, seen is not None and seen.failed)


def _is_told(case: Case, fed: Fed, seen: Collection[str]) -> bool:
    return fed.publisher_id == case.caller.id or (fed.withdrawn_at is None and fed.logical_id in seen)


def _seen(case: Case) -> _Seen:
    """What a professional sees of the record. Asked whatever the ledger holds: the questions tell nothing of it."""
    gateway = case.services.gateway
    try:
        dossier = gateway.check_access(case.session)
        if not case.explain(dossier, None, Act.SEARCH).permits:
            return _Seen(frozenset(), "TD0.2")
        answer = gateway.find_documents(case.session, _ALL)
        answer = only_current(gateway, case.session, of_the_holder(dossier, case.patient, answer))
    except (DmpRefused, DmpUnavailable):
        return _Seen(frozenset(), "TD3.1", failed=True)
    seen = frozenset(entry.logical_id for entry in answer.entries if case.sees(dossier, entry))
    return _Seen(seen, "TD3.1", failed=bool(answer.warnings))


def _shown(services: Services, patient: INS, fed: Fed, known: Collection[str]) -> FedDocument:
    """One document with its mark. When it was replaced is told to those only who are told of the other."""
    mark, marked_at = Mark.PUBLISHED, fed.fed_at
    if fed.withdrawn_at is not None:
        mark, marked_at = Mark.WITHDRAWN, fed.withdrawn_at
    elif fed.replaced_at is not None:
        mark, marked_at = Mark.REPLACED, fed.replaced_at
    hidden = mark is Mark.REPLACED and fed.replaced_by not in known
    return FedDocument(
        id=services.ids.seal_document(patient, fed.logical_id),
        unique_id=fed.unique_id,
        type_code=fed.type_code,
        media_type=fed.media_type,
        sha1=fed.sha1,
        size=fed.size,
        fed_at=fed.fed_at,
        mark=mark,
        marked_at=None if hidden else marked_at,
    )

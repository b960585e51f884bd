"""If-None-Exist: is there already a document of this uniqueId in the record, as far as the caller may know.

What the caller may not see does not exist here either. One who never reads (a structure, an application feeding) is
told of what it published itself, by this facade, and of nothing else. Source: FHIR R4 http.html#ccreate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.errors import InvalidInput, Refused
from facade.domain.ins import INS
from facade.transactions import render
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.transactions.versions import named


@dataclass(frozen=True, slots=True)
class Existing:
    """A document that is there: its sealed id and, for a caller who may read it, the resource and its version."""

    id: str
    resource: dict[str, Any] | None = None
    version: str | None = None


def existing(services: Services, actor: Actor, patient: INS, unique_id: str) -> Existing | None:
    """The one document of a uniqueId in a record, None when there is none for this caller.

    Raises InvalidInput ``search.several-documents``, DmpRefused, DmpUnavailable. A search of its own in the trace.
    """
    try:
        return _seen(services, actor, patient, unique_id)
    except Refused:
        logical_id = services.publications.published_by(actor.caller.id, patient, unique_id)
        return Existing(services.ids.seal_document(patient, logical_id)) if logical_id else None


def _seen(services: Services, actor: Actor, patient: INS, unique_id: str) -> Existing | None:
    gateway = services.gateway
    with Case(services, actor, Act.SEARCH, patient, "TD3.1") as case:
        dossier, answer = case.ask(lambda session: named(gateway, session, [unique_id], ()))
        seen = case.visible(dossier, [entry for entry in answer.entries if entry.unique_id == unique_id])
        if len({entry.logical_id for entry in seen}) > 1:
            raise InvalidInput.of("search.several-documents", "identifier")
        for entry in seen:
            resource = render.document(services, patient, entry)
            return Existing(resource["id"], resource, entry.version_id)
    return None

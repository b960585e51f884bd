"""Read what was preloaded: for who ordered it alone, with two factors, judged again on what is known here now.

The record and the documents are those of the fetch; caller, homologation, oppositions, habilitation are those of the
reading. Source: référentiel EXI 11, EXI 12. Nothing is asked of the DMP: that is what it was preloaded for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import Retrieved
from facade.domain.errors import Conflict, NotFound
from facade.domain.preload import Kept
from facade.records.preload_states import Preload, State
from facade.transactions import render
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.preload_orders import own
from facade.transactions.read_document import Forms, forms_of
from facade.transactions.services import Services

_LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Preloaded:
    """The DocumentReferences of a preload; those in ``with_content`` (by id) have their content here too."""

    resources: list[dict[str, Any]]
    with_content: bool


def read_preloaded(services: Services, actor: Actor, preload_id: str) -> Preloaded:
    """The documents of a preload this caller may still see. Raises NotFound, Refused, Conflict (not ready)."""
    with own(services, actor, preload_id, Act.PRELOAD) as (case, found):
        return Preloaded(_seen(case, _ready(services, found)), found.order.criteria.content)


def read_preloaded_content(services: Services, actor: Actor, preload_id: str, sealed: str) -> Forms:
    """The content of one document of a preload. Raises NotFound, Refused, Conflict (not ready)."""
    with own(services, actor, preload_id, Act.PRELOAD) as (case, found):
        _ready(services, found)
        opened = services.ids.open_document(sealed)
        kept = None if opened is None else services.preloads.document(found, opened[1])
        if kept is None or kept.content is None:
            raise NotFound.of("document.unknown")
        _judged_as(case, Act.RETRIEVE, kept)
        case.require(kept.dossier, kept.entry)
        return forms_of(services, Retrieved(kept.entry, kept.mime_type, kept.content))


def _seen(case: Case, kept: list[Kept]) -> list[dict[str, Any]]:
    """What the caller may still see: each document is judged, and traced, by itself."""
    seen = []
    if kept:
        _judged_as(case, Act.READ, kept[0])
    for each in kept:
        decision = case.reaches(each.dossier, each.entry)
        if decision.permits:
            case.reached(decision, each.entry)
            seen.append(each.entry)
    return render.documents(case.services, case.patient, seen)


def _ready(services: Services, found: Preload) -> list[Kept]:
    if found.state is not State.READY:
        raise Conflict.of("preload.not-ready", "Task.status", state=found.state.value)
    return services.preloads.documents(found)


def _judged_as(case: Case, act: Act, kept: Kept) -> None:
    """From here on the act is a reading: judged on the record first, as it was, with what is known now."""
    case.becomes((act, _LOCAL))
    case.precheck()
    case.require(kept.dossier)

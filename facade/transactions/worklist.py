"""GET /DocumentReference/$still-hidden: documents hidden from their patient and not shown since (EXI 08).

A professional is told of the documents it is the author of, a structure of those hidden in its name. What is told is
what this facade knows: an id, a patient, a date. The document itself is judged when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facade.domain.access import Effect
from facade.domain.caller import CallerKind
from facade.domain.errors import FacadeError, Refused
from facade.domain.ins import INS
from facade.records.hidden import Hidden
from facade.records.traces import Trace
from facade.transactions.actor import Actor
from facade.transactions.services import Services

_BASIS = "référentiel DMP, EXI 08"


@dataclass(frozen=True, slots=True)
class StillHidden:
    """One line of the worklist; ``days`` is its age in whole days."""

    id: str
    patient: INS
    patient_id: str
    author_id: str
    since: datetime
    days: int


def still_hidden(services: Services, actor: Actor) -> list[StillHidden]:
    """The caller's worklist, longest hidden first. Raises Refused for a citizen or a caller without an identity."""
    caller, now = actor.caller, services.clock()
    allowed = caller.refusal is None and caller.kind in (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE)
    _trace(services, actor, now, allowed=allowed)
    if not allowed:
        raise Refused(services.access.decision(caller.refusal or "right.not-for-this-caller"))
    if caller.kind is CallerKind.STRUCTURE:
        found = services.hidden.of_structure(caller.structure.id)
    else:
        found = services.hidden.of_author(caller.id)
    return [_line(services, hidden, now) for hidden in found]


def _line(services: Services, hidden: Hidden, now: datetime) -> StillHidden:
    ids = services.ids
    return StillHidden(
        id=ids.seal_document(hidden.patient, hidden.logical_id),
        patient=hidden.patient,
        patient_id=ids.seal_patient(hidden.patient),
        author_id=hidden.author_id,
        since=hidden.since,
        days=(now - hidden.since).days,
    )


def _trace(services: Services, actor: Actor, now: datetime, *, allowed: bool) -> None:
    caller = actor.caller
    trace = Trace(
        time=now,
        kind=caller.kind.value,
        act="list-still-hidden",
        effect=(Effect.PERMIT if allowed else Effect.DENY).value,
        rule="worklist.own-documents",
        basis=_BASIS,
        outcome="success" if allowed else "refused",
        person_id=caller.id,
        person_name=caller.name,
        local_id=caller.token_id,
        structure_id=caller.structure.id,
        structure_name=caller.structure.name,
        application=caller.application,
        transaction="local",
        correlation_id=actor.correlation_id,
    )
    try:
        services.traces.append(trace)
    except Exception as error:
        raise FacadeError.of("trace.unavailable") from error

"""GET /DocumentReference/$still-hidden: documents hidden from their patient and not shown since (EXI 08).

A professional is told of the documents it is the author of, a structure of those hidden in its name. What is told is
what this facade knows: an id, a patient, a date. The document itself is judged when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facade.domain.access import Decision, Effect
from facade.domain.caller import CallerKind
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.records.hidden import Hidden
from facade.transactions.actor import Actor
from facade.transactions.own_lists import require_list
from facade.transactions.services import Services

_OWN = Decision(Effect.PERMIT, "worklist.own-documents", "référentiel DMP, EXI 08")


@dataclass(frozen=True, slots=True)
class StillHidden:
    """One line of the worklist; ``days`` is its age in whole days."""

    id: str
    patient: INS
    patient_id: str
    author_id: str
    since: datetime
    days: int


@measured("find-still-hidden")
def still_hidden(services: Services, actor: Actor) -> list[StillHidden]:
    """The caller's worklist, longest hidden first.

    Raises Refused for a citizen, a caller without an identity, a professional with a single factor. Not judged by
    ``policy.access``, which judges an act on one record: this list goes over all of them.
    """
    caller, now = actor.caller, services.clock()
    require_list(services, actor, "list-still-hidden", _OWN)
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

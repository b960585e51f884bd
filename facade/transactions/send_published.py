"""Sending with a publication: judged with it, written before it, and let go once its documents are in the DMP.

A message is in the outbox before the lot is sent, so that none is forgotten when this process dies in between; it is
held there until the ledger of publications says that the lot is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facade.domain.document import DocumentEntry, Submission
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.records.mail_rows import Group, Mail
from facade.records.reservations import Reservation
from facade.transactions.case import Case
from facade.transactions.mail_recipients import Recipient, configured, recipients_of, told, with_patient
from facade.transactions.mail_writing import Parcel, write_mails
from facade.translation.send_in import read_wish

_DOCUMENT, _LOT = "DocumentReference", "List"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which documents of a lot, by position, go to which boxes."""

    boxes: tuple[tuple[Recipient, tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.boxes)


def plan_of(case: Case, patient: INS, resources: Sequence[Mapping[str, Any]], lot: Mapping[str, Any] | None) -> Plan:
    """What the extensions of a publication ask for. Raises InvalidInput; another patient's box is refused here too."""
    settings = case.services.settings.mail
    common = read_wish(dict(lot or {}), _LOT)
    positions: dict[Recipient, list[int]] = {}
    for position, resource in enumerate(resources):
        wish = read_wish(dict(resource), _DOCUMENT) + common
        if wish:
            configured(settings, case.caller.structure.id)
            named = recipients_of(wish, settings, _DOCUMENT)
            for recipient in with_patient(named, wish, patient, settings, f"{_DOCUMENT}.extension"):
                positions.setdefault(recipient, []).append(position)
    return Plan(tuple((recipient, tuple(found)) for recipient, found in positions.items()))


def judge(case: Case, dossier: Dossier, entries: Sequence[DocumentEntry], plan: Plan) -> None:
    """Judge every sending before anything is published. Raises Refused."""
    case.recipients = told(recipient for recipient, _ in plan.boxes)
    for recipient, positions in plan.boxes:
        for position in positions:
            case.require_new(dossier, entries[position], recipient.act)


def hold(case: Case, submission: Submission, plan: Plan, reservation: Reservation) -> None:
    """Write the messages, held until their publication is settled. Raises InvalidInput, Conflict."""
    mails = []
    for positions, recipients in _by_documents(plan).items():
        documents = [submission.documents[position] for position in positions]
        parcel = Parcel(
            submission.lot,
            tuple(document.entry for document in documents),
            tuple(document.content for document in documents),
            published=True,
        )
        mails += write_mails(case, parcel, recipients)
    if mails:
        case.services.outbox.put(mails, Group(reservation_id=reservation.id), now=case.now)


def _by_documents(plan: Plan) -> dict[tuple[int, ...], list[Recipient]]:
    """Who gets the same documents: their archive and their copies are made once."""
    found: dict[tuple[int, ...], list[Recipient]] = {}
    for recipient, positions in plan.boxes:
        found.setdefault(positions, []).append(recipient)
    return found


def released(case: Case, plan: Plan, reservation: Reservation) -> tuple[Mail, ...]:
    """Let the messages of a stored publication go, and return them as they were before that."""
    if not plan:
        return ()
    outbox = case.services.outbox
    mails = tuple(outbox.of_publication(reservation.id))
    outbox.release(reservation.id, now=case.now)
    return mails

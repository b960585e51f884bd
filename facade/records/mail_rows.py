"""A message of the outbox as a value, and what it becomes in the database and back."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from facade.domain.ins import INS
from facade.domain.mail import Audience, MailState, Notice
from facade.records.sealing import Sealer


@dataclass(frozen=True, slots=True)
class NewMail:
    """A message to one recipient. ``context`` is what is needed to judge it again: plain JSON values.

    ``id`` and the two ids of its message are made once and never change, whatever the number of attempts.
    """

    caller_id: str
    structure_id: str
    patient: INS
    audience: Audience
    recipient: str = field(repr=False)
    context: dict[str, Any] = field(repr=False)
    message: bytes = field(repr=False)
    message_id: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    envelope_id: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Group:
    """The messages of one request: its Idempotency-Key (digest) and fingerprint, or the publication they wait for."""

    request_key: str = ""
    fingerprint: str = ""
    reservation_id: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it stands. ``reason`` is a row of mappings/mail/outcomes.csv or a rule; ``claim`` numbers leases."""

    id: str
    caller_id: str
    structure_id: str
    patient: INS
    audience: Audience
    state: MailState
    reason: str
    reply: int
    status: str
    notice: Notice | None
    notice_code: str
    message_id: str
    envelope_id: str
    attempts: int
    claim: int
    queued_at: datetime
    next_at: datetime
    changed_at: datetime
    reservation_id: str
    fingerprint: str
    recipient: str = field(repr=False)
    context: dict[str, Any] = field(repr=False)


def columns_of(
    mail: NewMail, group: Group, rank: int, state: MailState, now: datetime, sealer: Sealer
) -> dict[str, Any]:
    """The row of a new message."""
    context = orjson.dumps({"recipient": mail.recipient, "context": mail.context})
    return {
        "id": mail.id,
        "caller_id": mail.caller_id,
        "structure_id": mail.structure_id,
        "patient_oid": mail.patient.kind.value,
        "patient_value": mail.patient.value,
        "audience": mail.audience.value,
        "state": state.value,
        "reason": "",
        "reply": 0,
        "status": "",
        "notice": "",
        "notice_code": "",
        "message_id": mail.message_id,
        "envelope_id": mail.envelope_id,
        "attempts": 0,
        "claim": 0,
        "queued_at": now,
        "next_at": now,
        "changed_at": now,
        "reservation_id": group.reservation_id or None,
        "request_key": group.request_key or None,
        "fingerprint": group.fingerprint,
        "rank": rank,
        "context": sealer.seal(context, mail.id, "context"),
        "message": sealer.seal(mail.message, mail.id, "message"),
    }


def mail_of(row: Row[Any], sealer: Sealer) -> Mail:
    """A message from its row, whatever it carries left where it is. Raises Unreadable."""
    opened = orjson.loads(sealer.open(row.context, row.id, "context"))
    return Mail(
        id=row.id,
        caller_id=row.caller_id,
        structure_id=row.structure_id,
        patient=INS.of(row.patient_oid, row.patient_value),
        audience=Audience(row.audience),
        state=MailState(row.state),
        reason=row.reason,
        reply=row.reply,
        status=row.status,
        notice=Notice(row.notice) if row.notice else None,
        notice_code=row.notice_code,
        message_id=row.message_id,
        envelope_id=row.envelope_id,
        attempts=row.attempts,
        claim=row.claim,
        queued_at=row.queued_at,
        next_at=row.next_at,
        changed_at=row.changed_at,
        reservation_id=row.reservation_id or "",
        fingerprint=row.fingerprint,
        recipient=opened["recipient"],
        context=opened["context"],
    )

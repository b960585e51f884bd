"""Secure messaging (MSSanté): what a message is, where it goes, and how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Audience(StrEnum):
    """Whose box a message goes to: the holder's, or that of a professional, an organisation or an application."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"


class MailState(StrEnum):
    """How far a message got. The last five are final, but ``unknown`` is settled by a notification that comes later.

    ``held``           waits until the documents it carries are known to be in the DMP.
    ``handing-over``   the end of the data is being sent: from here on the server may have the message.
    ``unknown``        the connection ended there: nobody can say, and it is not sent again (RFC 1047).
    ``not-sent``       refused when it was judged again, before it was sent.
    ``cancelled``      its documents were not published.
    """

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    HANDING_OVER = "handing-over"
    SENT = "sent"
    UNKNOWN = "unknown"
    UNDELIVERABLE = "undeliverable"
    NOT_SENT = "not-sent"
    CANCELLED = "cancelled"


WAITING = (MailState.HELD, MailState.QUEUED, MailState.SENDING, MailState.HANDING_OVER)


class Ending(StrEnum):
    """How a message ended, as it is counted: a final state, or ``bounced``, undeliverable after it was sent.

    One that was of unknown outcome, or sent, and of which more is heard later has ended twice.
    """

    SENT = "sent"
    UNKNOWN = "unknown"
    UNDELIVERABLE = "undeliverable"
    BOUNCED = "bounced"
    NOT_SENT = "not-sent"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages wait in one state, and when the first of them was queued; None where none waits."""

    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutboxFigures:
    """What the outbox does, of all senders. ``ended`` and ``failed`` only ever grow.

    ``failed``: attempts after which a message was tried again, or could not even be begun, by reason.
    """

    waiting: Mapping[MailState, Waiting]
    ended: Mapping[Ending, int]
    failed: Mapping[str, int]


class Notice(StrEnum):
    """What was heard of a message after it was handed over: by a DSN (RFC 3464) or an MDN (RFC 8098).

    ``relayed`` tells that it left for a server that reports nothing more; ``integration-error`` is the MDN of a
    software that received the message and could not take the document in (ANS error codes 900 to 906).
    """

    RELAYED = "relayed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISPLAYED = "displayed"
    PROCESSED = "processed"
    INTEGRATION_ERROR = "integration-error"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Report:
    """A notification as it was read. ``message_id`` without angle brackets; ``code`` an SMTP status or an ANS code.

    ``envelope_id`` is known to mail servers only (RFC 3461); ``recipients`` are those the report is about.
    """

    notice: Notice
    message_id: str = ""
    envelope_id: str = ""
    recipients: tuple[str, ...] = field(default=(), repr=False)
    code: str = ""


class MailTrouble(Exception):
    """A message was not taken. ``reason`` is a row of mappings/mail/outcomes.csv; ``reply`` the SMTP reply code."""

    def __init__(self, reason: str, reply: int = 0, status: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply
        self.status = status


class Deferred(MailTrouble):
    """Certainly not taken, for now: to be tried again."""


class Rejected(MailTrouble):
    """Certainly not taken, for good (5yz)."""


class OutcomeUnknown(MailTrouble):
    """The end of the data was sent and no reply came."""

"""What is heard of a message after it was handed over (DSN, MDN), compared with what is known, and noted.

A notification proves nothing about who wrote it. It can say of one message, whose id only those know who had it, that
it was delivered or not; it cannot make a message be sent again, show anything, or take back what better evidence told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from facade.domain.mail import MailState, Notice, Report
from facade.mail.report_box import ReportBox
from facade.mail.reports import read_report
from facade.records.mail_rows import Mail
from facade.records.outbox import Outbox

# How much each notice tells: one that tells less than the one before changes nothing.
_WEIGHT = {
    Notice.DELAYED: 1,
    Notice.RELAYED: 2,
    Notice.DELIVERED: 3,
    Notice.FAILED: 3,
    Notice.DELETED: 4,
    Notice.DISPLAYED: 5,
    Notice.PROCESSED: 5,
    Notice.INTEGRATION_ERROR: 6,
}
_HANDED_OVER = (MailState.HANDING_OVER, MailState.UNKNOWN, MailState.SENT)


class Taken(StrEnum):
    """What became of an incoming message."""

    NOTED = "noted"
    NOTHING_NEW = "nothing-new"
    NO_REPORT = "no-report"
    UNKNOWN_MESSAGE = "unknown-message"
    OTHER_RECIPIENT = "other-recipient"
    NOT_SENT_YET = "not-sent-yet"


def take_in(outbox: Outbox, data: bytes, now: datetime) -> Taken:
    """Take in one message (RFC 5322) that came to the sending box. Raises RecordsUnavailable: try it again later."""
    report = read_report(data)
    if report is None:
        return Taken.NO_REPORT
    mail = outbox.find(envelope_id=report.envelope_id) or outbox.find(message_id=report.message_id)
    if mail is None:
        return Taken.UNKNOWN_MESSAGE
    if mail.recipient.lower() not in report.recipients:
        return Taken.OTHER_RECIPIENT
    if mail.state not in _HANDED_OVER:
        return Taken.NOTHING_NEW if mail.state is MailState.UNDELIVERABLE else Taken.NOT_SENT_YET
    if mail.notice is not None and _WEIGHT[mail.notice] >= _WEIGHT[report.notice]:
        return Taken.NOTHING_NEW
    noted = outbox.note(mail, _told(mail, report), now=now)
    # Else somebody took in a report on it at the same moment, perhaps this very one.
    return Taken.NOTED if noted else take_in(outbox, data, now)


# What is certainly ours and done with. The rest of the box is somebody's who reads it.
_DONE = (Taken.NOTED, Taken.NOTHING_NEW)
_AT_ONCE = 500  # of one visit: the next one goes on


class Collector:
    """Takes in what came to one sending box. For one thread."""

    def __init__(self, outbox: Outbox, box: ReportBox) -> None:
        self._outbox = outbox
        self._box = box
        self._left: set[str] = set()

    def collect(self, clock: Callable[[], datetime]) -> int:
        """Visit the box once; how many reports told something new.

        What is none of ours is left unread, and not looked at again by this process. Raises Deferred, and
        RecordsUnavailable: what was not taken in is still unread.
        """
        noted = 0
        with self._box as box:
            found = box.unread()
            self._left.intersection_update(found)
            for report in [each for each in found if each not in self._left][:_AT_ONCE]:
                taken = take_in(self._outbox, box.beginning(report), clock())
                noted += taken is Taken.NOTED
                if taken in _DONE:
                    box.settle(report)
                elif taken is not Taken.NOT_SENT_YET:
                    self._left.add(report)
        return noted


def _told(mail: Mail, report: Report) -> dict[str, Any]:
    values: dict[str, Any] = {"notice": report.notice.value, "notice_code": report.code}
    if report.notice is Notice.FAILED:
        return values | {
            "state": MailState.UNDELIVERABLE.value,
            "reason": "mail.bounced",
            "status": report.code,
            "message": None,
        }
    if mail.state is not MailState.SENT and report.notice is not Notice.DELAYED:
        return values | {"state": MailState.SENT.value, "reason": "", "message": None}
    return values

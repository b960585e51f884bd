"""How many messages ended, and how many attempts failed: counted in the transaction that notes it.

Senders on several hosts write the outbox, and ``mail-in``, a process for each report; what ended is forgotten after a
while. Only the database sees all of it. ``count`` has a row for each label, made when it is first counted.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from facade.domain.mail import WAITING, Ending, MailState, OutboxFigures, Waiting
from facade.records.engine import Database
from facade.records.schema import mail_counts, mail_messages

_BOUNCED = "mail.bounced"
_LOCK = "mail_counts"


class _Counted(StrEnum):
    ENDED = "ended"
    FAILED = "failed"


class Changes:
    """The changes of one transaction to the table of messages, and what they count."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self._found: Counter[tuple[_Counted, str]] = Counter()

    def change(self, wanted: ColumnElement[bool], now: datetime, **values: Any) -> int:
        """Write these values to the messages that are wanted; return how many there were."""
        changed = update(mail_messages).where(wanted).values(changed_at=now, **values)
        number = self._connection.execute(changed).rowcount
        ending = _ending(values)
        if ending is not None:
            self._found[_Counted.ENDED, ending.value] += number
        return number

    def failed(self, reason: str) -> None:
        """Count an attempt that failed for a reason of mappings/mail/outcomes.csv."""
        self._found[_Counted.FAILED, reason] += 1

    def write_counts(self) -> None:
        """To be called last: all senders write these rows, and in one order, so that no two wait for each other."""
        for (counter, label), number in sorted(self._found.items()):
            if number and not self._add(counter, label, number):
                # The row is made by one transaction at a time; another may just have done it.
                self._database.lock(self._connection, _LOCK)
                if not self._add(counter, label, number):
                    row = {"counter": counter.value, "label": label, "count": number}
                    self._connection.execute(insert(mail_counts).values(row))

    def _add(self, counter: _Counted, label: str, number: int) -> bool:
        row = and_(mail_counts.c.counter == counter.value, mail_counts.c.label == label)
        added = update(mail_counts).where(row).values(count=mail_counts.c["count"] + number)
        return self._connection.execute(added).rowcount > 0


def read_figures(connection: Connection) -> OutboxFigures:
    """What waits and what was counted."""
    states = [state.value for state in WAITING]
    found = mail_messages.c
    waits = select(found.state, func.count(), func.min(found.queued_at)).where(found.state.in_(states))
    waiting = {MailState(state): Waiting(*rest) for state, *rest in connection.execute(waits.group_by(found.state))}
    counts = {(row.counter, row.label): row[2] for row in connection.execute(select(mail_counts))}
    return OutboxFigures(
        waiting={state: waiting.get(state, Waiting()) for state in WAITING},
        ended={ending: counts.get((_Counted.ENDED.value, ending.value), 0) for ending in Ending},
        failed={label: number for (counter, label), number in counts.items() if counter == _Counted.FAILED.value},
    )


def _ending(values: dict[str, Any]) -> Ending | None:
    """How messages that are given these values end, None when they do not."""
    if values.get("reason") == _BOUNCED:
        return Ending.BOUNCED
    return next((ending for ending in Ending if ending.value == values.get("state")), None)

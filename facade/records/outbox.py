"""The outbox of secure messaging: each message is sent once, or it is said that it was not (or that nobody can say).

A sender takes a message by a lease, which has a number. Before it sends the end of the data it writes ``handing-over``;
a sender that died before that sent nothing that may be delivered, and another takes over when the lease ends. One that
died after it leaves a message of unknown outcome, which nobody sends again. A sender whose lease was taken over can
write nothing more, and so never sends the end of the data. Several processes, several hosts: one database decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from facade.domain.errors import Conflict, Problem
from facade.domain.ins import INS
from facade.domain.mail import MailState, OutboxFigures
from facade.records.engine import Database
from facade.records.mail_counts import Changes, read_figures
from facade.records.mail_rows import Group, Mail, NewMail, columns_of, mail_of
from facade.records.reservations import State, in_progress
from facade.records.schema import mail_messages as table
from facade.records.schema import submissions
from facade.records.sealing import Sealer, Unreadable

SETTLED = (MailState.SENT, MailState.UNDELIVERABLE, MailState.NOT_SENT, MailState.CANCELLED)
_ENDS = {State.STORED.value: MailState.QUEUED, State.FAILED.value: MailState.CANCELLED}


class Outbox:
    """The table of messages. Every method raises RecordsUnavailable when the database cannot be used.

    ``lease`` is how long a sender may take up to the end of the data, ``handing_over`` how long the reply may take.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        lease: timedelta = timedelta(minutes=5),
        handing_over: timedelta = timedelta(minutes=15),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._lease = lease
        self._handing_over = handing_over

    def put(self, mails: Sequence[NewMail], group: Group, *, now: datetime) -> list[Mail]:
        """Write the messages of one request, all or none: those of a publication are held, others are queued.

        A request repeated with its key gets those of the first time. Raises Conflict for a key used for another.
        """
        state = MailState.HELD if group.reservation_id else MailState.QUEUED
        rows = [columns_of(mail, group, rank, state, now, self._sealer) for rank, mail in enumerate(mails)]
        try:
            with self._database.writing() as connection:
                connection.execute(insert(table), rows)
        except IntegrityError:
            earlier = self.of_request(group) if group.request_key else []
            if not earlier:
                raise in_progress() from None
            return earlier
        return self._some(table.c.id.in_([mail.id for mail in mails]))

    def of_request(self, group: Group) -> list[Mail]:
        """The messages of an earlier request with this key. Raises Conflict when it was another request."""
        found = self._some(table.c.request_key == group.request_key)
        if any(mail.fingerprint != group.fingerprint for mail in found):
            raise Conflict(Problem("publication.idempotency-mismatch", ("Idempotency-Key",)))
        return found

    def of_publication(self, reservation_id: str) -> list[Mail]:
        """The messages that were asked for with a publication."""
        return self._some(table.c.reservation_id == reservation_id)

    def release(self, reservation_id: str, *, now: datetime) -> None:
        """The documents of a publication are in the DMP: its messages may be sent."""
        self._move_held(reservation_id, MailState.QUEUED, now)

    def cancel(self, reservation_id: str, *, now: datetime) -> None:
        """The documents of a publication are certainly not in the DMP: its messages are not sent."""
        self._move_held(reservation_id, MailState.CANCELLED, now)

    def claim(self, *, now: datetime) -> tuple[Mail, bytes] | None:
        """Take the next message that is due, with its bytes, for the time of a lease; None when there is none."""
        with self._changing() as (connection, changes):
            self._settle_abandoned(changes, now)
            due = table.c.state.in_((MailState.QUEUED.value, MailState.SENDING.value))
            row = connection.execute(
                select(table).where(due, table.c.next_at <= now).order_by(table.c.next_at).limit(1).with_for_update()
            ).first()
            if row is None:
                return None
            if row.state == MailState.SENDING.value:
                changes.failed("mail.lease-lost")
            taken = {"attempts": row.attempts + 1, "claim": row.claim + 1, "next_at": now + self._lease}
            changes.change(table.c.id == row.id, now, state=MailState.SENDING.value, **taken)
            mine = connection.execute(select(table).where(table.c.id == row.id)).one()
            try:
                return mail_of(mine, self._sealer), self._sealer.open(row.message, row.id, "message")
            except Unreadable:
                # One that cannot be opened must not stand in the way of all others.
                told = {"state": MailState.UNDELIVERABLE.value, "reason": "mail.unreadable", "message": None}
                changes.change(table.c.id == row.id, now, **told)
        return self.claim(now=now)

    def hand_over(self, mail: Mail, *, now: datetime) -> bool:
        """Note that the end of the data is about to be sent. False: the lease is over, it must not be."""
        mine = and_(_lease_of(mail), table.c.state == MailState.SENDING.value, table.c.next_at > now)
        ends = now + self._handing_over
        with self._changing() as (_, changes):
            return changes.change(mine, now, state=MailState.HANDING_OVER.value, next_at=ends) > 0

    def settle(
        self, mail: Mail, state: MailState, *, now: datetime, reason: str = "", reply: int = 0, status: str = ""
    ) -> bool:
        """Note how a lease ended. False when another took it over: what that one notes holds."""
        told: dict[str, Any] = {"state": state.value, "reason": reason, "reply": reply, "status": status}
        if state in SETTLED:
            told["message"] = None
        # Of unknown outcome it may be already, when its sender was thought to be dead: told once, counted once.
        mine = and_(_lease_of(mail), table.c.state != state.value)
        with self._changing() as (_, changes):
            return changes.change(mine, now, **told) > 0

    def retry(self, mail: Mail, at: datetime, *, now: datetime, reason: str, reply: int = 0, status: str = "") -> bool:
        """Put a message back until ``at``: it was certainly not taken."""
        told = {"state": MailState.QUEUED.value, "next_at": at, "reason": reason, "reply": reply, "status": status}
        with self._changing() as (_, changes):
            mine = changes.change(_lease_of(mail), now, **told) > 0
            if mine:
                changes.failed(reason)
            return mine

    def failed(self, reason: str) -> None:
        """Note that nothing could be sent at all: no message was taken."""
        with self._changing() as (_, changes):
            changes.failed(reason)

    def note(self, mail: Mail, values: Mapping[str, Any], *, now: datetime) -> bool:
        """Write what a notification told of a message. False: it is no longer as it was read, look again."""
        known = mail.notice.value if mail.notice else ""
        as_read = and_(table.c.id == mail.id, table.c.state == mail.state.value, table.c.notice == known)
        with self._changing() as (_, changes):
            return changes.change(as_read, now, **values) > 0

    def find(self, *, message_id: str = "", envelope_id: str = "") -> Mail | None:
        """The message a notification is about, by one of its ids."""
        wanted = table.c.envelope_id == envelope_id if envelope_id else table.c.message_id == message_id
        return next(iter(self._some(wanted)), None) if envelope_id or message_id else None

    def read(self, mail_id: str, structure_id: str) -> Mail | None:
        """One message of a structure."""
        return next(iter(self._some(and_(table.c.id == mail_id, table.c.structure_id == structure_id))), None)

    def search(
        self,
        structure_id: str,
        *,
        caller_id: str = "",
        patient: INS | None = None,
        states: Iterable[MailState] = (),
        ids: Collection[str] | None = None,
        limit: int,
        offset: int = 0,
    ) -> tuple[int, list[Mail]]:
        """Messages of a structure (of one caller, about one patient, of some ids), newest first: how many, a page."""
        wanted = [table.c.structure_id == structure_id]
        if caller_id:
            wanted.append(table.c.caller_id == caller_id)
        if patient is not None:
            wanted += [table.c.patient_value == patient.value, table.c.patient_oid == patient.kind.value]
        if found := [state.value for state in states]:
            wanted.append(table.c.state.in_(found))
        if ids is not None:
            wanted.append(table.c.id.in_(sorted(ids)))
        query = select(table).where(*wanted).order_by(table.c.queued_at.desc(), table.c.id).limit(limit).offset(offset)
        with self._database.reading() as connection:
            total = connection.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()
            return int(total), list(self._readable(connection.execute(query)))

    def give_up(self, before: datetime, reason: str, *, now: datetime) -> int:
        """Note as undeliverable what has been queued since before then. ``reason`` where none was noted so far."""
        late = and_(table.c.state == MailState.QUEUED.value, table.c.queued_at < before)
        told = {"state": MailState.UNDELIVERABLE.value, "message": None}
        with self._changing() as (_, changes):
            if reason:
                changes.change(and_(late, table.c.reason == ""), now, reason=reason)
            return changes.change(late, now, **told)

    def abandon_held(self, before: datetime, *, now: datetime) -> int:
        """Give up on messages held since before then: whether their documents were published was never learnt."""
        held = and_(table.c.state == MailState.HELD.value, table.c.queued_at < before)
        told = {"state": MailState.NOT_SENT.value, "reason": "mail.publication-unknown", "message": None}
        with self._changing() as (_, changes):
            return changes.change(held, now, **told)

    def waiting(self) -> int:
        """How many messages are neither settled nor of unknown outcome."""
        return sum(each.count for each in self.figures().waiting.values())

    def figures(self) -> OutboxFigures:
        """What waits, what ended and what failed, of all senders."""
        with self._database.reading() as connection:
            return read_figures(connection)

    def purge(self, before: datetime) -> int:
        """Forget the messages that have been settled, or of unknown outcome, since before then; return how many."""
        old = [state.value for state in (*SETTLED, MailState.UNKNOWN)]
        with self._database.writing() as connection:
            return connection.execute(delete(table).where(table.c.state.in_(old), table.c.changed_at < before)).rowcount

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, Changes]]:
        with self._database.writing() as connection:
            changes = Changes(self._database, connection)
            yield connection, changes
            changes.write_counts()

    def _settle_abandoned(self, changes: Changes, now: datetime) -> None:
        """What a dead sender was handing over is of unknown outcome; what waits for a settled publication goes on."""
        lost = and_(table.c.state == MailState.HANDING_OVER.value, table.c.next_at <= now)
        changes.change(lost, now, state=MailState.UNKNOWN.value, reason="mail.outcome-unknown")
        for end, state in _ENDS.items():
            ended = select(submissions.c.id).where(submissions.c.state == end)
            held = and_(table.c.state == MailState.HELD.value, table.c.reservation_id.in_(ended))
            changes.change(held, now, **_released(state, now))

    def _move_held(self, reservation_id: str, state: MailState, now: datetime) -> None:
        held = and_(table.c.reservation_id == reservation_id, table.c.state == MailState.HELD.value)
        with self._changing() as (_, changes):
            changes.change(held, now, **_released(state, now))

    def _some(self, wanted: ColumnElement[bool]) -> list[Mail]:
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(wanted).order_by(table.c.rank))
            return list(self._readable(rows))

    def _readable(self, rows: Iterable[Row[Any]]) -> Iterator[Mail]:
        """The messages of rows; what was sealed under a secret that is gone tells nothing any more."""
        for row in rows:
            with suppress(Unreadable):
                yield mail_of(row, self._sealer)


def _lease_of(mail: Mail) -> ColumnElement[bool]:
    open_states = (MailState.SENDING.value, MailState.HANDING_OVER.value, MailState.UNKNOWN.value)
    return and_(table.c.id == mail.id, table.c.claim == mail.claim, table.c.state.in_(open_states))


def _released(state: MailState, now: datetime) -> dict[str, Any]:
    if state is MailState.CANCELLED:
        return {"state": state.value, "reason": "mail.not-published", "message": None}
    return {"state": state.value, "next_at": now}

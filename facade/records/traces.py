"""Traces: one row per act, permitted or refused, appended to a hash chain and never changed (EXI 18).

The INS is stored as it is, because the patient has a right to the history of accesses; nothing here logs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)

from facade.domain.access import Purpose
from facade.domain.ins import INS
from facade.records.chain import GENESIS, ChainHead, ChainProblem, Examination, Link
from facade.records.chain_writer import HEAD, LOCKED_HEAD, ChainWriter, content
from facade.records.engine import Database
from facade.records.prepared import Cursor
from facade.records.schema import intents, trace_anchors
from facade.records.schema import traces as table

UNKNOWN = "unknown"

_BATCH = 500
_CUT = 5000
_CLOSE = delete(intents).where(intents.c.id == bindparam("request"))
_EMERGENCIES = frozenset(purpose.value for purpose in Purpose if purpose.is_emergency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One act.

    ``kind``       kind of caller (CallerKind), empty when nobody was recognised.
    ``person_id``  national id; ``local_id`` the token's ``sub`` or ``jti``, never the token.
    ``document``   logical id; ``transaction`` the DMP transaction (``TD3.2``); ``rule`` and ``basis`` of the decision.
    ``outcome``    ``success``, ``refused``, ``error``, or ``unknown`` where the process died before it could say;
                   ``outcome_code`` the code of the error or refusal.
    ``on_behalf``  whether it was stated that a masking is on the holder's behalf; None where no such act was done.
    ``recipients`` the mailboxes a document was sent to, with commas; empty for every other act.
    """

    time: datetime
    kind: str
    act: str
    effect: str
    rule: str
    outcome: str
    person_id: str = field(default="", repr=False)
    person_name: str = field(default="", repr=False)
    local_id: str = field(default="", repr=False)
    structure_id: str = ""
    structure_name: str = ""
    application: str = ""
    patient: INS | None = None
    document: str = field(default="", repr=False)
    document_unique_id: str = field(default="", repr=False)
    transaction: str = ""
    purpose: str = Purpose.NORMAL.value
    reason: str = field(default="", repr=False)
    basis: str = ""
    outcome_code: str = ""
    correlation_id: str = ""
    secret: bool = False
    on_behalf: bool | None = None
    recipients: str = field(default="", repr=False)

    @property
    def emergency(self) -> bool:
        """Whether the purpose is one of the two emergencies of art. L. 1111-17 I."""
        return self.purpose in _EMERGENCIES


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrace(Trace):
    """A trace with its place in the chain."""

    seq: int
    previous: str = field(repr=False)
    hash: str = field(repr=False)

    def as_dict(self) -> dict[str, str | int | bool | None]:
        """Everything, as plain values in a fixed order: one line of an export."""
        return {**content(self.seq, columns_of(self)), "previous": self.previous, "hash": self.hash}


class Traces:
    """The table of traces. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._chain = ChainWriter(database)
        self._close = database.prepare(_CLOSE)

    def append(self, *traces: Trace, closes: str = "") -> int:
        """Write traces at the end of the chain, all or none; the number of the last. Durable when this returns.

        ``closes`` is the id of the intents they stand for from now on (``records.intents``).
        """
        acts = [columns_of(trace) for trace in traces]

        def write(cursor: Cursor) -> int:
            last = self._chain.append(cursor, self._chain.take_head(cursor), acts)
            if closes:
                self._close.execute(cursor, {"request": closes})
            return last

        return self._database.together(write)

    def of_patient(
        self,
        patient: INS,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        purposes: Collection[str] | None = None,
    ) -> Iterator[StoredTrace]:
        """The traces of one record, newest first. ``since`` is included, ``until`` is not; None is any purpose."""
        wanted = [_of_patient(patient), *_period(since, until)]
        if purposes is not None:
            wanted.append(table.c.purpose.in_(purposes))
        reached: list[ColumnElement[bool]] = []
        newest_first = select(table).order_by(table.c.time.desc(), table.c.seq.desc()).limit(_BATCH)
        while True:
            with self._database.reading() as connection:
                batch = connection.execute(newest_first.where(*wanted, *reached)).all()
            yield from (_stored(row) for row in batch)
            if len(batch) < _BATCH:
                return
            last = batch[-1]
            reached = [or_(table.c.time < last.time, and_(table.c.time == last.time, table.c.seq < last.seq))]

    def emergency_opened(
        self, person_id: str, patient: INS, purpose: str, reason: str, since: datetime, until: datetime
    ) -> datetime | None:
        """When this person was first let into this record with this purpose and reason, between these two instants.

        ``until`` is now: a trace written while the clock was ahead would keep a record open until that time has come.
        """
        wanted = and_(
            _of_patient(patient),
            table.c.person_id == person_id,
            table.c.purpose == purpose,
            table.c.reason == reason,
            table.c.effect == "permit",
            table.c.time >= since,
            table.c.time <= until,
        )
        with self._database.reading() as connection:
            first: datetime | None = connection.execute(select(func.min(table.c.time)).where(wanted)).scalar_one()
            return first

    def export(
        self,
        *,
        patient: INS | None = None,
        person_id: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[StoredTrace]:
        """Every trace that fits all that is given, oldest first. Holds no transaction open between two batches."""
        wanted = _period(since, until)
        if patient is not None:
            wanted.append(_of_patient(patient))
        if person_id:
            wanted.append(table.c.person_id == person_id)
        last = 0
        while True:
            with self._database.reading() as connection:
                batch = connection.execute(_after(last, wanted)).all()
            yield from (_stored(row) for row in batch)
            if len(batch) < _BATCH:
                return
            last = batch[-1].seq

    def head(self) -> ChainHead:
        """The end of the chain, to be noted elsewhere and compared later."""
        with self._database.reading() as connection:
            return _head(connection)

    def verify(self) -> list[ChainProblem]:
        """Recompute the whole chain. An empty list: nothing was removed, changed or reordered."""
        with self._database.snapshot() as connection:
            examination = Examination(_start(connection))
            problems: list[ChainProblem] = []
            for row in _walk(connection):
                problems.extend(examination.see(_link(row)))
            problems.extend(examination.end(_head(connection)))
        return problems

    def purge(self, before: datetime, *, now: datetime) -> int:
        """Remove the oldest traces, up to the first that is not older than ``before``; return how many.

        Only the start of the chain is cut, so a trace written while the clock was ahead keeps those after it. The
        anchor left behind lets ``verify`` start where the chain now starts. Cut by cut, each with an anchor of its
        own: no act waits long for its trace meanwhile.
        """
        removed = 0
        while count := self._cut(before, now):
            removed += count
        return removed

    def _cut(self, before: datetime, now: datetime) -> int:
        with self._database.writing() as connection:
            head = _head(connection, lock=True)
            first = connection.execute(select(func.min(table.c.seq))).scalar_one()
            kept = connection.execute(select(func.min(table.c.seq)).where(table.c.time >= before)).scalar_one()
            if first is None or first == kept:
                return 0
            last = min(head.seq if kept is None else kept - 1, first + _CUT - 1)
            cut = connection.execute(
                select(table.c.seq, table.c.hash).where(table.c.seq <= last).order_by(table.c.seq.desc()).limit(1)
            ).one()
            removed = connection.execute(delete(table).where(table.c.seq <= cut.seq)).rowcount
            connection.execute(
                insert(trace_anchors), {"seq": cut.seq, "hash": cut.hash, "removed": removed, "time": now}
            )
        return removed


def columns_of(trace: Trace) -> dict[str, Any]:
    """What is stored of an act, by column. Raises ValueError for a time without zone."""
    if trace.time.tzinfo is None:
        raise ValueError("the time of a trace must be timezone-aware")
    values = {item.name: getattr(trace, item.name) for item in fields(Trace)}
    patient: INS | None = values.pop("patient")
    values["patient_oid"] = patient.kind.value if patient else ""
    values["patient_value"] = patient.value if patient else ""
    values["time"] = trace.time.astimezone(UTC)
    return {name: _clean(value) if isinstance(value, str) else value for name, value in values.items()}


def _clean(value: str) -> str:
    # What PostgreSQL cannot store (NUL) or UTF-8 cannot write (lone surrogates) must not cost a trace.
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _link(row: Row[Any]) -> Link:
    # From the columns themselves: a trace that was tampered with need not be one that can be read.
    columns = _by_name(row)
    seq, previous, digest = columns.pop("seq"), columns.pop("previous"), columns.pop("hash")
    return Link(seq, content(seq, columns), previous, digest)


def _stored(row: Row[Any]) -> StoredTrace:
    values = _by_name(row)
    oid, value = values.pop("patient_oid"), values.pop("patient_value")
    return StoredTrace(patient=_patient(oid, value), **values)


def _by_name(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented access to a row by name


def _patient(oid: str, value: str) -> INS | None:
    try:
        return INS.of(oid, value) if value else None
    except ValueError:
        return None


def _of_patient(patient: INS) -> ColumnElement[bool]:
    return and_(table.c.patient_value == patient.value, table.c.patient_oid == patient.kind.value)


def _period(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(table.c.time >= since)
    if until is not None:
        wanted.append(table.c.time < until)
    return wanted


def _after(last: int, wanted: list[ColumnElement[bool]]) -> Select[Any]:
    return select(table).where(table.c.seq > last, *wanted).order_by(table.c.seq).limit(_BATCH)


def _walk(connection: Connection) -> Iterator[Row[Any]]:
    last = 0
    while batch := connection.execute(_after(last, [])).all():
        yield from batch
        last = batch[-1].seq


def _head(connection: Connection, *, lock: bool = False) -> ChainHead:
    row = connection.execute(LOCKED_HEAD if lock else HEAD).one()
    return ChainHead(row.seq, row.hash)


def _start(connection: Connection) -> ChainHead:
    row = connection.execute(
        select(trace_anchors.c.seq, trace_anchors.c.hash).order_by(trace_anchors.c.seq.desc()).limit(1)
    ).first()
    return ChainHead(row.seq, row.hash) if row else ChainHead(0, GENESIS)

"""What supervision reads of the traces, and how far it has read: one process at a time, each trace once or more.

A process that dies while it looks leaves its turn behind, which ends by itself; the next begins where it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update

from facade.records.engine import Database
from facade.records.schema import supervision as table
from facade.records.schema import traces


@dataclass(frozen=True, slots=True)
class Used:
    """One trace of a person, as supervision reads it."""

    time: datetime
    patient_oid: str
    patient_value: str = field(repr=False)
    document: str = field(repr=False)
    act: str
    rule: str
    outcome: str
    purpose: str


class Usages:
    """The turn of supervision and its reading. Every method raises RecordsUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_turn(self, holder: str, now: datetime, lasting: timedelta) -> int | None:
        """The number of the last trace looked at, None while another process has the turn."""
        free = or_(table.c.holder == holder, table.c.until <= now)
        with self._database.writing() as connection:
            taken = connection.execute(
                update(table).where(table.c.id == 1, free).values(holder=holder, until=now + lasting)
            )
            if not taken.rowcount:
                return None
            return int(connection.execute(select(table.c.seq).where(table.c.id == 1)).scalar_one())

    def done(self, holder: str, seq: int) -> None:
        """The traces up to ``seq`` have been looked at, unless another process took the turn meanwhile."""
        with self._database.writing() as connection:
            mine = and_(table.c.id == 1, table.c.holder == holder)
            connection.execute(update(table).where(mine).values(seq=seq))

    def news(self) -> bool:
        """Whether anything was traced since the last looking."""
        with self._database.reading() as connection:
            seen = connection.execute(select(table.c.seq).where(table.c.id == 1)).scalar_one()
            return bool(connection.execute(select(func.max(traces.c.seq) > seen)).scalar_one())

    def newest(self) -> int:
        """The number of the last trace there is."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(traces.c.seq), 0))).scalar_one())

    def persons(self, after: int, until: int) -> list[tuple[str, str]]:
        """The persons, each with a structure, who left a trace after one number and up to another."""
        new = (traces.c.seq > after, traces.c.seq <= until, traces.c.person_id != "")
        who = select(traces.c.person_id, traces.c.structure_id).where(*new).distinct()
        with self._database.reading() as connection:
            return sorted((row[0], row[1]) for row in connection.execute(who))

    def of_person(self, person: str, structure: str, since: datetime) -> Iterator[Used]:
        """What a person left in a structure since a moment, in the order it was written."""
        wanted = (
            select(
                traces.c.time,
                traces.c.patient_oid,
                traces.c.patient_value,
                traces.c.document,
                traces.c.act,
                traces.c.rule,
                traces.c.outcome,
                traces.c.purpose,
            )
            .where(traces.c.person_id == person, traces.c.structure_id == structure, traces.c.time >= since)
            .order_by(traces.c.seq)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        yield from (Used(*row) for row in rows)

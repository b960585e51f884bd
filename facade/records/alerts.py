"""Alerts of supervision, and the suspensions some of them are: raised, told, released by somebody who says why.

An alert names a person who used the facade and never a patient: whose records they were is in the traces.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, select, update

from facade.records.engine import Database
from facade.records.schema import alerts as table

_SUSPENDS = and_(table.c.suspends.is_(True), table.c.released_at.is_(None))


@dataclass(frozen=True, slots=True)
class Reached:
    """What is to be raised: a person's uses reached a criterion. ``suspends``: access ends until it is released."""

    criterion: str
    severity: str
    person: str = field(repr=False)
    structure: str
    first: datetime
    last: datetime
    count: int
    suspends: bool = False


@dataclass(frozen=True, slots=True)
class Alert(Reached):
    """An alert as it is kept."""

    id: str = ""
    raised_at: datetime = field(kw_only=True)
    released_at: datetime | None = None
    released_by: str = field(default="", repr=False)
    released_why: str = field(default="", repr=False)


class Alerts:
    """The table of alerts. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, found: Iterable[Reached], now: datetime) -> list[Alert]:
        """Raise what is new and return it; what goes on from an alert that is not released only makes it longer.

        Uses up to the release of an alert were answered for by that release, and raise nothing again.
        """
        raised: list[Alert] = []
        with self._database.writing() as connection:
            for one in found:
                known = connection.execute(_last_of(one)).first()
                if known is None or one.first > (known.released_at or known.last):
                    raised.append(_raise(connection, one, now))
                elif known.released_at is None:
                    changed = {"last": max(one.last, known.last), "uses": max(one.count, known.uses)}
                    connection.execute(update(table).where(table.c.id == known.id).values(changed))
        return raised

    def of_structure(self, structure: str, *, offset: int = 0, count: int = 1000) -> list[Alert]:
        """The alerts on uses in a structure, newest first."""
        return self._select(table.c.structure_id == structure, offset=offset, count=count)

    def all(self) -> list[Alert]:
        """Every alert, newest first."""
        return self._select(table.c.id != "", offset=0, count=-1)

    def one(self, alert_id: str) -> Alert | None:
        """The alert of an id."""
        return next(iter(self._select(table.c.id == alert_id, offset=0, count=1)), None)

    def suspended(self) -> frozenset[tuple[str, str]]:
        """The persons whose access is suspended now, each with the structure it is suspended in."""
        with self._database.reading() as connection:
            rows = connection.execute(select(table.c.person_id, table.c.structure_id).where(_SUSPENDS))
            return frozenset((row.person_id, row.structure_id) for row in rows)

    def released_until(self, person: str, structure: str, criterion: str) -> datetime | None:
        """When the last alert of this criterion on a person was released; uses before were answered for."""
        wanted = and_(table.c.person_id == person, table.c.structure_id == structure, table.c.criterion == criterion)
        newest = select(table.c.released_at).where(wanted, table.c.released_at.is_not(None))
        with self._database.reading() as connection:
            found: datetime | None = connection.execute(
                newest.order_by(table.c.released_at.desc()).limit(1)
            ).scalar_one_or_none()
            return found

    def release(self, alert_id: str, *, by: str, why: str, now: datetime) -> bool:
        """Close an alert, and end the suspension it may be. False when there is no such open alert."""
        with self._database.writing() as connection:
            closed = connection.execute(
                update(table)
                .where(table.c.id == alert_id, table.c.released_at.is_(None))
                .values(released_at=now, released_by=by, released_why=why)
            )
            return closed.rowcount == 1

    def untold(self) -> list[Alert]:
        """The alerts nobody was notified of yet, oldest first."""
        return list(reversed(self._select(table.c.notified_at.is_(None), offset=0, count=-1)))

    def told(self, alert_id: str, now: datetime) -> None:
        """Somebody was notified of an alert."""
        with self._database.writing() as connection:
            connection.execute(update(table).where(table.c.id == alert_id).values(notified_at=now))

    def _select(self, wanted: ColumnElement[bool], *, offset: int, count: int) -> list[Alert]:
        query = select(table).where(wanted).order_by(table.c.raised_at.desc(), table.c.id).offset(offset)
        with self._database.reading() as connection:
            return [_alert(row) for row in connection.execute(query.limit(count) if count >= 0 else query)]


def _last_of(one: Reached) -> Select[Any]:
    same = and_(
        table.c.person_id == one.person,
        table.c.structure_id == one.structure,
        table.c.criterion == one.criterion,
    )
    return select(table).where(same).order_by(table.c.raised_at.desc(), table.c.id).limit(1)


def _raise(connection: Connection, one: Reached, now: datetime) -> Alert:
    alert = Alert(
        one.criterion,
        one.severity,
        one.person,
        one.structure,
        one.first,
        one.last,
        one.count,
        one.suspends,
        id=str(uuid.uuid4()),
        raised_at=now,
    )
    connection.execute(
        insert(table),
        {
            "id": alert.id,
            "criterion": alert.criterion,
            "severity": alert.severity,
            "person_id": alert.person,
            "structure_id": alert.structure,
            "first": alert.first,
            "last": alert.last,
            "uses": alert.count,
            "raised_at": now,
            "suspends": alert.suspends,
            "notified_at": None,
            "released_at": None,
            "released_by": "",
            "released_why": "",
        },
    )
    return alert


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.criterion,
        row.severity,
        row.person_id,
        row.structure_id,
        row.first,
        row.last,
        row.uses,
        row.suspends,
        id=row.id,
        raised_at=row.raised_at,
        released_at=row.released_at,
        released_by=row.released_by,
        released_why=row.released_why,
    )

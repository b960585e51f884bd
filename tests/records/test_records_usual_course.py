"""The short course of a publication leaves the rows the long one leaves, and gives its answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from facade.domain.errors import Conflict
from facade.records.engine import Database, migrate, open_database
from facade.records.ledger import move, release
from facade.records.ledger_usual import UsualCourse
from facade.records.publications import Publications
from facade.records.reservations import Request, Reservation, State, ToSend
from facade.records.schema import publications, submissions
from tests.support.records import NOW, to_send

_ASKING = Request("899700000018", "1750000001")
_LATER = NOW + timedelta(minutes=1)
# Those of one number have one uniqueId, those of one sha1 one content.
_SENDING = st.lists(
    st.builds(lambda number, sha1: to_send(number, sha1=f"{sha1:040x}"), st.integers(1, 3), st.integers(1, 3)),
    min_size=1,
    max_size=3,
)
_REQUESTS = st.sampled_from(
    [_ASKING, *(Request("899700000018", "1750000001", key, print_) for key in "ab" for print_ in "12")]
)
_LOTS = st.sampled_from(["", "1.2.3"])
_AT = st.integers(0, 5)
_STEPS = st.lists(
    st.tuples(st.just("reserve"), _SENDING, _REQUESTS, _LOTS)
    | st.tuples(st.just("stored"), _AT, _LOTS, st.booleans())
    | st.tuples(st.sampled_from(["failed", "unknown"]), _AT)
    | st.tuples(st.just("given up"))
    | st.tuples(st.just("withdrawn"), st.integers(1, 3)),
    min_size=1,
    max_size=14,
)


class _Never(UsualCourse):
    """Leaves everything to the long course."""

    def reserve(self, *_given: object, **_named: object) -> None:
        return None

    def mark_stored(self, *_given: object, **_named: object) -> bool:
        return False


class _Ledger:
    """A ledger whose reservations are known by the order they were made in."""

    def __init__(self, folder: Path, course: Callable[[Database], UsualCourse]) -> None:
        url = f"sqlite:///{folder / course.__name__}.db"
        migrate(url)
        self.database = open_database(url)
        self._ledger = Publications(self.database, pending_for=timedelta(minutes=5))
        self._ledger._usual = course(self.database)
        self._made: list[Reservation] = []
        self._now = NOW

    def clear(self) -> None:
        with self.database.writing() as connection:
            connection.execute(delete(publications))
            connection.execute(delete(submissions))
        self._made.clear()
        self._now = NOW

    def does(self, kind: str, *given: Any) -> object:
        """One step; what it answers."""
        self._now += timedelta(seconds=1)
        if kind == "reserve":
            return self._reserve(*given)
        if kind == "withdrawn":
            self._ledger.withdrawn(to_send(given[0]).unique_id, now=self._now)
        elif kind == "given up":
            self._now += timedelta(minutes=6)
        elif self._made:
            self._ends(kind, self._made[given[0] % len(self._made)], *given[1:])
        return None

    def _ends(self, kind: str, made: Reservation, lot: str = "", named: bool = False) -> None:
        if kind == "stored":
            known = {one.unique_id: f"known-{one.unique_id}" for one in made.documents} if named else {}
            self._ledger.mark_stored(made.id, known, now=self._now, lot=lot)
        elif kind == "failed":
            self._ledger.mark_failed(made.id, now=self._now)
        else:
            self._ledger.mark_unknown(made.id, now=self._now)

    def rows(self) -> list[list[dict[str, Any]]]:
        places = {made.id: place for place, made in enumerate(self._made)}
        with self.database.reading() as connection:
            lots = [dict(row) for row in connection.execute(select(submissions)).mappings()]
            documents = [dict(row) for row in connection.execute(select(publications)).mappings()]
        for each in lots:
            each["id"] = places[each["id"]]
        for each in documents:
            each["submission_id"] = places[each["submission_id"]]
        return [
            sorted(lots, key=lambda row: row["id"]),
            sorted(documents, key=lambda row: (row["submission_id"], row["rank"])),
        ]

    def _reserve(self, sending: Sequence[ToSend], request: Request, lot: str) -> object:
        try:
            found = self._ledger.reserve(sending, request, now=self._now, lot=lot)
        except Conflict as error:
            return error.problems
        known = next((place for place, made in enumerate(self._made) if made.id == found.id), len(self._made))
        if known == len(self._made):
            self._made.append(found)
        return known, found.state, found.structure_id, found.lot, found.documents, found.reserved_at, found.replay


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[_Ledger, _Ledger]]:
    folder = tmp_path_factory.mktemp("courses")
    both = _Ledger(folder, UsualCourse), _Ledger(folder, _Never)
    yield both
    for each in both:
        each.database.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_both_courses_leave_the_same(ledgers: tuple[_Ledger, _Ledger], steps: list[tuple[Any, ...]]) -> None:
    usual, long = ledgers
    usual.clear()
    long.clear()
    for step in steps:
        assert usual.does(*step) == long.does(*step)
        assert usual.rows() == long.rows()


def test_what_is_stored_while_another_gives_it_up_stands_in_the_way(database: Database) -> None:
    """Attack: a lot is thought to have failed at the moment its sender hears of it; its documents are sent twice."""
    ledger = Publications(database)
    reservation = ledger.reserve([to_send(1)], _ASKING, now=NOW)
    known = {to_send(1).unique_id: "logical-1"}
    sender = threading.Thread(target=lambda: ledger.mark_stored(reservation.id, known, now=_LATER))
    with database.writing() as connection:
        assert move(connection, reservation.id, State.FAILED, _LATER)
        release(connection, reservation.id)
        sender.start()
        sender.join(0.3)
        assert sender.is_alive(), "it waits for the one who gives it up"
    sender.join(30)
    with pytest.raises(Conflict) as caught:
        ledger.reserve([to_send(1)], _ASKING, now=_LATER)
    assert caught.value.problems[0].code == "publication.duplicate-unique-id"

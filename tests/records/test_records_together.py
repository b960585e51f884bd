"""Writes of several threads in one transaction: each is durable, or refused for its own reason; none is there twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import insert, select

from facade.records.engine import Database, RecordsUnavailable, open_database
from facade.records.prepared import Cursor
from facade.records.schema import staff
from facade.records.together import Together

MARKS = 30


class Held:
    """The transactions of a database: how many were begun. Each waits until the gate is open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.gate = threading.Event()
        self.begun = 0
        self.together = Together(self._transaction)

    def run(self, pool: ThreadPoolExecutor, write: Callable[[Cursor], str]) -> Future[str]:
        """Give one write to a thread, and wait until it is queued or at the gate."""
        future = pool.submit(self.together.run, write, patience=30)
        time.sleep(0.01)
        return future

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        self.begun += 1
        with self._database.writing_prepared() as cursor:
            assert self.gate.wait(30)
            yield cursor


@pytest.fixture
def write(database: Database) -> Callable[[str], Callable[[Cursor], str]]:
    """A write of one row."""
    prepared = database.prepare(insert(staff))

    def of(mark: str) -> Callable[[Cursor], str]:
        def run(cursor: Cursor) -> str:
            prepared.execute(cursor, {"structure_id": "s", "mark": mark})
            return mark

        return run

    return of


Writes = Callable[[str], Callable[[Cursor], str]]


def stored(database: Database) -> list[str]:
    with database.reading() as connection:
        return sorted(connection.execute(select(staff.c.mark)).scalars())


def test_those_who_come_meanwhile_are_written_at_once(database: Database, write: Writes) -> None:
    held = Held(database)
    with ThreadPoolExecutor(MARKS) as pool:
        answers = [held.run(pool, write(f"{number:02}")) for number in range(MARKS)]
        assert stored(database) == []
        held.gate.set()
        assert [each.result(30) for each in answers] == [f"{number:02}" for number in range(MARKS)]
    assert stored(database) == [f"{number:02}" for number in range(MARKS)]
    assert held.begun == 2, "the first, and all the others"


def test_a_mistake_in_one_undoes_no_other(database: Database, write: Writes) -> None:
    held = Held(database)
    with ThreadPoolExecutor(4) as pool:
        first, wrong, last = (held.run(pool, each) for each in (write("a"), _mistake, write("b")))
        held.gate.set()
        assert (first.result(30), last.result(30)) == ("a", "b")
        assert isinstance(wrong.exception(30), ZeroDivisionError)
    assert stored(database) == ["a", "b"]


def test_a_database_that_fails_fails_for_all_and_is_not_asked_for_each(database: Database, write: Writes) -> None:
    held = Held(database)

    def unavailable(_cursor: Cursor) -> str:
        raise RecordsUnavailable("disk full")

    with ThreadPoolExecutor(4) as pool:
        answers = [held.run(pool, each) for each in (write("a"), write("b"), unavailable, write("c"))]
        held.gate.set()
        assert answers[0].result(30) == "a"
        assert [str(each.exception(30)) for each in answers[1:]] == ["records.unavailable"] * 3
    assert (stored(database), held.begun) == (["a"], 2)


@pytest.mark.parametrize("mark", ["a", "x" * 100_000 + "\0"], ids=["twice", "not-taken"])
def test_a_row_the_database_refuses_undoes_no_other(database: Database, write: Writes, mark: str) -> None:
    """Attack: what one caller has written makes the traces of all the others fail."""
    held = Held(database)
    with ThreadPoolExecutor(4) as pool:
        first, *others = (held.run(pool, write(each)) for each in ("a", "b", mark, "c"))
        held.gate.set()
        assert first.result(30) == "a"
        assert (others[0].result(30), others[2].result(30)) == ("b", "c")
        refused = isinstance(others[1].exception(30), RecordsUnavailable)
    # SQLite takes a text of any length, a NUL in it too.
    assert stored(database) == (["a", "b", "c"] if refused else ["a", "b", "c", mark])
    assert refused or (mark != "a" and database.engine.name == "sqlite")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_thread_that_is_stopped_while_it_writes_stops_no_other(
    database: Database, write: Writes, stop: type[BaseException]
) -> None:
    """It alone is stopped; whoever it wrote for is told that nothing was written, and nothing is."""
    held = Held(database)
    stops = iter([stop])

    def stopped(_cursor: Cursor) -> str:
        for each in stops:
            raise each
        return "again"

    with ThreadPoolExecutor(8) as pool:
        first, *others = (held.run(pool, each) for each in (write("a"), write("b"), stopped, write("c")))
        held.gate.set()
        assert first.result(30) == "a"
        heard = sorted(type(each.exception(30)).__name__ for each in others)
        assert heard == sorted([stop.__name__, "TimeoutError", "TimeoutError"])
        assert held.run(pool, write("d")).result(30) == "d"
    assert stored(database) == ["a", "d"]


def test_whoever_cannot_wait_longer_leaves_and_is_not_written_later(database: Database, write: Writes) -> None:
    held = Held(database)
    with ThreadPoolExecutor(2) as pool:
        first = held.run(pool, write("a"))
        with pytest.raises(TimeoutError):
            held.together.run(write("late"), patience=0.05)
        held.gate.set()
        assert first.result(30) == "a"
        assert held.together.run(write("b"), patience=30) == "b"
    assert stored(database) == ["a", "b"]


def test_many_threads_of_two_processes_lose_none(url: str, database: Database, write: Writes) -> None:
    """Two databases of one URL stand for two processes: they share nothing but the database."""
    other = open_database(url)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: (database, other)[number % 2].together(write(f"{number:04}")), range(400)))
    other.close()
    assert stored(database) == found == [f"{number:04}" for number in range(400)]


def _mistake(_cursor: Cursor) -> str:
    return str(1 / 0)

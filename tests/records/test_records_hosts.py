"""Several hosts on one database: who is faster, who dies, who falls silent, and what a lost connection costs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from facade.domain.caller import Pairing, Relation
from facade.domain.errors import Conflict
from facade.records.consents import Category, Consents, Statement
from facade.records.dialects import Lock
from facade.records.engine import Database, RecordsUnavailable, migrate, open_database
from facade.records.hidden import HiddenDocuments
from facade.records.pairings import Pairings
from facade.records.publications import Publications
from facade.records.reservations import Request, State
from facade.records.schema import consents as consent_table
from facade.records.schema import hidden_documents, trace_anchors
from facade.records.schema import publications as documents
from facade.records.traces import Traces
from tests.support.records import NOW, document, ins, to_send, trace

SPAWN = multiprocessing.get_context("spawn")
ASKING = Request("899700000018", "1750000001")


@pytest.fixture
def hosts(url: str) -> Iterator[list[Database]]:
    """Three databases as three processes would open them."""
    opened = [open_database(url, busy_timeout=30) for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


def at_once(hosts: list[Database], act: Callable[[Database, int], object]) -> list[object]:
    """The same act on every host, begun at the same moment; what each gave, or raised."""
    together = threading.Barrier(len(hosts))

    def run(number: int) -> object:
        together.wait(10)
        try:
            return act(hosts[number], number)
        except Conflict as error:
            return error.problems[0].code

    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(run, range(len(hosts))))


def only_on(database: Database, product: str, why: str) -> None:
    if database._dialect.engine.name != product:
        pytest.skip(why)


@pytest.mark.parametrize("shared", ["unique_id", "sha1", "key"])
def test_of_hosts_that_reserve_at_once_one_gets_it(hosts: list[Database], shared: str) -> None:
    def reserve(database: Database, number: int) -> object:
        changes = {} if shared == "key" else {shared: getattr(to_send(1), shared)}
        request = Request("899700000018", "1750000001", "k", "f") if shared == "key" else ASKING
        return Publications(database).reserve([to_send(10 + number, **changes)], request, now=NOW).state

    answers = at_once(hosts, reserve)
    assert sorted(map(str, answers)) == ["pending", "publication.in-progress", "publication.in-progress"]
    with hosts[0].reading() as connection:
        assert len(connection.execute(select(documents.c.unique_id)).all()) == 1


def test_lots_that_hold_each_others_documents_in_another_order_do_not_lock_each_other_out(
    hosts: list[Database],
) -> None:
    """They are written in one order, or PostgreSQL would undo one of them, a second later, for a deadlock."""
    for round_ in range(15):
        numbers = range(round_ * 100, round_ * 100 + 20)

        def reserve(database: Database, host: int, numbers: range = numbers) -> object:
            lot = [to_send(number) for number in (numbers if host % 2 else reversed(numbers))]
            return Publications(database).reserve(lot, ASKING, now=NOW).state

        answers = at_once(hosts, reserve)
        assert answers.count(State.PENDING) == 1, answers
        assert answers.count("publication.in-progress") == 2, answers


def test_one_statement_is_recorded_for_one_idempotency_key(hosts: list[Database]) -> None:
    def create(database: Database, number: int) -> object:
        statement = Statement(Category.OPPOSITION_FEEDING, ins(), "1750000001")
        return Consents(database).create(statement, recorder_id="899700000018", now=NOW, key="k")

    answers = at_once(hosts, create)
    assert answers[0] == answers[1] == answers[2]
    with hosts[0].reading() as connection:
        assert len(connection.execute(select(consent_table.c.id)).all()) == 1
    other = Statement(Category.OPPOSITION_FEEDING, ins(), "1750000001")
    again = Consents(hosts[0]).create(other, recorder_id="899700000026", now=NOW, key="k")
    assert again != answers[0], "the key is that of its recorder"


def test_a_document_hidden_by_hosts_at_once_is_on_the_worklist_once(hosts: list[Database]) -> None:
    def note(database: Database, number: int) -> object:
        HiddenDocuments(database).note(document("a", "899700000018"), "1750000001", NOW)
        return None

    assert at_once(hosts, note) == [None, None, None]
    with hosts[0].reading() as connection:
        assert len(connection.execute(select(hidden_documents)).all()) == 1


def test_nobody_becomes_the_holder_of_two_records_on_two_hosts(hosts: list[Database]) -> None:
    def pair(database: Database, number: int) -> object:
        try:
            Pairings(database).add(("app", "idpe", Pairing(ins(number + 1), Relation.HOLDER)))
        except ValueError:
            return "refused"
        return None

    for _ in range(5):
        answers = at_once(hosts, pair)
        assert sorted(map(str, answers)) == ["None", "refused", "refused"]
        assert Pairings(hosts[0]).remove(*Pairings(hosts[0]).all()) == 1


def test_hosts_purge_and_write_at_once(hosts: list[Database], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facade.records.traces._CUT", 7)
    for number in range(60):
        Traces(hosts[0]).append(trace(number))

    def act(database: Database, number: int) -> object:
        traces = Traces(database)
        if number < 2:
            return traces.purge(trace(40).time, now=NOW)
        return [traces.append(trace(100 + each)) for each in range(20)][-1]

    first, second, last = at_once(hosts, act)
    assert (first + second, last) == (40, 80)  # type: ignore[operator]
    assert Traces(hosts[0]).verify() == []
    with hosts[0].reading() as connection:
        removed = connection.execute(select(trace_anchors.c.removed)).scalars().all()
    assert sum(removed) == 40
    assert max(removed) <= 7, "no act waits for more than one cut"


def hold_the_chain(url: str, lock: bool) -> None:
    """In a process of its own: take every lock there is, and never come back."""
    database = open_database(url)
    with database.writing(Lock.MIGRATION if lock else None) as connection:
        connection.execute(text("SELECT seq FROM trace_head FOR UPDATE" if lock else "SELECT seq FROM trace_head"))
        os.kill(os.getppid(), signal.SIGUSR1)
        time.sleep(60)


def test_a_host_that_is_killed_with_the_locks_leaves_them(url: str, database: Database) -> None:
    taken = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: taken.set())
    postgresql = database._dialect.engine.name == "postgresql"
    holder = SPAWN.Process(target=hold_the_chain, args=(url, postgresql))
    holder.start()
    try:
        while not taken.is_set():
            assert holder.is_alive()
            time.sleep(0.01)
        impatient = open_database(url, busy_timeout=0.2)
        with pytest.raises(RecordsUnavailable):
            Traces(impatient).append(trace(1))
        impatient.close()
    finally:
        signal.signal(signal.SIGUSR1, before)
        holder.kill()
        holder.join()
    assert Traces(database).append(trace(1)) == 1
    migrate(url)
    assert Traces(database).verify() == []


def test_a_lost_connection_costs_the_request_it_served_and_no_other(url: str, database: Database) -> None:
    only_on(database, "postgresql", "SQLite has no connection to lose")
    traces, other = Traces(database), open_database(url)
    traces.append(trace(1))

    def drop() -> None:
        with other.writing() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname"
            connection.execute(text(f"{query} = current_database()"))

    def write_while_it_is_lost() -> None:
        with database.writing() as connection:
            drop()
            connection.execute(insert(trace_anchors), {"seq": 1, "hash": "x", "removed": 1, "time": NOW})

    drop()
    assert traces.append(trace(2)) == 2, "an idle connection is looked at before it is used"
    with pytest.raises(RecordsUnavailable) as caught:
        write_while_it_is_lost()
    assert caught.value.__suppress_context__
    assert traces.append(trace(3)) == 3
    assert traces.verify() == []
    other.close()


def test_a_statement_and_a_silent_transaction_have_their_time(url: str, database: Database) -> None:
    only_on(database, "postgresql", "a SQLite statement has no time limit; its transactions end with their process")
    hasty = open_database(url, statement_timeout=0.3)

    def fall_silent() -> None:
        with hasty.writing() as connection:
            connection.execute(text("SELECT seq FROM trace_head FOR UPDATE"))
            assert Traces(database).append(trace(1)) == 1, "the lock was given up by the server"
            connection.execute(text("SELECT 1"))

    with pytest.raises(RecordsUnavailable) as caught, hasty.reading() as connection:
        connection.execute(text("SELECT pg_sleep(20)"))
    assert caught.value.cause == "QueryCanceled 57014"
    with pytest.raises(RecordsUnavailable) as caught:
        fall_silent()
    assert caught.value.cause.startswith("IdleInTransactionSessionTimeout")
    hasty.close()


def test_an_acknowledged_trace_is_on_disk_whatever_the_server_does_for_others(url: str, database: Database) -> None:
    only_on(database, "postgresql", "SQLite is told by synchronous=FULL")
    with database.writing() as connection:
        connection.execute(text("ALTER ROLE facade SET synchronous_commit = off"))
    careful = open_database(url)
    try:
        with careful.reading() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    finally:
        with database.writing() as connection:
            connection.execute(text("ALTER ROLE facade RESET synchronous_commit"))
        careful.close()


def test_there_are_no_more_connections_than_allowed_and_waiting_for_one_ends(url: str) -> None:
    database = open_database(url, pool_size=2, busy_timeout=0.2)
    with database.reading(), database.reading(), pytest.raises(RecordsUnavailable) as caught, database.reading():
        pass
    assert caught.value.cause == "TimeoutError"
    with database.reading():
        pass
    database.close()


def test_a_full_disk_is_said_undoes_the_trace_and_is_forgotten_once_there_is_room(tmp_path: Path) -> None:
    """SQLite; the limit on the size of a file stands for the end of the disk."""
    migrate(f"sqlite:///{tmp_path / 'facade.db'}")
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        assert pool.submit(fill_the_disk, f"sqlite:///{tmp_path / 'facade.db'}").result() == []


def fill_the_disk(url: str) -> list[str]:
    """In a process of its own: what went wrong, nothing if all is well."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    database = open_database(url)
    traces, told, wrong = Traces(database), 0, []
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, most))
    try:
        for _ in range(400):
            told = traces.append(trace(told + 1))
        wrong.append("the disk was never full")
    except RecordsUnavailable as error:
        wrong += [] if error.cause.startswith("OperationalError SQLITE_") else [error.cause]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if traces.append(trace(1)) != told + 1 or traces.verify():
        wrong.append("the chain did not go on where it was")
    database.close()
    return wrong

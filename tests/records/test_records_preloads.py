"""Preloads at rest: sealed, counted, fetched by one at a time, and really gone (EXI 11, EXI 12)."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from facade.records.engine import Database
from facade.records.preload_states import State
from facade.records.vault import Vault
from tests.support.preloads import (
    LEASE,
    LIMITS,
    OLD,
    SECRET,
    THREE_DAYS,
    claim_each,
    fetched,
    kept,
    logical_id,
    order,
    place_each,
    placed,
    preloads,
)
from tests.support.records import NOW, ins

SPAWN = multiprocessing.get_context("spawn")
IN_CLEAR = (b"%PDF of a patient", b"Compte rendu", ins().value.encode(), b"Camille", logical_id(1).encode(), b"11488-4")


def _everything(database: Database) -> bytes:
    with database.reading() as connection:
        tables = ("preloads", "preloaded_documents", "preload_uses")
        rows = [tuple(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}"))]
    values = [value for row in rows for value in row]
    return b"\n".join(bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in values)


def test_what_is_kept_is_read_back_as_it_was(database: Database) -> None:
    found = preloads(database)
    assert placed(found) == 1
    assert fetched(found, numbers=(2, 1))
    ready = found.get("preload-1")
    assert ready is not None
    assert (ready.state, ready.fetched, ready.held, ready.matched) == (State.READY, NOW, 2, 2)
    assert ready.order == order()
    assert [each.entry.logical_id for each in found.documents(ready)] == [logical_id(1), logical_id(2)]
    assert found.document(ready, logical_id(1)) == kept(1)
    assert found.document(ready, logical_id(3)) is None


def test_nothing_of_the_patient_is_readable_in_the_tables(database: Database) -> None:
    found = preloads(database)
    placed(found)
    claim = found.claim("preload-1", "me", now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
    assert claim
    found.count(claim, [logical_id(1)], now=NOW, since=NOW - THREE_DAYS, limits=LIMITS)
    assert found.keep(claim, 1, kept(1), now=NOW, lease=LEASE)
    stored = _everything(database)
    assert b"899700000018" in stored  # whose preload it is: what the rows are looked up by
    assert [each for each in IN_CLEAR if each in stored] == []


def test_a_document_moved_to_another_order_does_not_open(database: Database) -> None:
    found = preloads(database)
    for preload_id in ("preload-1", "preload-2"):
        placed(found, preload_id)
    fetched(found, "preload-1", (1,))
    fetched(found, "preload-2", ())
    with database.writing() as connection:
        connection.execute(text("UPDATE preloaded_documents SET preload_id = 'preload-2'"))
    moved = found.get("preload-2")
    assert moved is not None
    assert (moved.held, found.documents(moved), found.document(moved, logical_id(1))) == (1, [], None)


def test_a_secret_can_be_rotated_while_preloads_are_kept(database: Database) -> None:
    before, after = preloads(database, OLD), preloads(database, SECRET, OLD)
    placed(before)
    fetched(before)
    ready = after.get("preload-1")
    assert ready is not None
    assert after.document(ready, logical_id(1)) == kept(1)
    assert after.forget_document(logical_id(1)) == 1
    # The same patient counts once under either secret.
    assert placed(after, "preload-2", order(ins(2))) == 1
    assert after.forget(ins(), NOW, "x") == 1


def test_without_the_secret_nothing_opens_and_the_sweep_removes_it_all_the_same(database: Database) -> None:
    placed(preloads(database, OLD))
    fetched(preloads(database, OLD))
    found = preloads(database, SECRET)
    assert found.get("preload-1") is None
    assert found.sweep(NOW + THREE_DAYS, THREE_DAYS) == 1
    assert b"document" not in _everything(database)
    assert _count(database, "preloaded_documents") == 0


def test_the_same_thing_is_never_sealed_twice_alike_and_a_changed_byte_does_not_open() -> None:
    vault = Vault([SECRET])
    one, other = vault.seal(b"x", "a"), vault.seal(b"x", "a")
    assert one != other
    assert vault.open(one, "a") == b"x"
    assert (vault.open(one, "b"), vault.open(one[:-1] + bytes([one[-1] ^ 1]), "a"), vault.open(b"", "a")) == (None,) * 3
    assert Vault([OLD]).open(one, "a") is None
    assert vault.name("patient", "1") not in Vault([OLD]).names("patient", "1")
    with pytest.raises(ValueError, match="needs a secret"):
        Vault([])


def _count(database: Database, table: str) -> int:
    with database.reading() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_the_51st_patient_of_24_hours_is_not_taken_and_a_day_later_is(database: Database) -> None:
    found = preloads(database)
    assert [placed(found, f"preload-{number}", order(ins(number))) for number in range(52)] == [*range(1, 51), 51, 51]
    assert _count(database, "preloads") == 50
    assert placed(found, "again", order(ins(7))) == 50, "the same patient is no other one"
    assert placed(found, "colleague", order(ins(99), person="899700000099")) == 1
    due = NOW + timedelta(hours=24)
    planned = order(ins(60), hours=72)
    assert found.place("later", planned, due=due, closes=planned.start, now=NOW, most=50) == 1


def test_windows_of_24_hours_slide(database: Database) -> None:
    found = preloads(database)
    for number, hours in enumerate((0, 10, 20, 30)):
        due, wanted = NOW + timedelta(hours=hours), order(ins(number), hours=72)
        counted = found.place(f"preload-{number}", wanted, due=due, closes=wanted.start, now=NOW, most=50)
        assert counted == (1, 2, 3, 3)[number], "0 to 20 hours hold three, 10 to 30 hours too"


def test_processes_that_order_at_once_do_not_pass_the_limit_together(url: str) -> None:
    with ProcessPoolExecutor(3, mp_context=SPAWN) as pool:
        got = [pool.submit(place_each, url, first, 20) for first in (100, 200, 300)]
        assert sum(each.result() for each in got) == 50


def test_the_11th_document_of_a_patient_is_not_kept_whatever_the_orders(database: Database) -> None:
    found = preloads(database)

    def room(preload_id: str, numbers: range, later: timedelta = timedelta()) -> tuple[int, list[int]]:
        now = NOW + later
        claim = found.claim(preload_id, "me", now=now, lease=LEASE, expires=now + THREE_DAYS)
        assert claim is not None
        wanted = [logical_id(number) for number in numbers]
        counted = found.count(claim, wanted, now=now, since=now - THREE_DAYS, limits=LIMITS)
        return counted.already, [int(each[-3:]) for each in counted.documents]

    for preload_id in ("one", "two", "three", "four", "five"):
        placed(found, preload_id)
    placed(found, "colleague", order(person="899700000099"))
    assert room("one", range(12)) == (0, list(range(10)))
    found.end("one", State.ENDED, NOW)
    assert room("two", range(8, 14)) == (10, [8, 9]), "what was kept once is counted once, and ended is not uncounted"
    assert room("three", range(20, 22)) == (10, [])
    assert room("colleague", range(12)) == (0, list(range(10)))
    assert room("four", range(20, 22), THREE_DAYS + timedelta(seconds=1)) == (0, [20, 21])


def test_each_order_is_taken_by_one_process(url: str, database: Database) -> None:
    found = preloads(database)
    for number in range(20):
        placed(found, f"preload-{number}", order(ins(number)))
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        got = [pool.submit(claim_each, url, holder, 20) for holder in ("a", "b")]
        taken = [preload_id for each in got for preload_id in each.result()]
    assert sorted(taken) == sorted(f"preload-{number}" for number in range(20))


def test_an_order_whose_process_died_is_begun_again_and_the_dead_one_keeps_nothing_more(database: Database) -> None:
    found = preloads(database)
    placed(found)
    dead = found.claim("preload-1", "dead", now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
    assert dead is not None
    assert found.keep(dead, 1, kept(1), now=NOW, lease=LEASE)
    assert (found.due(NOW, 9), found.claim("preload-1", "b", now=NOW, lease=LEASE, expires=NOW)) == ([], None)
    later = NOW + LEASE
    assert found.due(later, 9) == ["preload-1"]
    heir = found.claim("preload-1", "heir", now=later, lease=LEASE, expires=later + THREE_DAYS)
    assert heir is not None
    assert heir.preload.attempts == 2
    assert _count(database, "preloaded_documents") == 0
    assert not found.keep(dead, 2, kept(2), now=later, lease=LEASE)
    assert not found.done(dead, fetched=NOW, matched=1)
    assert not found.put_back(dead, due=later, outcome="x")
    assert found.done(heir, fetched=later, matched=0)


def test_what_a_dead_process_had_kept_goes_with_time_too(database: Database) -> None:
    found = preloads(database)
    placed(found)
    claim = found.claim("preload-1", "dead", now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
    assert claim is not None
    assert found.keep(claim, 1, kept(1), now=NOW, lease=LEASE)
    found.sweep(NOW + THREE_DAYS, THREE_DAYS)
    assert _count(database, "preloaded_documents") == 0


@pytest.mark.parametrize("way", ["end", "delete", "forget", "sweep", "end while fetching", "fail", "put back"])
def test_every_way_out_removes_the_documents(database: Database, way: str) -> None:
    found = preloads(database)
    placed(found)
    claim = found.claim("preload-1", "me", now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
    assert claim is not None
    assert found.keep(claim, 1, kept(1), now=NOW, lease=LEASE)
    if way in ("end", "delete", "forget", "sweep"):
        found.done(claim, fetched=NOW, matched=1)
    if way.startswith("end"):
        found.end("preload-1", State.ENDED, NOW)
    if way == "end while fetching":
        assert not found.keep(claim, 2, kept(2), now=NOW, lease=LEASE)
    if way == "delete":
        found.delete("preload-1")
    if way == "forget":
        assert found.forget(ins(), NOW, "opposition.consultation", person_id="899700000099") == 0
        assert found.forget(ins(), NOW, "opposition.consultation", structure_id="1750000001") == 1
    if way == "sweep":
        assert found.sweep(NOW + THREE_DAYS - timedelta(seconds=1), THREE_DAYS) == 0
        assert found.sweep(NOW + THREE_DAYS, THREE_DAYS) == 1
    if way == "fail":
        assert found.fail(claim, outcome="blocked.by-holder", now=NOW)
    if way == "put back":
        assert found.put_back(claim, due=NOW, outcome="dmp.unreachable")
    assert _count(database, "preloaded_documents") == 0


def test_orders_nobody_fetched_end_and_what_is_over_leaves_after_three_days(database: Database) -> None:
    found = preloads(database)
    placed(found)
    closes = order().start + timedelta(days=1)
    assert found.sweep(closes - timedelta(seconds=1), THREE_DAYS) == 0
    assert found.sweep(closes, THREE_DAYS) == 1
    ended = found.get("preload-1")
    assert ended is not None
    assert ended.state is State.EXPIRED
    found.sweep(closes + THREE_DAYS, THREE_DAYS)
    assert (_count(database, "preloads"), _count(database, "preload_uses")) == (0, 0)


def test_the_bytes_of_what_was_removed_are_not_left_in_the_sqlite_files(tmp_path: Path) -> None:
    from facade.records.engine import migrate, open_database

    path = tmp_path / "wiped.db"
    migrate(f"sqlite:///{path}")
    database = open_database(f"sqlite:///{path}")
    found = preloads(database)
    placed(found)
    fetched(found)
    with database.reading() as connection:
        sealed = connection.execute(text("SELECT content FROM preloaded_documents")).scalar_one()

    def files() -> bytes:
        return b"".join(each.read_bytes() for each in tmp_path.glob("wiped.db*"))

    assert sealed in files()
    found.end("preload-1", State.ENDED, NOW)
    assert sealed not in files()
    database.close()

"""Traces: what is written is kept, what is changed shows."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from facade.domain.ins import InsKind
from facade.records.chain import Fault, link_hash
from facade.records.engine import Database
from facade.records.schema import trace_anchors, trace_head
from facade.records.schema import traces as table
from facade.records.traces import Trace, Traces
from tests.support.records import NOW, append_many, ins, trace


@pytest.fixture
def written(database: Database) -> Traces:
    traces = Traces(database)
    for number in range(1, 7):
        traces.append(trace(number))
    return traces


def faults(traces: Traces) -> list[tuple[int, Fault]]:
    return [(problem.seq, problem.fault) for problem in traces.verify()]


def tamper(database: Database, *statements: object) -> None:
    with database.writing() as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def test_everything_that_was_said_comes_back(database: Database) -> None:
    full = trace(
        time=datetime(2026, 3, 29, 3, 0, 0, 7, tzinfo=timezone(timedelta(hours=2))),
        application="app",
        document_unique_id="1.2.3",
        purpose="bris_de_glace",
        reason="détresse vitale",
        outcome="error",
        outcome_code="dmp.refused",
        secret=True,
        on_behalf=False,
    )
    traces = Traces(database)
    assert traces.append(full) == 1
    (found,) = traces.of_patient(ins())
    assert {name: getattr(found, name) for name in Trace.__slots__} == {
        name: getattr(full, name) for name in Trace.__slots__
    }
    assert found.time.tzinfo is UTC
    assert found.emergency
    assert not trace().emergency


@given(value=st.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_can_break_the_chain(database: Database, value: str) -> None:
    traces = Traces(database)
    traces.append(trace(reason=value, structure_name=value))
    assert traces.verify() == []


def test_a_trace_without_patient_or_document_is_a_trace(database: Database) -> None:
    traces = Traces(database)
    traces.append(trace(patient=None, document=""))
    (found,) = list(traces.export())
    assert found.patient is None
    assert traces.verify() == []


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        Traces(database).append(trace(time=NOW.replace(tzinfo=None)))


def test_nothing_of_a_person_is_in_the_repr() -> None:
    shown = repr(trace(reason="secret words"))
    for hidden in (ins().value, "DURAND", "899700000018", "jti-1", "secret words", "document-1"):
        assert hidden not in shown


def test_an_untouched_chain_verifies(written: Traces) -> None:
    assert written.verify() == []
    assert written.head().seq == 6


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("person_id", "899700000026"),
        ("patient_value", "not an INS"),
        ("reason", "another reason"),
        ("time", NOW - timedelta(days=1)),
        ("secret", True),
        ("on_behalf", True),
        ("effect", "deny"),
        ("hash", "0" * 64),
    ],
)
def test_a_changed_row_shows(database: Database, written: Traces, column: str, value: object) -> None:
    tamper(database, update(table).where(table.c.seq == 3).values({column: value}))
    assert (3, Fault.CHANGED) in faults(written)


def test_a_changed_row_with_its_hash_made_again_shows_at_the_next(database: Database, written: Traces) -> None:
    (third,) = [one for one in written.export() if one.seq == 3]
    content = {name: value for name, value in third.as_dict().items() if name not in ("previous", "hash")}
    content["rule"] = "another"
    forged = {"rule": "another", "hash": link_hash(third.previous, content)}
    tamper(database, update(table).where(table.c.seq == 3).values(forged))
    assert faults(written) == [(4, Fault.UNLINKED)]


def test_a_removed_row_shows(database: Database, written: Traces) -> None:
    tamper(database, delete(table).where(table.c.seq.in_([3, 4])))
    problems = written.verify()
    assert [(one.seq, one.fault) for one in problems] == [(5, Fault.REMOVED)]
    assert problems[0].text == "traces 3 to 4 are missing"


def test_removed_first_and_last_rows_show(database: Database, written: Traces) -> None:
    tamper(database, delete(table).where(table.c.seq.in_([1, 6])))
    assert faults(written) == [(2, Fault.REMOVED), (6, Fault.TRUNCATED)]


def test_an_emptied_table_shows(database: Database, written: Traces) -> None:
    tamper(database, delete(table))
    assert faults(written) == [(6, Fault.TRUNCATED)]


def test_reordered_rows_show(database: Database, written: Traces) -> None:
    tamper(
        database,
        update(table).where(table.c.seq == 2).values(seq=100),
        update(table).where(table.c.seq == 3).values(seq=2),
        update(table).where(table.c.seq == 100).values(seq=3),
    )
    found = faults(written)
    assert (2, Fault.CHANGED) in found
    assert (3, Fault.CHANGED) in found


def test_a_row_nobody_appended_shows(database: Database, written: Traces) -> None:
    with database.writing() as connection:
        last = dict(connection.execute(select(table).where(table.c.seq == 6)).one()._mapping)
        connection.execute(table.insert(), {**last, "seq": 7})
    assert (7, Fault.UNANNOUNCED) in faults(written)


def test_a_head_that_was_turned_back_shows(database: Database, written: Traces) -> None:
    tamper(database, update(trace_head).values(hash="f" * 64))
    assert faults(written) == [(6, Fault.HEAD_CHANGED)]


def test_unreadable_times_are_reported_and_do_not_stop_the_rest(database: Database, written: Traces) -> None:
    if database._dialect.engine.name != "sqlite":
        pytest.skip("PostgreSQL stores no text as an instant")
    with database.writing() as connection:
        connection.execute(text("UPDATE traces SET time = 'yesterday' WHERE seq = 2"))
    assert faults(written) == [(2, Fault.CHANGED)]


def test_history_is_newest_first_and_of_one_patient(
    database: Database, written: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.append(trace(50, patient=ins(2)))
    written.append(trace(5, document="document-5-again"))
    monkeypatch.setattr("facade.records.traces._BATCH", 2)
    found = written.of_patient(ins(), since=NOW + timedelta(seconds=2), until=NOW + timedelta(seconds=6))
    documents = ["document-5-again", "document-5", "document-4", "document-3", "document-2"]
    assert [one.document for one in found] == documents
    assert [one.document for one in written.of_patient(ins(2))] == ["document-50"]


def test_history_of_an_emergency_alone(written: Traces) -> None:
    written.append(trace(7, purpose="bris_de_glace"))
    written.append(trace(8, purpose="centre_15"))
    emergencies = written.of_patient(ins(), purposes=("bris_de_glace", "centre_15"))
    assert [one.document for one in emergencies] == ["document-8", "document-7"]
    assert list(written.of_patient(ins(), purposes=())) == []


def test_the_same_digits_of_another_kind_are_another_patient(written: Traces) -> None:
    assert list(written.of_patient(ins(1, InsKind.NIR))) == []


def test_export_by_patient_person_and_period(written: Traces) -> None:
    written.append(trace(50, patient=ins(2), person_id="899700000026"))
    assert [one.seq for one in written.export()] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.seq for one in written.export(patient=ins(2))] == [7]
    assert [one.seq for one in written.export(person_id="899700000026")] == [7]
    assert [one.seq for one in written.export(until=NOW + timedelta(seconds=3))] == [1, 2]
    assert [one.seq for one in written.export(patient=ins(), since=NOW + timedelta(seconds=6))] == [6]


def test_export_and_verify_walk_over_more_than_one_batch(
    database: Database, written: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facade.records.traces._BATCH", 3)
    assert [one.seq for one in written.export()] == [1, 2, 3, 4, 5, 6]
    assert written.verify() == []
    tamper(database, update(table).where(table.c.seq == 4).values(rule="x"))
    assert faults(written) == [(4, Fault.CHANGED)]


def test_an_exported_line_is_plain_and_complete(written: Traces) -> None:
    line = json.loads(json.dumps(next(iter(written.export())).as_dict()))
    assert line["time"] == "2026-11-22T09:30:16.123456+00:00"
    assert line["patient_value"] == ins().value
    assert line["seq"] == 1
    assert len(line["hash"]) == 64
    assert set(line) == {column.name for column in table.columns}


def test_a_purge_leaves_a_chain_that_verifies(database: Database, written: Traces) -> None:
    assert written.purge(NOW + timedelta(seconds=4), now=NOW) == 3
    assert [one.seq for one in written.export()] == [4, 5, 6]
    assert written.verify() == []
    assert written.append(trace(7)) == 7
    assert written.purge(NOW + timedelta(days=1), now=NOW) == 4
    assert written.verify() == []
    assert written.append(trace(8)) == 8
    assert written.verify() == []
    assert written.purge(NOW - timedelta(days=1), now=NOW) == 0


def test_a_removal_dressed_as_a_purge_needs_the_right_hash(database: Database, written: Traces) -> None:
    tamper(
        database,
        delete(table).where(table.c.seq <= 2),
        trace_anchors.insert().values(seq=2, hash="0" * 64, removed=2, time=NOW),
    )
    assert faults(written) == [(3, Fault.UNLINKED)]


def test_a_removal_after_a_purge_shows(database: Database, written: Traces) -> None:
    written.purge(NOW + timedelta(seconds=3), now=NOW)
    tamper(database, delete(table).where(table.c.seq == 3))
    assert faults(written) == [(4, Fault.REMOVED)]


def test_a_clock_that_was_ahead_makes_nothing_go_too_early(database: Database) -> None:
    traces = Traces(database)
    for number in (1, 900, 2):
        traces.append(trace(number))
    assert traces.purge(NOW + timedelta(seconds=500), now=NOW) == 1
    assert [one.seq for one in traces.export()] == [2, 3]


def test_processes_append_to_one_chain(url: str, database: Database) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        batches = list(pool.map(append_many, [url] * 4, range(4), [40] * 4))
    numbers = sorted(number for batch in batches for number in batch)
    assert numbers == list(range(1, 161))
    assert all(batch == sorted(batch) for batch in batches)
    assert Traces(database).verify() == []


def test_threads_append_to_one_chain(database: Database) -> None:
    traces = Traces(database)
    with ThreadPoolExecutor(12) as pool:
        numbers = sorted(pool.map(lambda number: traces.append(trace(number)), range(120)))
    assert numbers == list(range(1, 121))
    assert traces.verify() == []

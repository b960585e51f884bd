"""What is about to be changed, kept until its traces are written: once, by whoever gets there first (EXI 18)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from facade.records.engine import Database, RecordsUnavailable, open_database
from facade.records.intents import Intents
from facade.records.schema import intents as table
from facade.records.traces import Trace, Traces
from tests.support.records import NOW, ins, trace

MINUTE = timedelta(minutes=1)
FULL = Trace(
    time=NOW - MINUTE,
    kind="professional",
    person_id="899700000018",
    person_name="Camille DURAND",
    local_id="jti-1",
    structure_id="1750000001",
    structure_name="Hôpital",
    application="an application",
    patient=ins(),
    document="document-1",
    document_unique_id="1.2.3",
    act="mask",
    transaction="TD3.3a",
    purpose="bris_de_glace",
    reason="inconscient",
    effect="permit",
    rule="masking.author",
    basis="référentiel 4.3",
    outcome="success",
    correlation_id="c-1",
    secret=True,
    on_behalf=False,
    recipients="a@b.mssante.fr",
)


@pytest.fixture
def intents(database: Database) -> Intents:
    return Intents(database)


@pytest.fixture
def traces(database: Database) -> Traces:
    return Traces(database)


@pytest.fixture
def hosts(url: str) -> Iterator[list[Database]]:
    opened = [open_database(url, busy_timeout=30) for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


def kept(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_what_a_dead_process_left_becomes_its_trace_with_nothing_lost(
    database: Database, intents: Intents, traces: Traces
) -> None:
    intents.declare("a", [FULL], now=NOW)
    assert (kept(database), list(traces.export())) == (1, [])
    assert intents.settle(NOW) == 1
    (written,) = traces.export()
    told = {each.name: getattr(written, each.name) for each in fields(Trace)}
    assert Trace(**told) == replace(FULL, outcome="unknown", outcome_code="")
    assert (kept(database), intents.settle(NOW), traces.verify()) == (0, 0, [])


def test_the_traces_of_an_act_take_the_place_of_its_intents_and_of_no_others(
    database: Database, intents: Intents, traces: Traces
) -> None:
    intents.declare("a", [trace(1), trace(2)], now=NOW)
    intents.declare("a", [trace(3)], now=NOW, first=2)
    intents.declare("b", [trace(4)], now=NOW)
    assert traces.append(trace(1), trace(2), trace(3), closes="a") == 3
    assert kept(database) == 1
    assert intents.settle(NOW) == 1
    assert [(one.document, one.outcome) for one in traces.export()] == [
        ("document-1", "success"),
        ("document-2", "success"),
        ("document-3", "success"),
        ("document-4", "unknown"),
    ]
    assert traces.verify() == []


def test_an_act_without_intents_takes_none_away(database: Database, intents: Intents, traces: Traces) -> None:
    intents.declare("a", [trace(1)], now=NOW)
    traces.append(trace(2))
    assert kept(database) == 1


def test_traces_that_cannot_be_written_leave_the_intents_where_they_are(
    database: Database, intents: Intents, traces: Traces
) -> None:
    intents.declare("a", [trace(1), trace(2)], now=NOW)

    broken = Traces(database)
    broken._close = database.prepare(select(table.c.id).where(table.c.id == func.no_such_function()))
    with pytest.raises(RecordsUnavailable):
        broken.append(trace(1), trace(2), closes="a")
    assert (list(traces.export()), traces.head().seq, kept(database)) == ([], 0, 2)


def test_what_may_still_be_done_is_left_alone(database: Database, intents: Intents, traces: Traces) -> None:
    intents.declare("old", [trace(1)], now=NOW - MINUTE)
    intents.declare("renewed", [trace(2)], now=NOW - MINUTE)
    intents.declare("new", [trace(3)], now=NOW)
    intents.renew("renewed", now=NOW)
    assert intents.settle(NOW - timedelta(seconds=1)) == 1
    assert [one.document for one in traces.export()] == ["document-1"]
    assert kept(database) == 2


def test_hosts_that_settle_at_once_make_one_trace_of_each(hosts: list[Database]) -> None:
    """More of them than one transaction takes, from several acts."""
    for act in range(5):
        Intents(hosts[0]).declare(f"act-{act}", [trace(act * 100 + each) for each in range(60)], now=NOW)
    together = threading.Barrier(len(hosts))

    def settle(database: Database) -> int:
        together.wait(10)
        return Intents(database).settle(NOW)

    with ThreadPoolExecutor(len(hosts)) as pool:
        settled = list(pool.map(settle, hosts))
    written = Traces(hosts[0])
    documents = [one.document for one in written.export()]
    assert (sum(settled), len(documents), len(set(documents))) == (300, 300, 300)
    assert (kept(hosts[0]), written.verify()) == (0, [])


def test_an_act_that_ends_while_others_settle_is_told_once_by_one_of_them(hosts: list[Database]) -> None:
    """Should its process come back from a sleep of hours: either it was in time, or the journal says both."""
    for round_ in range(20):
        Intents(hosts[0]).declare(f"act-{round_}", [trace(round_)], now=NOW)
        together = threading.Barrier(2)

        def closes(number: int, together: threading.Barrier = together) -> int:
            together.wait(10)
            return Traces(hosts[1]).append(trace(number), closes=f"act-{number}")

        def settles(_: int, together: threading.Barrier = together) -> int:
            together.wait(10)
            return Intents(hosts[2]).settle(NOW)

        with ThreadPoolExecutor(2) as pool:
            ended, settled = pool.submit(closes, round_), pool.submit(settles, round_)
            assert ended.result() > 0
            outcomes = sorted(one.outcome for one in Traces(hosts[0]).export() if one.document == f"document-{round_}")
            assert outcomes == ["success", "unknown"][: 1 + settled.result()]
    assert (kept(hosts[0]), Traces(hosts[0]).verify()) == (0, [])


def test_an_intent_is_one_commit_and_its_end_none(database: Database, intents: Intents, traces: Traces) -> None:
    """What a change costs more than it did: the transaction that declares it."""
    commits: list[str] = []
    event.listen(database.engine.pool, "checkout", lambda *_: commits.append("connection"))
    intents.declare("a", [trace(1), trace(2)], now=NOW)
    declared = len(commits)
    traces.append(trace(1), trace(2), closes="a")
    assert (declared, len(commits)) == (1, 2)

"""When an emergency began, and which documents are still hidden from their patient."""

from __future__ import annotations

from datetime import timedelta

from facade.records.engine import Database
from facade.records.hidden import HiddenDocuments
from facade.records.traces import Traces
from tests.support.records import NOW, document, ins, trace

DOCTOR, GLASS = "899700000018", "bris_de_glace"


def _emergency(number: int, **changes: object) -> object:
    return trace(number, **{"purpose": GLASS, "reason": "coma", **changes})


def test_an_emergency_began_when_its_reason_was_first_let_in(database: Database) -> None:
    traces = Traces(database)
    for each in (_emergency(5, effect="deny"), _emergency(10), _emergency(20)):
        traces.append(each)  # type: ignore[arg-type]
    since, until = NOW - timedelta(days=1), NOW + timedelta(minutes=5)
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "coma", since, until) == NOW + timedelta(seconds=10)
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "another reason", since, until) is None
    assert traces.emergency_opened(DOCTOR, ins(2), GLASS, "coma", since, until) is None
    assert traces.emergency_opened("899700000026", ins(), GLASS, "coma", since, until) is None
    assert traces.emergency_opened(DOCTOR, ins(), "centre_15", "coma", since, until) is None
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "coma", NOW + timedelta(hours=1), until) is None


def test_an_emergency_stated_while_the_clock_was_ahead_opens_nothing_until_then(database: Database) -> None:
    traces = Traces(database)
    traces.append(_emergency(7200))  # type: ignore[arg-type]
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "coma", NOW - timedelta(days=1), NOW) is None


def test_a_hidden_document_is_listed_for_its_author_and_structure_until_it_is_shown(database: Database) -> None:
    hidden = HiddenDocuments(database)
    hidden.note(document("a", DOCTOR), "1750000001", NOW)
    hidden.note(document("b", "899700000026"), "1750000001", NOW - timedelta(days=3))
    hidden.note(document("a", DOCTOR), "1750000001", NOW + timedelta(days=2))
    assert [(each.logical_id, each.since) for each in hidden.of_author(DOCTOR)] == [("a", NOW)]
    assert [each.logical_id for each in hidden.of_structure("1750000001")] == ["b", "a"]
    assert hidden.of_structure("1999999999") == []
    hidden.lift("a")
    assert hidden.of_author(DOCTOR) == []

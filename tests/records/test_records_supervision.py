"""What supervision keeps: its turn, alerts, suspensions, and the marks of colleagues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from facade.records.alerts import Alerts, Reached
from facade.records.engine import Database
from facade.records.staff import Staff
from facade.records.suspensions import Suspensions
from facade.records.traces import Traces
from facade.records.usages import Usages
from tests.support.records import NOW, ins, trace

PERSON, STRUCTURE = "899700000018", "1750000001"
TURN = timedelta(minutes=10)
REACHED = Reached("colleagues", "high", PERSON, STRUCTURE, NOW, NOW + timedelta(minutes=5), 2)


def _later(minutes: int, **changes: object) -> Reached:
    first = NOW + timedelta(minutes=minutes)
    return replace(REACHED, first=first, last=first + timedelta(minutes=5), **changes)  # type: ignore[arg-type]


def test_of_many_processes_one_has_the_turn_until_it_ends(database: Database) -> None:
    usages = Usages(database)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda number: usages.take_turn(f"process-{number}", NOW, TURN), range(8)))
    assert sorted(got, key=str) == [0] + [None] * 7
    winner = f"process-{got.index(0)}"
    assert usages.take_turn(winner, NOW + timedelta(minutes=9), TURN) == 0
    assert usages.take_turn("another", NOW + timedelta(minutes=18), TURN) is None
    assert usages.take_turn("another", NOW + timedelta(minutes=19), TURN) == 0


def test_who_lost_the_turn_does_not_say_how_far_it_came(database: Database) -> None:
    usages = Usages(database)
    usages.take_turn("dead", NOW, TURN)
    usages.take_turn("next", NOW + TURN, TURN)
    usages.done("dead", 40)
    assert usages.take_turn("next", NOW + TURN, TURN) == 0
    usages.done("next", 7)
    assert usages.take_turn("next", NOW + TURN, TURN) == 7


def test_persons_are_those_of_new_traces_and_their_uses_those_since_a_moment(database: Database) -> None:
    traces, usages = Traces(database), Usages(database)
    for each in (trace(1), trace(2, person_id=""), trace(3, person_id="other"), trace(4, structure_id="elsewhere")):
        traces.append(each)
    assert (usages.newest(), usages.news()) == (4, True)
    assert usages.persons(0, 4) == [(PERSON, STRUCTURE), (PERSON, "elsewhere"), ("other", STRUCTURE)]
    assert usages.persons(1, 3) == [("other", STRUCTURE)]
    assert [used.document for used in usages.of_person(PERSON, STRUCTURE, NOW)] == ["document-1"]
    assert list(usages.of_person(PERSON, STRUCTURE, NOW + timedelta(seconds=2))) == []
    usages.take_turn("one", NOW, TURN)
    usages.done("one", 4)
    assert not usages.news()


def test_what_goes_on_makes_an_alert_longer_and_raises_none(database: Database) -> None:
    alerts = Alerts(database)
    (raised,) = alerts.note([REACHED], NOW)
    assert alerts.note([REACHED, _later(3, count=9)], NOW) == []
    (kept,) = alerts.of_structure(STRUCTURE)
    assert (kept.id, kept.first, kept.last, kept.count) == (raised.id, NOW, NOW + timedelta(minutes=8), 9)
    assert [alert.first for alert in alerts.note([_later(60)], NOW + timedelta(hours=2))] == [_later(60).first]
    assert alerts.of_structure("elsewhere") == []


def test_a_release_answers_for_what_was_and_not_for_what_comes(database: Database) -> None:
    alerts = Alerts(database)
    (raised,) = alerts.note([replace(REACHED, suspends=True)], NOW)
    assert alerts.suspended() == {(PERSON, STRUCTURE)}
    until = NOW + timedelta(minutes=30)
    assert alerts.release(raised.id, by="the director", why="a locum", now=until)
    assert not alerts.release(raised.id, by="somebody", why="again", now=until)
    assert (alerts.suspended(), alerts.released_until(PERSON, STRUCTURE, "colleagues")) == (frozenset(), until)
    assert alerts.released_until(PERSON, STRUCTURE, "refusals") is None
    assert alerts.note([_later(10)], until) == []
    assert len(alerts.note([_later(31, suspends=True)], NOW + timedelta(hours=1))) == 1
    assert alerts.suspended() == {(PERSON, STRUCTURE)}
    kept = alerts.one(raised.id)
    assert kept is not None
    assert (kept.released_by, kept.released_why) == ("the director", "a locum")


def test_each_alert_is_told_until_it_was_told(database: Database) -> None:
    alerts = Alerts(database)
    first, second = alerts.note([REACHED], NOW) + alerts.note([_later(60)], NOW + timedelta(hours=1))
    assert [alert.id for alert in alerts.untold()] == [first.id, second.id]
    alerts.told(first.id, NOW)
    assert [alert.id for alert in alerts.untold()] == [second.id]


def test_suspensions_are_those_of_a_moment_ago(database: Database) -> None:
    alerts = Alerts(database)
    suspensions = Suspensions(alerts)
    assert not Suspensions(alerts).hold(PERSON, STRUCTURE)
    alerts.note([replace(REACHED, suspends=True)], NOW)
    assert suspensions.hold(PERSON, STRUCTURE)
    assert not suspensions.hold(PERSON, "elsewhere")


def test_colleagues_are_kept_as_marks_that_tell_nothing(database: Database) -> None:
    staff = Staff(database, [b"a" * 32])
    assert staff.replace(STRUCTURE, [ins(1), ins(2), ins(2)]) == 2
    marks = staff.marks(STRUCTURE)
    assert (staff.among(marks, ins(1)), staff.among(marks, ins(3))) == (True, False)
    assert staff.marks("elsewhere") == frozenset()
    with database.reading() as connection:
        kept = str(connection.execute(text("SELECT * FROM staff")).all())
    assert ins(1).value not in kept
    rotated = Staff(database, [b"b" * 32, b"a" * 32])
    assert rotated.among(rotated.marks(STRUCTURE), ins(1))
    assert not Staff(database, [b"b" * 32]).among(marks, ins(1))
    assert staff.replace(STRUCTURE, []) == 0
    assert staff.marks(STRUCTURE) == frozenset()

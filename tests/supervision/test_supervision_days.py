"""No false alarm on a day of work, every planted misuse on a bad one: by the criteria as shipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.knowledge import rows
from facade.policy.supervision import Criterion, Measure, Usage, criteria, examine, longest_window
from facade.records.traces import Trace
from tests.support.sample_days import PLANTED, STAFF, bad_day, normal_day

DAY = date(2026, 1, 20)
USUAL = (time(6), time(22))
READING = {"search", "read", "retrieve"}
CRITERIA = criteria(rows("supervision/criteria.csv"), {})
NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)


def _usage(trace: Trace) -> Usage:
    assert trace.patient is not None
    return Usage(
        trace.time,
        trace.person_id,
        trace.structure_id,
        trace.patient.value,
        trace.document,
        trace.act,
        trace.act in READING and trace.outcome == "success",
        trace.outcome == "refused",
        trace.purpose,
        trace.rule == "professional.treating-doctor",
        trace.patient in STAFF,
    )


def _found(traces: Iterable[Trace], **thresholds: int) -> set[tuple[str, str]]:
    wanted = criteria(rows("supervision/criteria.csv"), {name.replace("_", "-"): n for name, n in thresholds.items()})
    return {(each.person, each.criterion) for each in examine(wanted, map(_usage, traces), usual=USUAL)}


def test_a_day_of_work_raises_nothing() -> None:
    assert len(normal_day(DAY)) > 1000
    assert _found(normal_day(DAY)) == set()


def test_a_bad_day_raises_each_misuse_and_nothing_else() -> None:
    assert _found(bad_day(DAY)) == PLANTED


def test_each_criterion_is_planted_and_found_by_itself_only() -> None:
    assert {criterion for _, criterion in PLANTED} == {criterion.name for criterion in CRITERIA}
    for person, name in PLANTED:
        assert _found(bad_day(DAY), **{name.replace("-", "_"): 0}) == PLANTED - {(person, name)}


def test_an_installation_may_be_stricter_but_not_misspell_a_criterion() -> None:
    assert _found(normal_day(DAY), break_the_glass=3) == {("899700000005", "break-the-glass")}
    with pytest.raises(ValueError, match="no criterion coleagues"):
        criteria(rows("supervision/criteria.csv"), {"coleagues": 1})


def _one(criterion: str, threshold: int) -> Criterion:
    return next(replace(each, threshold=threshold) for each in CRITERIA if each.name == criterion)


def _opened(minutes: float, record: str, **changes: object) -> Usage:
    made = Usage(NOON + timedelta(minutes=minutes), "p", "s", record, "", "search", True, False, "normal", False, False)
    return replace(made, **changes)  # type: ignore[arg-type]


Changes = Mapping[str, str | bool]
RETRIEVED: Changes = {"act": "retrieve", "document": "d"}
REFUSED: Changes = {"reading": False, "refused": True}
BRIS: Changes = {"purpose": "bris_de_glace"}
CENTRE_15: Changes = {"purpose": "centre_15"}
# (why, criterion, what is special about the use, whether it counts)
SINGLE: list[tuple[str, str, Changes, bool]] = [
    ("a record opened", "records-in-an-hour", {}, True),
    ("a record opened by breaking the glass too", "records-in-an-hour", BRIS, True),
    ("regulation has a criterion of its own", "records-in-an-hour", CENTRE_15, False),
    ("what was refused opened nothing", "records-in-an-hour", REFUSED, False),
    ("a refusal", "refusals", REFUSED, True),
    ("what was let through is no refusal", "refusals", {}, False),
    ("a document retrieved", "whole-record", RETRIEVED, True),
    ("a retrieval refused", "whole-record", {**RETRIEVED, **REFUSED}, False),
    ("a document read about, not retrieved", "whole-record", {**RETRIEVED, "act": "read"}, False),
    ("a document found, not retrieved", "whole-record", {**RETRIEVED, "act": "search"}, False),
    ("a retrieval of nothing", "whole-record", {**RETRIEVED, "document": ""}, False),
    ("a colleague's record", "colleagues", {"colleague": True}, True),
    ("that of a colleague one treats", "colleagues", {"colleague": True, "treating": True}, False),
    ("that of a patient", "colleagues", {}, False),
    ("that of a patient one treats", "colleagues", {"treating": True}, False),
    ("the glass broken", "break-the-glass", BRIS, True),
    ("regulation breaks no glass", "break-the-glass", CENTRE_15, False),
    ("nor does the day's work", "break-the-glass", {}, False),
    ("nor does what names no purpose", "break-the-glass", {"purpose": ""}, False),
    ("regulation", "regulation", CENTRE_15, True),
    ("breaking the glass is no regulation", "regulation", BRIS, False),
    ("nor is the day's work", "regulation", {}, False),
]


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: f"{case[1]}-{case[0]}".replace(" ", "-"))
def test_what_counts(case: tuple[str, str, Changes, bool]) -> None:
    _, criterion, changes, counts = case
    found = list(examine([_one(criterion, 1)], [_opened(0, "r", **changes)], usual=USUAL))
    assert [each.count for each in found] == ([1] if counts else [])


def test_neither_who_nor_whose_record_is_in_what_a_log_would_print() -> None:
    use = _opened(0, "whose-record", person="who", document="which-document")
    (found,) = examine([_one("records-in-an-hour", 1)], [use], usual=USUAL)
    for printed in (repr(use), repr(found)):
        assert not any(private in printed for private in ("who", "whose-record", "which-document"))


def test_each_refusal_counts_and_each_document_once() -> None:
    refused = [_opened(0, "r", **REFUSED) for _ in range(3)]
    assert [each.count for each in examine([_one("refusals", 3)], refused, usual=USUAL)] == [3]
    again = [_opened(minute, "r", **RETRIEVED) for minute in range(3)]
    assert list(examine([_one("whole-record", 2)], again, usual=USUAL)) == []


@pytest.mark.parametrize(
    ("usual", "moment", "unusual"),
    [
        (USUAL, time(5, 59), True),
        (USUAL, time(6), False),
        (USUAL, time(21, 59), False),
        (USUAL, time(22), True),
        ((time(20), time(7)), time(19, 59), True),
        ((time(20), time(7)), time(20), False),
        ((time(20), time(7)), time(6, 59), False),
        ((time(20), time(7)), time(7), True),
        ((time(8), time(8)), time(8), True),
        ((time(8), time(8)), time(12), True),
    ],
)
def test_an_hour_is_usual_from_the_first_instant_to_before_the_second(
    usual: tuple[time, time], moment: time, unusual: bool
) -> None:
    paris = datetime.combine(DAY, moment, timezone(timedelta(hours=1)))
    found = list(examine([_one("unusual-hours", 1)], [_opened(0, "r", time=paris)], usual=usual))
    assert bool(found) is unusual


def test_the_same_record_opened_often_is_one_record() -> None:
    uses = [_opened(number, "the same") for number in range(50)]
    assert list(examine([_one("records-in-an-hour", 2)], uses, usual=USUAL)) == []


def test_a_window_is_as_long_as_it_says_to_the_minute() -> None:
    criterion = _one("records-in-an-hour", 2)
    within, apart = [_opened(0, "a"), _opened(59.9, "b")], [_opened(0, "a"), _opened(60, "b")]
    assert [each.count for each in examine([criterion], within, usual=USUAL)] == [2]
    assert list(examine([criterion], apart, usual=USUAL)) == []


def test_what_goes_on_is_one_finding_and_what_begins_again_another() -> None:
    criterion = _one("records-in-an-hour", 3)
    uses = [_opened(10 * number, f"r{number}") for number in range(20)]
    again = [_opened(600 + 10 * number, f"s{number}") for number in range(5)]
    first, second = examine([criterion], [*again, *uses], usual=USUAL)
    assert (first.first, first.last, first.count) == (NOON, NOON + timedelta(minutes=190), 6)
    assert (second.first, second.count) == (NOON + timedelta(minutes=600), 5)


def test_a_window_that_begins_with_the_last_use_of_a_finding_goes_on_with_it() -> None:
    uses = [_opened(minute, f"r{minute}") for minute in (0, 59, 118)]
    (found,) = examine([_one("records-in-an-hour", 2)], uses, usual=USUAL)
    assert (found.first, found.last, found.count) == (NOON, NOON + timedelta(minutes=118), 2)


def test_a_finding_keeps_its_highest_count() -> None:
    uses = [_opened(minute, f"r{minute}") for minute in (0, 1, 2, 3, 4, 63, 64)]
    (found,) = examine([_one("records-in-an-hour", 2)], uses, usual=USUAL)
    assert (found.last, found.count) == (NOON + timedelta(minutes=64), 5)


def test_a_record_left_and_opened_again_still_counts_until_its_last_use_is_over() -> None:
    uses = [_opened(0, "a"), _opened(30, "a"), _opened(70, "b")]
    (found,) = examine([_one("records-in-an-hour", 2)], uses, usual=USUAL)
    assert (found.first, found.last, found.count) == (NOON + timedelta(minutes=30), NOON + timedelta(minutes=70), 2)


def test_uses_are_counted_for_one_person_in_one_structure() -> None:
    uses = [_opened(0, "a"), _opened(1, "b", person="q"), _opened(2, "c", structure="t")]
    assert list(examine([_one("records-in-an-hour", 2)], uses, usual=USUAL)) == []
    found = examine([_one("records-in-an-hour", 1)], uses, usual=USUAL)
    assert [(each.person, each.structure) for each in found] == [("p", "s"), ("p", "t"), ("q", "s")]


def test_documents_are_counted_in_one_record_at_a_time() -> None:
    criterion = _one("whole-record", 4)
    spread = [_opened(n, f"r{n % 3}", act="retrieve", document=f"d{n}") for n in range(9)]
    assert list(examine([criterion], spread, usual=USUAL)) == []
    assert len(list(examine([criterion], [replace(use, record="r") for use in spread], usual=USUAL))) == 1


def test_usual_hours_are_those_of_france_and_may_go_over_midnight() -> None:
    criterion = _one("unusual-hours", 1)
    summer = datetime(2026, 7, 1, 20, 30, tzinfo=UTC)  # 22:30 in Paris
    winter = datetime(2026, 1, 1, 20, 30, tzinfo=UTC)  # 21:30 in Paris
    for moment, unusual in ((summer, True), (winter, False)):
        found = list(examine([criterion], [_opened(0, "r", time=moment)], usual=USUAL))
        assert bool(found) is unusual
    night = (time(20), time(7))
    assert list(examine([criterion], [_opened(0, "r", time=summer)], usual=night)) == []
    assert len(list(examine([criterion], [_opened(0, "r")], usual=night))) == 1


def test_nothing_is_known_of_the_past_when_nothing_is_looked_at() -> None:
    for nothing in (0, -1):
        wanted = [replace(each, threshold=nothing) for each in CRITERIA]
        assert longest_window(wanted) == timedelta()
        assert list(examine(wanted, [_opened(0, "r")], usual=USUAL)) == []
    assert longest_window(CRITERIA) == timedelta(days=1)
    assert longest_window([_one("whole-record", 1), _one("records-in-an-hour", 1)]) == timedelta(hours=1)


def test_a_criterion_is_what_its_row_says() -> None:
    row = {"criterion": "c", "measure": "records", "window_minutes": "90", "threshold": "7", "severity": "high"}
    row |= {"text_fr": "fr", "text_en": "en", "basis": "RECO 01"}
    read = Criterion("c", Measure.RECORDS, timedelta(minutes=90), 7, "high", "fr", "en", "RECO 01")
    assert criteria([row], {}) == (read,)
    assert criteria([row], {"c": 2}) == (replace(read, threshold=2),)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 12)), max_size=60), st.integers(1, 8))
def test_a_finding_is_what_a_count_by_hand_finds(opened: list[tuple[int, int]], threshold: int) -> None:
    uses = [_opened(minutes, f"r{record}") for minutes, record in opened]
    by_hand = max(
        (len({use.record for use in uses if end.time - timedelta(hours=1) < use.time <= end.time}) for end in uses),
        default=0,
    )
    found = list(examine([_one("records-in-an-hour", threshold)], uses, usual=USUAL))
    assert bool(found) is (by_hand >= threshold)
    if found:
        assert max(each.count for each in found) == by_hand
        assert all(earlier.last < later.first for earlier, later in pairwise(found))

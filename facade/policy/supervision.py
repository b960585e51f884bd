"""Supervision of uses: which of them look like misuse, by which criterion (référentiel DMP 5.6, RECO 01).

Pure functions over what the traces say. A finding is a reason to look, not a judgement: thresholds are an
installation's own, those of ``mappings/supervision/criteria.csv`` are where it starts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from itertools import groupby

from facade.domain.access import Purpose
from facade.policy.days import legal_time

Row = Mapping[str, str]


class Measure(StrEnum):
    """What is counted of one person's uses. Of all but refusals and documents: different records."""

    RECORDS = "records"
    DOCUMENTS = "documents"
    COLLEAGUES = "colleagues"
    UNUSUAL_HOURS = "unusual-hours"
    BREAK_THE_GLASS = "break-the-glass"
    REGULATION = "regulation"
    REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class Usage:
    """One trace, as far as supervision looks at it.

    ``record`` and ``document`` tell records and documents apart and nothing else. ``reading``: a record was opened,
    or a document of it. ``treating``: as the record's treating doctor. ``colleague``: the record is that of somebody
    who works in ``structure``.
    """

    time: datetime
    person: str = field(repr=False)
    structure: str
    record: str = field(repr=False)
    document: str = field(repr=False)
    act: str
    reading: bool
    refused: bool
    purpose: str
    treating: bool
    colleague: bool


@dataclass(frozen=True, slots=True)
class Criterion:
    """``threshold`` of a measure within ``window`` is too much; 0 looks at nothing."""

    name: str
    measure: Measure
    window: timedelta
    threshold: int
    severity: str
    text_fr: str
    text_en: str
    basis: str

    @classmethod
    def of(cls, row: Row) -> Criterion:
        """Read a row of criteria.csv. Raises ValueError or KeyError for one that cannot be read."""
        return cls(
            row["criterion"],
            Measure(row["measure"]),
            timedelta(minutes=int(row["window_minutes"])),
            int(row["threshold"]),
            row["severity"],
            row["text_fr"],
            row["text_en"],
            row["basis"],
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Uses of one person that reached a criterion: from when to when, and how many at the most in one window."""

    criterion: str
    person: str = field(repr=False)
    structure: str
    first: datetime
    last: datetime
    count: int


def criteria(rows: Iterable[Row], thresholds: Mapping[str, int]) -> tuple[Criterion, ...]:
    """The criteria of the table with an installation's own thresholds. Raises ValueError for a criterion unknown."""
    found = {criterion.name: criterion for criterion in map(Criterion.of, rows)}
    if unknown := sorted(thresholds.keys() - found.keys()):
        raise ValueError(f"supervision has no criterion {', '.join(unknown)}: it has {', '.join(found)}")
    return tuple(replace(each, threshold=thresholds.get(each.name, each.threshold)) for each in found.values())


def examine(wanted: Sequence[Criterion], usages: Iterable[Usage], *, usual: tuple[time, time]) -> Iterator[Finding]:
    """What reaches a criterion among the uses of any persons, given in any order.

    ``usual`` is from when to when a day's uses are usual, in French legal time; a use at the second instant is not.
    """
    ordered = sorted(usages, key=lambda usage: (usage.person, usage.structure, usage.time))
    for (person, structure), group in groupby(ordered, key=lambda usage: (usage.person, usage.structure)):
        uses = list(group)
        for criterion in wanted:
            if criterion.threshold > 0:
                yield from _episodes(criterion, person, structure, list(_counted(criterion.measure, uses, usual)))


def longest_window(wanted: Collection[Criterion]) -> timedelta:
    """How far back uses have to be known; nothing when nothing is looked at."""
    return max((criterion.window for criterion in wanted if criterion.threshold > 0), default=timedelta())


@dataclass(frozen=True, slots=True)
class _Counted:
    """One use that counts: different ``things`` are counted within one ``scope``."""

    time: datetime
    scope: str
    thing: str


def _counted(measure: Measure, uses: Iterable[Usage], usual: tuple[time, time]) -> Iterator[_Counted]:
    for number, use in enumerate(uses):
        if measure is Measure.REFUSALS:
            if use.refused:
                yield _Counted(use.time, "", str(number))
        elif measure is Measure.DOCUMENTS:
            if use.reading and use.act == "retrieve" and use.document:
                yield _Counted(use.time, use.record, use.document)
        elif use.reading and _looked_at(measure, use, usual):
            yield _Counted(use.time, "", use.record)


def _looked_at(measure: Measure, use: Usage, usual: tuple[time, time]) -> bool:
    if measure is Measure.COLLEAGUES:
        return use.colleague and not use.treating
    if measure is Measure.UNUSUAL_HOURS:
        return not _within(legal_time(use.time).time(), usual)
    if measure is Measure.BREAK_THE_GLASS:
        return use.purpose == Purpose.BREAK_GLASS
    if measure is Measure.REGULATION:
        return use.purpose == Purpose.REGULATION
    # The many records of a regulation have a criterion of their own.
    return use.purpose != Purpose.REGULATION


def _within(moment: time, usual: tuple[time, time]) -> bool:
    start, end = usual
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


def _episodes(criterion: Criterion, person: str, structure: str, counted: list[_Counted]) -> Iterator[Finding]:
    for _, group in groupby(sorted(counted, key=lambda one: (one.scope, one.time)), key=lambda one: one.scope):
        episode: Finding | None = None
        for first, last, count in _windows(criterion.window, group):
            if count < criterion.threshold:
                continue
            if episode is not None and first <= episode.last:
                episode = replace(episode, last=last, count=max(episode.count, count))
                continue
            if episode is not None:
                yield episode
            episode = Finding(criterion.name, person, structure, first, last, count)
        if episode is not None:
            yield episode


def _windows(window: timedelta, counted: Iterable[_Counted]) -> Iterator[tuple[datetime, datetime, int]]:
    """For each use: since when the uses reach that lie within the window ending with it, and how many things."""
    within: deque[_Counted] = deque()
    things: Counter[str] = Counter()
    for one in counted:
        within.append(one)
        things[one.thing] += 1
        while within[0].time <= one.time - window:
            gone = within.popleft()
            things[gone.thing] -= 1
            if not things[gone.thing]:
                del things[gone.thing]
        yield within[0].time, one.time, len(things)

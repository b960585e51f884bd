"""The test of the extraction of traces that EXI 18 asks for every three years: really run, and told in numbers only.

What an extraction by person, by record and by period returns is compared with what one reading of the whole journal
counts, in the two formats of ``dmp-facade traces export``; then the chain is verified. Nothing of a trace is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from facade.domain.ins import INS
from facade.records.chain import ChainHead
from facade.records.export import as_csv, as_ndjson
from facade.records.traces import StoredTrace, Traces


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: its key among the texts of the document, what fills it, and the two numbers."""

    name: str
    expected: int
    found: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the numbers agree."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class TraceTest:
    """What was compared, and where the chain ended; no checks where there is no trace to extract."""

    moment: datetime
    head: ChainHead
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every comparison holds."""
        return all(check.passed for check in self.checks)


@dataclass(slots=True)
class _Counted:
    """What one reading of the journal counts, and the last person, record and day of it."""

    total: int = 0
    old: int = 0
    person: str = ""
    patient: INS | None = None
    day: date | None = None
    persons: Counter[str] = field(default_factory=Counter)
    patients: Counter[INS] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)


def try_extraction(traces: Traces, *, now: datetime, retention_days: int) -> TraceTest:
    """Extract and compare. Raises RecordsUnavailable. What is traced meanwhile is left out of every number."""
    head = traces.head()
    counted = _count(_until(traces.export(), head), now - timedelta(days=retention_days))
    if counted.day is None:
        return TraceTest(now, head, ())
    checks = [
        Check("try-ndjson", counted.total, _number(as_ndjson(_until(traces.export(), head)))),
        Check("try-csv", counted.total, _number(as_csv(_until(traces.export(), head))) - 1),
    ]
    if counted.person:
        found = traces.export(person_id=counted.person)
        checks.append(Check("try-person", counted.persons[counted.person], _number(_until(found, head))))
    if counted.patient is not None:
        found = traces.export(patient=counted.patient)
        checks.append(Check("try-record", counted.patients[counted.patient], _number(_until(found, head))))
    since = datetime.combine(counted.day, time(), UTC)
    until = since + timedelta(days=1)
    period = {"since": since.date().isoformat(), "until": until.date().isoformat()}
    found = traces.export(since=since, until=until)
    checks += [
        Check("try-period", counted.days[counted.day], _number(_until(found, head)), period),
        Check("try-kept", 0, counted.old, {"days": str(retention_days)}),
        Check("try-chain", 0, len(traces.verify())),
    ]
    return TraceTest(now, head, tuple(checks))


def _count(found: Iterable[StoredTrace], oldest: datetime) -> _Counted:
    counted = _Counted()
    for trace in found:
        counted.total += 1
        counted.old += trace.time < oldest
        counted.day = trace.time.astimezone(UTC).date()
        counted.days[counted.day] += 1
        if trace.person_id:
            counted.persons[trace.person_id] += 1
            counted.person = trace.person_id if trace.kind == "professional" or not counted.person else counted.person
        if trace.patient is not None:
            counted.patients[trace.patient] += 1
            counted.patient = trace.patient
    return counted


def _until(found: Iterable[StoredTrace], head: ChainHead) -> Iterator[StoredTrace]:
    return (trace for trace in found if trace.seq <= head.seq)


def _number(found: Iterable[object]) -> int:
    return sum(1 for _ in found)

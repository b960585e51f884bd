"""What is owed for a document: a pure function over the annex of the arrêté, line by line.

Source: arrêté of 26 April 2022, modified by that of 23 May 2024; référentiel DMP 4.1 (what is never fed), EXI 05. The
lines, their dates and their exclusions are rows of mappings/documents, each with its source.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from facade.domain.document import Coded
from facade.domain.obligations import Duty, Exclusion, Ground, Obligation, Obligations

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the annex in one version of the arrêté; ``applies`` are the first and last day of that version."""

    ground: Ground
    duties: frozenset[Duty]
    applies: tuple[date, date]

    def holds(self, day: date) -> bool:
        """Whether a document of that day falls under it."""
        first, last = self.applies
        return first <= day <= last and self.ground.since <= day


@dataclass(frozen=True, slots=True)
class ObligationTables:
    """The annex by typeCode, and which duties a production context excuses from whatever the line.

    ``contexts`` are all there are; ``contradicts`` gives, for some, the one it cannot go with.
    """

    lines: Mapping[tuple[str, str], tuple[_Line, ...]]
    excuses: Mapping[str, frozenset[Duty]]
    contradicts: Mapping[str, str]

    @classmethod
    def from_rows(cls, rows: Callable[[str], Sequence[Row]]) -> ObligationTables:
        """Build from mappings/documents. Raises ValueError for a word, date or context the tables do not know."""
        contexts = rows("documents/production_contexts.csv")
        excuses = {row["code"]: frozenset(Duty(duty) for duty in row["excuses"].split()) for row in contexts}
        types: dict[tuple[str, str], tuple[_Line, ...]] = {}
        for named in rows("documents/obligation_types.csv"):
            key = named["type_code"], named["type_oid"]
            certain = _yes(named, "verified")
            found = [row for row in rows("documents/obligations.csv") if row["document"] == named["document"]]
            types[key] = (*types.get(key, ()), *(_line(row, excuses, certain) for row in found))
        contradicts = {row["code"]: row["contradicts"] for row in contexts if row["contradicts"]}
        return cls(types, excuses, contradicts)


def obligations(tables: ObligationTables, type_code: Coded, day: date, contexts: Collection[str]) -> Obligations:
    """What is owed for a document of this type made on this day, in these production contexts.

    ``day`` is a day of French legal time. A context nothing is known of excludes nothing.
    """
    listed = tables.lines.get((type_code.code, type_code.scheme), ())
    grounds: dict[Duty, list[Ground]] = {}
    exclusions: list[Exclusion] = []
    for line in (each for each in listed if each.holds(day)):
        for duty in Duty:
            if duty not in line.duties:
                continue
            by = [context for context in _unless(line, duty, tables.excuses) if context in contexts]
            exclusions += [Exclusion(duty, context, line.ground) for context in by]
            if not by:
                grounds.setdefault(duty, []).append(_with(line, duty, tables.excuses))
    owed = tuple(Obligation(duty, tuple(grounds[duty])) for duty in Duty if duty in grounds)
    return Obligations(type_code, day, tuple(contexts), bool(listed), owed, tuple(exclusions))


def _unless(line: _Line, duty: Duty, excuses: Mapping[str, frozenset[Duty]]) -> Iterable[str]:
    """What excludes one duty of a line: its own exclusions first, then what excuses from that duty everywhere."""
    return (*line.ground.unless, *(context for context, duties in excuses.items() if duty in duties))


def _with(line: _Line, duty: Duty, excuses: Mapping[str, frozenset[Duty]]) -> Ground:
    return replace(line.ground, unless=tuple(_unless(line, duty, excuses)))


def _line(row: Row, contexts: Mapping[str, frozenset[Duty]], certain: bool) -> _Line:
    excluded = tuple(row["excluded"].split())
    if unknown := set(excluded) - set(contexts):
        raise ValueError(f"mappings/documents/obligations.csv: {row['document']} names no context {sorted(unknown)}")
    ground = Ground(
        document=row["document"],
        name_fr=row["document_fr"],
        name_en=row["document_en"],
        basis=row["basis"],
        text=row["text"],
        since=date.fromisoformat(row["in_force"]),
        already=_yes(row, "already"),
        unless=excluded,
        note_fr=row["note_fr"],
        note_en=row["note_en"],
        verified=certain and _yes(row, "verified"),
    )
    last = date.fromisoformat(row["applies_until"]) if row["applies_until"] else date.max
    duties = frozenset(duty for duty in Duty if _yes(row, duty.value))
    return _Line(ground, duties, (date.fromisoformat(row["applies_from"]), last))


def _yes(row: Row, column: str) -> bool:
    return row[column] == "yes"

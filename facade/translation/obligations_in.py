"""The parameters of DocumentReference/$obligations: a type, the day a document was made, and how it was made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime

from facade.domain.document import Coded
from facade.translation.problems import Problems, shown
from facade.translation.tables import CodeTables

CONTEXT_SYSTEM = "urn:dmp-facade:production-context-code"
UNDERSTOOD = ("type", "date", "context", "_format", "_pretty")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}\Z")
_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})\Z")


@dataclass(frozen=True, slots=True)
class ObligationQuestion:
    """``made`` is the day the document was made, an instant of it, or None for today."""

    type_code: Coded
    made: date | datetime | None
    contexts: tuple[str, ...]


def read_obligation_question(
    params: Sequence[tuple[str, str]], tables: CodeTables, contradicts: Mapping[str, str], contexts: Sequence[str]
) -> ObligationQuestion:
    """Read the parameters. ``contexts`` are all there are, ``contradicts`` says which of them exclude each other.

    Raises InvalidInput with all of ``obligations.type-missing``, ``search.code-unknown``, ``obligations.date``,
    ``obligations.context`` and ``obligations.contradiction`` that apply.
    """
    problems = Problems()
    type_code = _type([value for name, value in params if name == "type"], tables, problems)
    made = _made([value for name, value in params if name == "date"], problems)
    stated = _contexts([value for name, value in params if name == "context"], contexts, contradicts, problems)
    problems.check()
    # A type that could not be read was noted as a problem.
    return ObligationQuestion(type_code or Coded("", ""), made, stated)


def _type(values: Sequence[str], tables: CodeTables, problems: Problems) -> Coded | None:
    """A token: ``system|code``, or a code of one system only."""
    if len(values) != 1 or not values[0].strip("| "):
        problems.add("obligations.type-missing", "type")
        return None
    system, separator, code = values[0].strip().rpartition("|")
    found = tables.types.find(system, code) if separator and system else None
    if not system:
        found = next(iter(tables.types.with_code(code)), None)
    if found is None:
        told = {"value": shown(values[0], 120), "value_set": tables.types.name, "parameter": "type"}
        problems.add("search.code-unknown", "type", **told)
    return found


def _made(values: Sequence[str], problems: Problems) -> date | datetime | None:
    if not values:
        return None
    # The plus sign of a zone that was not percent-encoded arrives as a blank.
    value = values[0].strip().replace(" ", "+")
    try:
        if len(values) == 1 and _DAY.match(value):
            return date.fromisoformat(value)
        if len(values) == 1 and _TIME.match(value):
            moment = datetime.fromisoformat(value).astimezone(UTC)
            # At either end of the calendar it may be no day in another zone.
            if MINYEAR < moment.year < MAXYEAR:
                return moment
    except (ValueError, OverflowError):
        pass
    problems.add("obligations.date", "date", value=shown(", ".join(values), 40))
    return None


def _contexts(
    values: Sequence[str], known: Sequence[str], contradicts: Mapping[str, str], problems: Problems
) -> tuple[str, ...]:
    tokens = [token.strip() for value in values for token in value.split(",") if token.strip()]
    stated = []
    for token in tokens:
        system, _, code = token.rpartition("|")
        if code not in known or system not in ("", CONTEXT_SYSTEM):
            problems.add("obligations.context", "context", value=shown(token), available=", ".join(known))
        elif code not in stated:
            stated.append(code)
    for one in stated:
        other = contradicts.get(one, "")
        if other in stated and stated.index(one) < stated.index(other):
            problems.add("obligations.contradiction", "context", one=one, other=other)
    return tuple(stated)

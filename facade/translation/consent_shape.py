"""Every element of a Consent that comes in, against a closed list: the reason of an opposition finds no place.

What is not in mappings/consent/elements.csv is refused, and what is there holds a code, an identifier or a time of a
checked shape. No answer repeats a value of the request, nor a name that is not FHIR's (référentiel EXI 02).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from facade.domain.errors import InvalidInput, Problem
from facade.translation.consent_tables import ConsentTables, Element

_PATTERNS = {
    "date-time": re.compile(
        r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?)?)?",
        re.ASCII,
    ),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "matricule": re.compile(r"\s*[0-9]{5}[0-9AaBb]{2}[0-9]{8}\s*"),
    "patient-reference": re.compile(
        r"(?:https?://[^\s?#]{1,200}/)?Patient"
        r"(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/\d{1,9})?|\?identifier=[A-Za-z0-9:.%|]{10,120})",
        re.ASCII,
    ),
    "structure-id": re.compile(r"[1-9][0-9A-Za-z/]{1,30}"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,20}:\S{1,200}"),
    "version": re.compile(r"\d{1,9}", re.ASCII),
}
_RPPS = re.compile(r"8\d{11}", re.ASCII)
_SAFE_VALUES = {"available", "detail", "expected", "limit", "position"}
_NOT_REPEATED = "…"


def check_shape(resource: dict[str, Any], tables: ConsentTables) -> None:
    """Raise InvalidInput naming every element that is refused, ``consent.free-text`` where no code of its own fits."""
    problems = list(_object(resource, "Consent", "Consent", tables))
    if problems:
        raise InvalidInput(problems)


def discreet(error: InvalidInput) -> InvalidInput:
    """The same error without any value the request may have held: a misplaced sentence must not come back."""
    return InvalidInput([_discreet(problem) for problem in error.problems])


def _discreet(problem: Problem) -> Problem:
    # A refused media type is that of the header, not of the body.
    if problem.code == "body.media-type":
        return problem
    values = {name: value if name in _SAFE_VALUES else _NOT_REPEATED for name, value in problem.values.items()}
    return Problem(problem.code, problem.expression, values)


def _object(value: dict[str, Any], path: str, place: str, tables: ConsentTables) -> Iterator[Problem]:
    for name, inner in value.items():
        known = tables.elements.get(f"{path}.{name}")
        if known is None:
            named = tables.named.get(name)
            # A name that is not FHIR's may itself be a sentence: its parent is named instead.
            yield Problem(named.problem if named else "consent.free-text", (f"{place}.{name}" if named else place,))
        elif known.rule == "unsupported":
            yield Problem(known.problem, (f"{place}.{name}",))
        else:
            next_path = next(iter(known.values)) if known.rule == "like" else f"{path}.{name}"
            yield from _values(inner, known, next_path, f"{place}.{name}", tables)


def _values(value: Any, element: Element, path: str, place: str, tables: ConsentTables) -> Iterator[Problem]:
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items):
        here = f"{place}[{number}]" if isinstance(value, list) else place
        if element.rule in ("object", "like"):
            if isinstance(item, dict):
                yield from _object(item, path, here, tables)
            else:
                yield Problem(element.problem, (here,), _hints(element, tables))
        elif not _fits(item, element, tables):
            yield Problem(element.problem, (here,), _hints(element, tables))


def _fits(value: Any, element: Element, tables: ConsentTables) -> bool:
    if element.rule == "boolean" or not isinstance(value, str):
        return element.rule == "boolean" and isinstance(value, bool)
    if element.rule == "pattern":
        return any(_PATTERNS[name].fullmatch(value) for name in element.values)
    if element.rule == "rpps":
        return bool(_RPPS.fullmatch(value)) and _luhn_is_right(value[1:])
    return value in _codes(element, tables)


def _codes(element: Element, tables: ConsentTables) -> frozenset[str]:
    """The values a coded element may have, from its own row or from the table it names."""
    if element.rule == "category":
        return frozenset(tables.categories)
    if element.rule == "category-display":
        return frozenset().union(*(category.displays for category in tables.categories.values()))
    if element.rule == "information-code":
        return frozenset(tables.channels) | tables.cases
    return element.values


def _hints(element: Element, tables: ConsentTables) -> dict[str, str]:
    available = ", ".join(sorted(element.values))
    if element.rule == "category":
        available = tables.recordable()
    elif element.rule == "information-code":
        available = ", ".join([*tables.channels, *sorted(tables.cases)])
    return {"available": available, "system": _NOT_REPEATED, "value": _NOT_REPEATED}


def _luhn_is_right(number: str) -> bool:
    """The key of an RPPS number: an opposition aimed at a mistyped one would protect nobody."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0

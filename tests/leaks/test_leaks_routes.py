"""No route answers differently for "hidden" and "does not exist": status, headers, body and what the DMP is asked.

Generated from the route table. Only ids, times and correlation ids may differ between the two answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.leaks.routes import GENERATORS, Request, Target, absent_like, declared_routes, existing, find, with_lot
from tests.support.demo import LEVELS, MASKS, RunningDemo

# When a Bundle was made, and the next opening it names.
_CLOCK = re.compile(r'(?<="timestamp":")[^"]+|(?<=since=)[^"&]+')
_VARYING = {"date", "x-request-id", "connection"}


@dataclass(frozen=True)
class Hidden:
    """A reader, and a document it must not know of. ``plain`` ones are hidden by who the reader is."""

    reader: str
    patient: str
    flag: str

    def __str__(self) -> str:
        return f"{self.reader}-{self.patient}-{self.flag or 'plain'}"


CASES = (
    Hidden("other-doctor", "adult", "MASQUE_PS"),
    Hidden("patient-adult", "adult", "INVISIBLE_PATIENT"),
    Hidden("representative-minor", "minor", "INVISIBLE_REPRESENTANTS_LEGAUX"),
    Hidden("blocked-doctor", "adult", ""),
    Hidden("unauthorised-doctor", "adult", ""),
    Hidden("structure", "adult", "elsewhere"),
    Hidden("catalogue-app", "adult", ""),
    Hidden("patient-adult", "minor", ""),
    Hidden("", "adult", ""),
)
EXTRAS: tuple[dict[str, str], ...] = (
    {},
    {"_summary": "count"},
    {"security-label": "MASQUE_PS,INVISIBLE_PATIENT,INVISIBLE_REPRESENTANTS_LEGAUX"},
    {"isArchived": "false"},
)
ROUTES = sorted(GENERATORS)


@pytest.fixture(scope="module")
def targets(demo: RunningDemo) -> dict[Hidden, Target]:
    found = {}
    for case in CASES:
        elsewhere = case.flag == "elsewhere"
        author = "other-doctor" if elsewhere else "author-doctor"
        label: dict[str, Any] = {} if elsewhere else {"securityLabel": labels(case.flag)}
        target = existing(case.patient, demo.publish(author, case.patient, **label))
        found[case] = with_lot(demo, target, author)
    return found


def labels(*flags: str) -> list[dict[str, Any]]:
    """Level N and these flags, as a securityLabel."""
    level = {"coding": [{"system": LEVELS, "code": "N"}]}
    return [level, *({"coding": [{"system": MASKS, "code": flag}]} for flag in flags if flag)]


def test_every_declared_route_has_its_differential_requests() -> None:
    missing = declared_routes() - set(GENERATORS)
    assert not missing, f"say in tests/leaks/routes.py how these could tell of a hidden document: {sorted(missing)}"


@pytest.mark.parametrize("route", ROUTES, ids="-".join)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_hidden_answers_as_absent(
    demo: RunningDemo, targets: dict[Hidden, Target], case: Hidden, route: tuple[str, str]
) -> None:
    hidden = targets[case]
    absent = absent_like(demo, hidden)
    names = (*hidden.names, *absent.names)
    different = []
    generator = GENERATORS[route]
    for one, other in zip(generator(demo, hidden), generator(demo, absent), strict=True):
        there, not_there = _asked(demo, case.reader, one, names), _asked(demo, case.reader, other, names)
        if there != not_there:
            different.append((one.label, there, not_there))
    assert not different, different[:3]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_search_lists_a_hidden_document(demo: RunningDemo, targets: dict[Hidden, Target], case: Hidden) -> None:
    """Not by its ids but by everything else that may be asked, whatever its status."""
    told = []
    for status in ("current", "superseded", "current,superseded"):
        for extra in EXTRAS:
            answer = find(demo, case.reader, case.patient, {"status": status, **extra})
            told += [name for name in targets[case].names if name in answer.text]
    assert told == []


def _asked(demo: RunningDemo, reader: str, request: Request, names: Sequence[str]) -> tuple[Any, ...]:
    """What comes back, without what may differ, and the transactions the DMP received meanwhile."""
    before = len(demo.log())
    # Uncompressed: how well an answer packs depends on the ids the request itself names.
    headers = {**request.headers, "Accept-Encoding": "identity"}
    answer = demo.call(
        reader, request.method, request.path, headers=headers, data=request.body or None, allow_redirects=False
    )
    assert answer.status_code < 500, (request.label, answer.text)
    received = sorted(line["transaction"] for line in demo.log()[before:])
    return (*_comparable(answer, names), received)


def _comparable(answer: requests.Response, names: Sequence[str]) -> tuple[int, str, dict[str, str]]:
    text = _CLOCK.sub("…", answer.text)
    for name in names:
        text = text.replace(name, "…")
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in _VARYING}
    return answer.status_code, text, headers

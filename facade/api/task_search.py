"""GET /Task: own preloads and the messages of the caller's structure, by kind, status, patient and id.

FHIR R4 search.html: the values of one parameter are alternatives, its occurrences add up, a parameter that is left out
narrows nothing.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from flask import Response

from facade.api.bundles import searchset
from facade.api.exchange import actor, error_table, fhir, language, services
from facade.api.search_values import PATIENT, Params, intersection, not_understood, number, one_patient, several
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.tasks import KINDS, Wanted, find_tasks
from facade.translation.problems import shown

# FHIR R4 value set task-status, which Task.status is bound to.
_STATUSES = (
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
)
_TOKENS = ("code", "status", "_id")
_UNDERSTOOD = {*PATIENT, *_TOKENS, "_count", "_offset", "_format", "_pretty"}
_DEFAULT_COUNT = 50
_ID = re.compile(r"^(?:preload-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def search(params: Params) -> Response:
    """A page: own preloads first, then messages; of each kind the latest first."""
    parts, problems = services(), list[Problem]()
    ignored = not_understood(params, _UNDERSTOOD, problems)
    kinds = _codes(params, "code", tuple(KINDS), problems)
    statuses = _codes(params, "status", _STATUSES, problems)
    ids = intersection(several(params, "_id"))
    if ids is not None and len(ids) > parts.settings.max_page:
        problems.append(Problem("search.value", ("_id",), {"name": "_id", "value": f"({len(ids)})"}))
    if problems:
        raise InvalidInput(problems)
    count = max(1, min(number(params, "_count", _DEFAULT_COUNT), parts.settings.max_page))
    offset = number(params, "_offset", 0)
    patient = one_patient(params) if any(name in PATIENT for name, _ in params) else None
    wanted = Wanted(kinds, statuses, ids, patient, offset, count)
    total, tasks = find_tasks(parts, actor(), wanted, language())
    kept = [(name, _repeatable(name, value)) for name, value in params if name in _TOKENS]
    if patient is not None:
        kept.append(("patient", parts.ids.seal_patient(patient)))
    links = [_link(kept, "self", offset, count)]
    if offset + count < total:
        links.append(_link(kept, "next", offset + count, count))
    issues = [
        error_table().issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in ignored
    ]
    return fhir(searchset(parts.settings.fhir_base, tasks, total=total, links=links, issues=issues))


def _codes(params: Params, name: str, known: tuple[str, ...], problems: list[Problem]) -> frozenset[str] | None:
    """The codes every occurrence lets through, whatever the system beside them; None without the parameter."""
    found = [frozenset(value.rpartition("|")[2] for value in values) for values in several(params, name)]
    problems += [
        Problem(
            "search.not-one-of", (name,), {"name": name, "value": shown(code, 40) or "-", "available": ", ".join(known)}
        )
        for values in found
        for code in sorted(values - set(known))
    ]
    return intersection(found)


def _repeatable(name: str, value: str) -> str:
    """What a link may repeat of a value: codes, and what has the form of an id. Anything may stand beside them."""
    parts = [part.rpartition("|")[2] if name != "_id" else part for part in value.split(",")]
    return ",".join(part for part in parts if name != "_id" or _ID.match(part))


def _link(kept: list[tuple[str, str]], relation: str, offset: int, count: int) -> dict[str, str]:
    page = [*kept, ("_count", str(count)), *([("_offset", str(offset))] if offset else [])]
    return {"relation": relation, "url": f"{services().settings.fhir_base}/Task?{urlencode(page)}"}

"""Tasks that tell how far a message of secure messaging got (MSSanté)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response

from facade.api.bundles import searchset
from facade.api.exchange import actor, error_table, fhir, language, services
from facade.api.search_values import PATIENT, Params, intersection, not_understood, number, one_patient, tokens
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.tasks import Wanted, find_tasks, read_task
from facade.translation.task_out import STATUSES

CODE = "send"
_STATUSES = tuple(dict.fromkeys(STATUSES.values()))
_UNDERSTOOD = {*PATIENT, "status", "code", "_count", "_offset", "_format", "_pretty"}
_DEFAULT_COUNT = 50


def read(task_id: str) -> dict[str, Any]:
    """One Task of the caller's structure; its document, patient and recipient for the one who asked."""
    return read_task(services(), actor(), task_id, language())


def search(params: Params) -> Response:
    """A page of the messages of the caller's structure, newest first."""
    parts = services()
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    statuses = tokens(params, "status", _STATUSES, problems)
    if problems:
        raise InvalidInput(problems)
    count = max(1, min(number(params, "_count", _DEFAULT_COUNT), parts.settings.max_page))
    offset = number(params, "_offset", 0)
    named = any(name in PATIENT for name, _ in params)
    patient = one_patient(params) if named else None
    wanted = Wanted(intersection(statuses), patient, offset, count)
    total, tasks = find_tasks(parts, actor(), wanted, language())
    kept = [(name, value) for name, value in params if name in ("status", "code")]
    if patient is not None:
        kept.append(("patient", parts.ids.seal_patient(patient)))
    address = f"{parts.settings.fhir_base}/Task"
    links = [_link(address, kept, "self", offset, count)]
    if offset + count < total:
        links.append(_link(address, kept, "next", offset + count, count))
    issues = [
        error_table().issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in ignored
    ]
    return fhir(searchset(parts.settings.fhir_base, tasks, total=total, links=links, issues=issues))


def _link(address: str, kept: list[tuple[str, str]], relation: str, offset: int, count: int) -> dict[str, str]:
    page = [*kept, ("_count", str(count)), *([("_offset", str(offset))] if offset else [])]
    return {"relation": relation, "url": f"{address}?{urlencode(page)}"}

"""Task: how far something got that the facade was asked to do later (secure messaging)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import FORM, actor, error_table, fhir, language, posted_parameters, services
from facade.api.interactions import interaction
from facade.api.search_values import PATIENT, Params, intersection, not_understood, number, one_patient, tokens
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.tasks import CODES, Wanted, find_tasks, read_task
from facade.translation.task_out import STATUSES

blueprint = Blueprint("Task", __name__, description="What the facade was asked to do later")
_STATUSES = tuple(dict.fromkeys(STATUSES.values()))
_SEARCH = (
    Parameter(
        "status", "token", "Task.status: requested, in-progress, completed, failed, on-hold, cancelled, received"
    ),
    Parameter("code", "token", "Kind of Task: send"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it: own requests only"),
    Parameter("patient.identifier", "token", "INS of the patient, system|value: own requests only"),
)
_UNDERSTOOD = {*PATIENT, "status", "code", "_count", "_offset", "_format", "_pretty"}
_BY_POST = Declaration("search-type", "Task", _SEARCH, body=FORM)
_DEFAULT_COUNT = 50


@interaction(blueprint, "GET", "/Task/<id>", Declaration("read", "Task"), 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One Task of the caller's structure; its document, patient and recipient for the one who asked."""
    return fhir(read_task(services(), actor(), id, language()))


@interaction(blueprint, "GET", "/Task", Declaration("search-type", "Task", _SEARCH), 200)
def search() -> Response:
    """The Tasks of the caller's structure, newest first."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/Task/_search", _BY_POST, 200)
def search_by_post() -> Response:
    """The same with the parameters in a form body."""
    return _search(posted_parameters())


def _search(params: Params) -> Response:
    parts = services()
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    statuses = tokens(params, "status", _STATUSES, problems)
    codes = tokens(params, "code", CODES, problems)
    if problems:
        raise InvalidInput(problems)
    count = max(1, min(number(params, "_count", _DEFAULT_COUNT), parts.settings.max_page))
    offset = number(params, "_offset", 0)
    named = any(name in PATIENT for name, _ in params)
    patient = one_patient(params) if named else None
    wanted = Wanted(intersection(codes), intersection(statuses), patient, offset, count)
    tasks, more = find_tasks(parts, actor(), wanted, language())
    kept = [(name, value) for name, value in params if name in ("status", "code")]
    if patient is not None:
        kept.append(("patient", parts.ids.seal_patient(patient)))
    address = f"{parts.settings.fhir_base}/Task"
    links = [_link(address, kept, "self", offset, count)]
    if more:
        links.append(_link(address, kept, "next", offset + count, count))
    issues = [
        error_table().issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in ignored
    ]
    # How many there are in all is not counted: the page says whether there are more.
    bundle = searchset(parts.settings.fhir_base, tasks, total=0, links=links, issues=issues)
    del bundle["total"]
    return fhir(bundle)


def _link(address: str, kept: list[tuple[str, str]], relation: str, offset: int, count: int) -> dict[str, str]:
    page = [*kept, ("_count", str(count)), *([("_offset", str(offset))] if offset else [])]
    return {"relation": relation, "url": f"{address}?{urlencode(page)}"}

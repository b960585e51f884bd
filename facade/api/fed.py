"""GET /DocumentReference/$fed: what the caller's structure fed into a record, each document with its mark (EXI 05)."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import page_links, searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import actor, error_table, fhir, language, services
from facade.api.interactions import interaction
from facade.api.search_values import PATIENT, SUMMARIES, not_understood, number, one_patient, tokens
from facade.api.searching import issues
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.fed import what_was_fed
from facade.transactions.find_documents import Page

blueprint = Blueprint("fed", __name__, description="What the caller's structure fed into a record (EXI 05)")
_OPERATION = Declaration(
    "",
    "DocumentReference",
    (
        Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
        Parameter("patient", "reference", "Patient/{id} as this server gave it"),
        Parameter("_count", "number", "Documents of a page"),
        Parameter("_offset", "number", "Documents before this page"),
        Parameter("_summary", "token", "count: the total alone"),
    ),
)
_UNDERSTOOD = {*PATIENT, "_count", "_offset", "_summary", "_format", "_pretty"}
_DEFAULT_COUNT = 50


@interaction(blueprint, "GET", "/DocumentReference/$fed", _OPERATION, 200)
def fed() -> Response:
    """The documents the structure fed by this server, last fed first: published, replaced or withdrawn, and when."""
    parts, params = services(), list(request.args.items(multi=True))
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    summary = tokens(params, "_summary", SUMMARIES, problems)
    if problems:
        raise InvalidInput(problems)
    patient, offset = one_patient(params), number(params, "_offset", 0)
    count = min(number(params, "_count", _DEFAULT_COUNT), parts.settings.max_page)
    total_only = count == 0 or any("count" in values for values in summary)
    found = what_was_fed(parts, actor(), patient, Page(offset, 0 if total_only else count))
    told = issues((), ignored)
    if found.incomplete:
        told.append(error_table().issue(Problem("fed.incomplete", severity="warning"), language()))
    url, sealed = f"{parts.settings.fhir_base}/DocumentReference/$fed", parts.ids.seal_patient(patient)
    links = page_links(url, [], sealed, offset=offset, count=count, total=found.total)
    links = links[:1] if total_only else links
    return fhir(searchset(parts.settings.fhir_base, found.resources, total=found.total, links=links, issues=told))

"""AuditEvent: the access history of a record, as far as its reader may see it."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.audit_search import read_search
from facade.api.bundles import page_links, searchset, used_parameters
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import FORM, actor, error_table, fhir, language, posted_parameters, services
from facade.api.interactions import interaction
from facade.domain.errors import Problem
from facade.transactions.history import find_traces

blueprint = Blueprint("AuditEvent", __name__, description="Who did what in a record (EXI 18)")
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter("date", "date", "When it happened; several add up"),
    Parameter("purpose", "token", "normal, bris_de_glace, centre_15: the emergencies of a record are the last two"),
)
_BY_POST = Declaration("search-type", "AuditEvent", body=FORM)


@interaction(blueprint, "GET", "/AuditEvent", Declaration("search-type", "AuditEvent", _SEARCH), 200)
def search() -> Response:
    """The traces of one record, newest first, themselves masked."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/AuditEvent/_search", _BY_POST, 200)
def search_by_post() -> Response:
    """The same with the parameters in a form body."""
    return _search(posted_parameters())


def _search(params: list[tuple[str, str]]) -> Response:
    parts = services()
    asked = read_search(params)
    wanted = asked.wanted
    found = find_traces(parts, actor(), wanted)
    issues = [
        error_table().issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in asked.ignored
    ]
    kept = [(name, value) for name, value in params if name in ("date", "purpose", "_summary")]
    kept = [*used_parameters(kept, (), wanted.patient), ("_before", found.before.isoformat())]
    base, sealed = parts.settings.fhir_base, parts.ids.seal_patient(wanted.patient)
    links = page_links(f"{base}/AuditEvent", kept, sealed, offset=wanted.offset, count=wanted.count, total=found.total)
    return fhir(
        searchset(base, found.resources, total=found.total, links=links if wanted.count else links[:1], issues=issues)
    )

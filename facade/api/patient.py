"""Patient: does a record exist, is it open (TD0.2). PDSm4DMP "TD0.2"."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import FORM, actor, fhir, posted_parameters, services
from facade.api.interactions import interaction
from facade.api.named_patient import named_patient
from facade.transactions.check_record import check_record

blueprint = Blueprint("Patient", __name__, description="The state of a record. No identity trait is ever shown.")
_SEARCH = (Parameter("identifier", "token", "INS of the patient: system|value", required=True),)
_BY_POST = Declaration("search-type", "Patient", _SEARCH, body=FORM)


@interaction(blueprint, "GET", "/Patient", Declaration("search-type", "Patient", _SEARCH), 200)
def search() -> Response:
    """Test the existence of a record and the caller's authorisation."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/Patient/_search", _BY_POST, 200)
def search_by_post() -> Response:
    """The same with the INS in a form body."""
    return _search(posted_parameters())


def _search(params: list[tuple[str, str]]) -> Response:
    parts = services()
    patient = named_patient(params, parts.subjects, "identifier")
    found = check_record(parts, actor(), patient)
    base = parts.settings.fhir_base
    return fhir(searchset(base, [found] if found else [], total=1 if found else 0))

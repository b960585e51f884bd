"""AuditEvent: the access history of a record, as far as its reader may see it."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import actor, fhir, services
from facade.api.interactions import interaction
from facade.api.named_patient import named_patient
from facade.transactions.history import find_traces

blueprint = Blueprint("AuditEvent", __name__, description="Who did what in a record (EXI 18)")
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
)


@interaction(blueprint, "GET", "/AuditEvent", Declaration("search-type", "AuditEvent", _SEARCH), 200)
def search() -> Response:
    """The traces of one record, newest first, themselves masked."""
    parts = services()
    patient = named_patient(list(request.args.items(multi=True)), parts.subjects, "patient.identifier")
    found = find_traces(parts, actor(), patient)
    return fhir(searchset(parts.settings.fhir_base, found, total=len(found)))

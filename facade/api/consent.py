"""Consent: record an opposition or an information, read what is recorded and the caller's authorisation."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import JSON, XML, actor, body_resource, empty, fhir, preference, services
from facade.api.interactions import interaction
from facade.api.named_patient import named_patient
from facade.transactions import consents
from facade.translation import validation

blueprint = Blueprint("Consent", __name__, description="Oppositions, information given, authorisations")
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter("status", "token", "active or inactive"),
    Parameter("category", "token", "opposition-feeding, opposition-consultation, information-given, authorisation..."),
)


@interaction(blueprint, "POST", "/Consent", Declaration("create", "Consent", body=f"{JSON} {XML}"), 201)
def create() -> Response:
    """Record one statement of the patient. Its reason is never accepted (EXI 02)."""
    resource = body_resource("Consent")
    validation.validate_resource(resource, "Consent")
    recorded = consents.record_consent(services(), actor(), resource)
    headers = {
        "Location": f"{services().settings.fhir_base}/Consent/{recorded.id}",
        "ETag": f'W/"{recorded.version}"',
    }
    if preference() == "minimal":
        return empty(201, headers)
    return fhir(recorded.resource, 201, headers)


@interaction(blueprint, "GET", "/Consent", Declaration("search-type", "Consent", _SEARCH), 200)
def search() -> Response:
    """What is recorded here, and the caller's own authorisation (TD0.2)."""
    parts = services()
    params = list(request.args.items(multi=True))
    patient = named_patient(params, parts.subjects, "patient.identifier")
    found = consents.find_consents(parts, actor(), patient)
    if status := request.args.get("status"):
        found = [each for each in found if each["status"] in status.split(",")]
    if category := request.args.get("category"):
        codes = {token.rpartition("|")[2] for token in category.split(",")}
        found = [each for each in found if each["category"][0]["coding"][0]["code"] in codes]
    return fhir(searchset(parts.settings.fhir_base, found, total=len(found)))


@interaction(blueprint, "GET", "/Consent/<id>", Declaration("read", "Consent"), 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One statement recorded here."""
    found = consents.read_one(services(), actor(), id)
    return fhir(found.resource, headers={"ETag": f'W/"{found.version}"'})

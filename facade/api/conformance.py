"""CodeSystems, ValueSets, profiles, search parameters and operations, and the model notices. Public: no patient in it.

FHIR R4 terminology and conformance resources; référentiel DMP EXI 01 and Annexe 4 for the notices, in our own words.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, current_app, request
from flask_smorest import Blueprint

from facade import knowledge
from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter, declared, instance_operations, operations
from facade.api.exchange import fhir, services
from facade.api.open_routes import CACHED, serves
from facade.api.schemas import refusals
from facade.domain.errors import InvalidInput, NotFound
from facade.transactions.consent_tables import tables
from facade.translation.conformance import conformance
from facade.translation.operations import operation_definitions
from facade.translation.search_parameters import search_parameters

blueprint = Blueprint("conformance", __name__, description="What the facade's own resources are made of. No token.")
_DATE = "2026-11-22"
_URL = (Parameter("url", "uri", "Canonical URL"),)
_NOTICE = {
    "200": {"description": "The notice", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **refusals({"400": "There is no notice of this case"}),
}


@cache
def _own() -> dict[tuple[str, str], dict[str, Any]]:
    return conformance(knowledge.rows, date=_DATE)


def _of_kind(kind: str) -> list[dict[str, Any]]:
    if kind == "OperationDefinition":
        inputs = {
            name: [(each.name, each.text, each.required) for each in parameters]
            for name, parameters in operations(current_app).items()
        }
        return operation_definitions(knowledge.rows, inputs, instance_operations(current_app), _DATE)
    if kind != "SearchParameter":
        return [resource for (type_, _), resource in _own().items() if type_ == kind]
    served = ((each.resource, parameter.name) for each in declared(current_app) for parameter in each.parameters)
    return search_parameters(knowledge.rows, served)


@serves(blueprint, "/CodeSystem/<id>", Declaration("read", "CodeSystem"), "A CodeSystem of the facade")
def code_system(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One CodeSystem."""
    return _one("CodeSystem", id)


@serves(blueprint, "/ValueSet/<id>", Declaration("read", "ValueSet"), "A ValueSet of the facade")
def value_set(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One ValueSet."""
    return _one("ValueSet", id)


@serves(blueprint, "/StructureDefinition/<id>", Declaration("read", "StructureDefinition"), "A profile of the facade")
def structure_definition(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One StructureDefinition."""
    return _one("StructureDefinition", id)


@serves(blueprint, "/SearchParameter/<id>", Declaration("read", "SearchParameter"), "A search parameter of PDSm or MHD")
def search_parameter(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One SearchParameter."""
    return _one("SearchParameter", id)


@serves(
    blueprint, "/OperationDefinition/<id>", Declaration("read", "OperationDefinition"), "An operation of the facade"
)
def operation_definition(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One OperationDefinition."""
    return _one("OperationDefinition", id)


@serves(
    blueprint, "/CodeSystem", Declaration("search-type", "CodeSystem", _URL), "The CodeSystems, or the one of a URL"
)
def code_systems() -> Response:
    """Search by canonical URL."""
    return _all("CodeSystem")


@serves(blueprint, "/ValueSet", Declaration("search-type", "ValueSet", _URL), "The ValueSets, or the one of a URL")
def value_sets() -> Response:
    """Search by canonical URL."""
    return _all("ValueSet")


@serves(
    blueprint,
    "/StructureDefinition",
    Declaration("search-type", "StructureDefinition", _URL),
    "The StructureDefinitions, or the one of a URL",
)
def structure_definitions() -> Response:
    """Search by canonical URL."""
    return _all("StructureDefinition")


@serves(
    blueprint,
    "/OperationDefinition",
    Declaration("search-type", "OperationDefinition", _URL),
    "The operations of the facade, or the one of a URL",
)
def served_operations() -> Response:
    """Search by canonical URL."""
    return _all("OperationDefinition")


@serves(
    blueprint,
    "/SearchParameter",
    Declaration("search-type", "SearchParameter", _URL),
    "The search parameters that FHIR R4 does not define, or the one of a URL",
)
def served_search_parameters() -> Response:
    """Search by canonical URL."""
    return _all("SearchParameter")


@serves(
    blueprint,
    "/Consent/$information-notice",
    Declaration("", "Consent", (Parameter("case", "token", "1, 2 or 3, as in Annexe 4", required=True),)),
    "The notice, as text to show",
    _NOTICE,
)
def information_notice() -> Response:
    """The text to show a patient (EXI 01): brackets are for the structure to fill. In French, as patients read it."""
    notices = tables().notices
    case = request.args.get("case", "")
    if case not in notices:
        raise InvalidInput.of("notice.case", "case", available=", ".join(notices))
    headers = {"Content-Language": "fr", **CACHED}
    return Response(notices[case], content_type="text/plain; charset=utf-8", headers=headers)


def _one(kind: str, name: str) -> Response:
    found = next((resource for resource in _of_kind(kind) if resource["id"] == name), None)
    if found is None:
        raise NotFound.of("resource.unknown")
    return fhir(found, headers=CACHED)


def _all(kind: str) -> Response:
    url = request.args.get("url")
    found = [resource for resource in _of_kind(kind) if url in (None, resource["url"])]
    return fhir(searchset(services().settings.fhir_base, found, total=len(found)), headers=CACHED)

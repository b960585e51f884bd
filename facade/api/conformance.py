"""The facade's own CodeSystems, ValueSets and StructureDefinitions, and the model notices. Public: no patient is in it.

FHIR R4 terminology and conformance resources; référentiel DMP EXI 01 and Annexe 4 for the notices, in our own words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from flask import Response, request
from flask_smorest import Blueprint

from facade import knowledge
from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter, declares
from facade.api.exchange import fhir, services
from facade.domain.errors import InvalidInput, NotFound
from facade.transactions.consent_tables import tables
from facade.translation.conformance import conformance

View = TypeVar("View", bound=Callable[..., Any])
blueprint = Blueprint("conformance", __name__, description="What the facade's own resources are made of. No token.")
_DATE = "2026-11-22"
_URL = (Parameter("url", "uri", "Canonical URL"),)
_CACHED = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}


def _serves(path: str, declaration: Declaration, text: str) -> Callable[[View], View]:
    """Register a public view: documented without a token."""

    def register(view: View) -> View:
        marked = declares(declaration)(view)
        query = [
            {"in": "query", "name": each.name, "description": each.text, "schema": {"type": "string"}}
            for each in declaration.parameters
        ]
        answers = {"200": {"description": text}}
        blueprint.route(path, methods=["GET"])(blueprint.doc(parameters=query, responses=answers, security=[])(marked))
        return view

    return register


@cache
def _resources() -> dict[tuple[str, str], dict[str, Any]]:
    return conformance(knowledge.rows, date=_DATE)


@_serves("/CodeSystem/<id>", Declaration("read", "CodeSystem"), "A CodeSystem of the facade")
def code_system(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One CodeSystem."""
    return _one("CodeSystem", id)


@_serves("/ValueSet/<id>", Declaration("read", "ValueSet"), "A ValueSet of the facade")
def value_set(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One ValueSet."""
    return _one("ValueSet", id)


@_serves("/StructureDefinition/<id>", Declaration("read", "StructureDefinition"), "A profile of the facade")
def structure_definition(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One StructureDefinition."""
    return _one("StructureDefinition", id)


@_serves("/CodeSystem", Declaration("search-type", "CodeSystem", _URL), "The CodeSystems, or the one of a URL")
def code_systems() -> Response:
    """Search by canonical URL."""
    return _all("CodeSystem")


@_serves("/ValueSet", Declaration("search-type", "ValueSet", _URL), "The ValueSets, or the one of a URL")
def value_sets() -> Response:
    """Search by canonical URL."""
    return _all("ValueSet")


@_serves(
    "/StructureDefinition",
    Declaration("search-type", "StructureDefinition", _URL),
    "The StructureDefinitions, or the one of a URL",
)
def structure_definitions() -> Response:
    """Search by canonical URL."""
    return _all("StructureDefinition")


@_serves(
    "/Consent/$information-notice",
    Declaration("", "Consent", (Parameter("case", "token", "1, 2 or 3, as in Annexe 4"),)),
    "The notice, as text to show",
)
def information_notice() -> Response:
    """The text to show a patient (EXI 01): brackets are for the structure to fill. In French, as patients read it."""
    notices = tables().notices
    case = request.args.get("case", "")
    if case not in notices:
        raise InvalidInput.of("notice.case", "case", available=", ".join(notices))
    headers = {"Content-Language": "fr", **_CACHED}
    return Response(notices[case], content_type="text/plain; charset=utf-8", headers=headers)


def _one(kind: str, name: str) -> Response:
    found = _resources().get((kind, name))
    if found is None:
        raise NotFound.of("resource.unknown")
    return fhir(found, headers=_CACHED)


def _all(kind: str) -> Response:
    url = request.args.get("url")
    of_kind = [resource for (type_, _), resource in _resources().items() if type_ == kind]
    found = [resource for resource in of_kind if url in (None, resource["url"])]
    return fhir(searchset(services().settings.fhir_base, found, total=len(found)), headers=_CACHED)

"""GET /metadata and /.well-known/smart-configuration: what this server can do, generated from its routes.

FHIR R4 CapabilityStatement; PDSm "Gestionnaire de partage de documents", MHD Document Recipient and Responder.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Response, current_app
from flask_smorest import Blueprint

from facade import __version__, knowledge
from facade.api.declared import Declaration, Parameter, declared
from facade.api.exchange import JSON, XML, fhir, services, wants_xml
from facade.api.schemas import answer, refusals
from facade.translation.search_parameters import definitions

blueprint = Blueprint("metadata", __name__, description="What this server can do. No token needed.")
_PATCH_FORMATS = [JSON, XML, "application/json-patch+json"]
_STATEMENT = {
    "200": {
        "description": "The CapabilityStatement of this server",
        "content": answer(Declaration("read", "CapabilityStatement")),
    },
    **refusals({"406": "None of the formats of Accept or _format is served"}),
}
_ISSUERS = {
    "200": {
        "description": "The issuers whose tokens are accepted",
        "content": {"application/json": {"schema": {"type": "object", "required": ["issuer", "capabilities"]}}},
    }
}
_ORDER = ("read", "vread", "history-instance", "create", "update", "patch", "delete", "search-type")


@blueprint.route("/metadata")
@blueprint.doc(responses=_STATEMENT, security=[])
def metadata() -> Response:
    """CapabilityStatement."""
    wants_xml()
    return fhir(capability_statement(services().settings.fhir_base))


@blueprint.route("/.well-known/smart-configuration")
@blueprint.doc(responses=_ISSUERS, security=[])
def smart_configuration() -> dict[str, Any]:
    """Where tokens come from (SMART App Launch 2.1, conformance)."""
    issuers = services().settings.issuers
    return {
        "issuer": issuers[0].issuer if issuers else "",
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "capabilities": ["permission-v2"],
        "scopes_supported": ["openid"],
        "token_issuers": [{"issuer": each.issuer, "kind": each.kind, "audience": each.audience} for each in issuers],
    }


def capability_statement(base: str) -> dict[str, Any]:
    """The CapabilityStatement of the routes of the running application, as a plain dict."""
    found = declared(current_app)
    resources: dict[str, list[Declaration]] = defaultdict(list)
    for declaration in found:
        if declaration.resource:
            resources[declaration.resource].append(declaration)
    system = [{"code": each.interaction} for each in found if not each.resource and each.interaction]
    return {
        "resourceType": "CapabilityStatement",
        "name": "DmpFacade",
        "title": "FHIR door to the DMP",
        "status": "active",
        "date": "2026-11-22",
        "publisher": "dmp-facade",
        "kind": "instance",
        "software": {"name": "dmp-facade", "version": __version__},
        "implementation": {"description": "FHIR door to the DMP (dossier médical partagé)", "url": base},
        "fhirVersion": "4.0.1",
        "format": [JSON, XML],
        "patchFormat": _PATCH_FORMATS,
        "rest": [
            {
                "mode": "server",
                "documentation": "Every search names one patient: patient.identifier (or patient) is required.",
                "security": {
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "OAuth",
                                }
                            ]
                        }
                    ]
                },
                "resource": [_resource(name, resources[name]) for name in sorted(resources)],
                "interaction": system,
            }
        ],
    }


def _resource(name: str, declarations: list[Declaration]) -> dict[str, Any]:
    interactions = sorted({each.interaction for each in declarations if each.interaction}, key=_ORDER.index)
    resource: dict[str, Any] = {
        "type": name,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned-update" if "patch" in interactions else "no-version",
    }
    if any(each.conditional_update for each in declarations):
        resource["conditionalUpdate"] = True
    if any(each.conditional_create for each in declarations):
        resource["conditionalCreate"] = True
    if any(each.conditional_read for each in declarations):
        resource["conditionalRead"] = "not-match"
    profiles = sorted({profile for each in declarations for profile in each.profiles})
    if profiles:
        resource["supportedProfile"] = profiles
    includes = sorted({include for each in declarations for include in each.includes})
    if includes:
        resource["searchInclude"] = includes
    searches = [each for each in declarations if each.interaction]
    parameters = {parameter.name: parameter for each in searches for parameter in each.parameters}
    if parameters:
        resource["searchParam"] = [_parameter(name, parameter) for parameter in parameters.values()]
    return resource


def _parameter(resource: str, parameter: Parameter) -> dict[str, str]:
    """A chained parameter (patient.identifier) has no canonical URL of its own."""
    canonical = definitions(knowledge.rows).get((resource, parameter.name))
    described = {"name": parameter.name, "type": parameter.type, "documentation": parameter.text}
    return described | ({"definition": canonical} if canonical else {})

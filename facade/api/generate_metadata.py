"""POST /DocumentReference/$generate-metadata: ITI-106, what a CDA says of itself as a DocumentReference."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bodies import body_bytes
from facade.api.declared import Declaration
from facade.api.exchange import JSON, XML, actor, body_resource, fhir, services
from facade.api.interactions import interaction
from facade.domain.content import Buffer
from facade.domain.errors import InvalidInput
from facade.transactions.generate_metadata import generate_metadata
from facade.translation import attachment, validation
from facade.translation.resources import child, objects

blueprint = Blueprint("generate-metadata", __name__, description="Metadata of a CDA")
_CDA = "application/hl7-cda+xml"
_OPERATION = Declaration(
    "",
    "DocumentReference",
    body=f"{JSON} {XML} {_CDA}",
)


@interaction(blueprint, "POST", "/DocumentReference/$generate-metadata", _OPERATION, 200)
def generate() -> Response:
    """Generate Metadata (ITI-106) from a CDA. Nothing is stored and the DMP is not asked."""
    return fhir(generate_metadata(services(), actor(), _content()))


def _content() -> Buffer:
    """The CDA: the body itself, a Binary, or the Binary in the parameter ``document``."""
    if request.mimetype == _CDA:
        return body_bytes(services().settings.max_body_bytes)
    resource = body_resource("Parameters", "Binary")
    path = "Binary"
    if resource["resourceType"] == "Parameters":
        path, resource = "Parameters.parameter[0].resource", _document(resource)
    data = resource.pop("data", None)
    validation.validate_resource(resource, "Binary")
    if data is None:
        raise InvalidInput.of("generate-metadata.document", f"{path}.data")
    return bytes(attachment.decode(data, f"{path}.data"))


def _document(parameters: dict[str, Any]) -> dict[str, Any]:
    """The one resource of the parameter ``document``. Raises InvalidInput."""
    found = [each for each in objects(parameters, "parameter") if each.get("name") == "document"]
    document = child(found[0], "resource") if len(found) == 1 else {}
    if document.get("resourceType") == "Bundle":
        raise InvalidInput.of("bundle.fhir-document", "Parameters.parameter[0].resource", found="document")
    if document.get("resourceType") != "Binary":
        raise InvalidInput.of("generate-metadata.document", "Parameters.parameter")
    return document

"""What the OpenAPI document says of bodies: which resource a request or an answer holds, and what an error looks like.

FHIR's own models validate the resources; these schemas say as much as a client generator and a fuzzer can use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facade.api.declared import Declaration
from facade.api.exchange import FORM, JSON, XML

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_RESOURCE: Schema = {
    "type": "object",
    "description": "A FHIR R4 resource",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"}},
}
_ISSUE: Schema = {
    "type": "object",
    "required": ["severity", "code", "details"],
    "properties": {
        "severity": {"type": "string", "enum": ["fatal", "error", "warning", "information"]},
        "code": {"type": "string", "description": "FHIR issue type", "pattern": "^[a-z-]+$"},
        "details": {
            "type": "object",
            "required": ["coding", "text"],
            "properties": {
                "coding": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "object", "required": ["system", "code"]},
                    "description": "The stable code: of this server, of one of its rules, or of the DMP",
                },
                "text": {"type": "string", "description": "In French or English, by Accept-Language"},
            },
        },
        "diagnostics": {"type": "string"},
        "expression": {"type": "array", "items": _TEXT, "description": "The element, parameter or header it is about"},
    },
}
_OUTCOME: Schema = {
    "type": "object",
    "description": "What went wrong, or what a server did on its own",
    "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"type": "string", "enum": ["OperationOutcome"]},
        "issue": {"type": "array", "minItems": 1, "items": _ISSUE},
    },
}
_BUNDLE: Schema = {
    "type": "object",
    "required": ["resourceType", "type"],
    "properties": {
        "resourceType": {"type": "string", "enum": ["Bundle"]},
        "type": {"type": "string"},
        "total": {"type": "integer", "minimum": 0},
        "link": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["relation", "url"]}},
        "entry": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
}
_JSON_PATCH: Schema = {
    "type": "array",
    "description": "JSON Patch (RFC 6902)",
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {"op": {"type": "string", "enum": ["add", "replace", "remove", "test"]}, "path": _TEXT},
    },
}
COMPONENTS: dict[str, Schema] = {
    "Resource": _RESOURCE,
    "OperationOutcome": _OUTCOME,
    "Bundle": _BUNDLE,
    "JsonPatch": _JSON_PATCH,
}
_BUNDLES = ("search-type", "history-instance", "transaction")


def refusals(texts: Mapping[str, str]) -> Schema:
    """The refusals of a route by status: each answers an OperationOutcome."""
    content = _content(_reference("OperationOutcome"))
    return {status: {"description": text, "content": content} for status, text in texts.items()}


def answer(declaration: Declaration) -> Schema:
    """The content of a success: a Bundle, the resource, or the OperationOutcome that Prefer may ask for."""
    if declaration.interaction in _BUNDLES:
        return _content(_reference("Bundle"))
    if declaration.interaction in ("create", "update", "patch", "delete"):
        return _content({"oneOf": [_of(declaration.resource), _reference("OperationOutcome")]})
    return _content(_of(declaration.resource) if declaration.interaction else _reference("Resource"))


def body(declaration: Declaration) -> Schema:
    """The content a request may have, by media type."""
    return {kind: {"schema": _body(declaration, kind)} for kind in declaration.body.split()}


def _body(declaration: Declaration, kind: str) -> Schema:
    if kind == XML:
        return _TEXT
    if kind == FORM:
        described = {each.name: _TEXT | {"description": each.text} for each in declaration.parameters}
        return {"type": "object", "properties": described, "additionalProperties": _TEXT}
    if kind != JSON:
        return _reference("JsonPatch")
    if declaration.interaction == "patch":
        return _of("Parameters")
    return _of(declaration.resource) if declaration.resource else _reference("Bundle")


def _of(kind: str) -> Schema:
    return _RESOURCE | {"properties": {"resourceType": {"type": "string", "enum": [kind]}}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Schema) -> Schema:
    return {JSON: {"schema": schema}, XML: {"schema": _TEXT}}

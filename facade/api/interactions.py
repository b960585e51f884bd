"""One line per FHIR interaction: route, OpenAPI documentation and declaration, said once.

Example: ``@interaction(blueprint, "GET", "/Patient", Declaration("search-type", "Patient"), 200)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Blueprint

from facade.api.declared import Declaration, Parameter, declares
from facade.api.exchange import JSON, XML

View = TypeVar("View", bound=Callable[..., Any])
_SCHEMA = {"type": "object"}
_REFUSALS = {
    "400": "The request is malformed (OperationOutcome)",
    "401": "No token, or one that is not believed",
    "403": "The policy refuses; the OperationOutcome names the rule and its basis",
    "404": "It does not exist, or not for this caller",
    "502": "The DMP refused or answered wrongly",
    "503": "The DMP or the facade is not available; see Retry-After",
}
_HEADERS = (
    ("Purpose-Of-Use", "normal, bris_de_glace or centre_15 (JDV_J38)", ["normal", "bris_de_glace", "centre_15"]),
    ("Purpose-Of-Use-Reason", "Why, in words; required with bris_de_glace and centre_15", None),
    ("Connexion-Secrete", "true: a minor asked for secrecy", ["true", "false"]),
    ("Accept-Language", "fr (default) or en: language of the messages", None),
    ("X-Request-Id", "Correlation id, given back and written into the trace", None),
)


def interaction(
    blueprint: Blueprint, method: str, path: str, declaration: Declaration, *success: int
) -> Callable[[View], View]:
    """Register a view for one interaction. ``success`` are its successful statuses."""

    def register(view: View) -> View:
        marked = declares(declaration)(view)
        documented = blueprint.doc(**_documentation(declaration, success))(marked)
        blueprint.route(path, methods=[method])(documented)
        return view

    return register


def _documentation(declaration: Declaration, success: tuple[int, ...]) -> dict[str, Any]:
    media = {JSON: {"schema": _SCHEMA}, XML: {"schema": {"type": "string"}}}
    responses = {str(status): {"description": "Success", "content": media} for status in success}
    responses |= {status: {"description": text, "content": media} for status, text in _REFUSALS.items()}
    documentation: dict[str, Any] = {
        "parameters": [*(_query(each) for each in declaration.parameters), *_headers()],
        "responses": responses,
        "security": [{"bearer": []}],
    }
    if declaration.body:
        content = {kind: {"schema": _SCHEMA} for kind in declaration.body.split()}
        documentation["requestBody"] = {"required": True, "content": content}
    return documentation


def _query(parameter: Parameter) -> dict[str, Any]:
    return {
        "in": "query",
        "name": parameter.name,
        "description": parameter.text,
        "required": parameter.required,
        "schema": {"type": "string"},
    }


def _headers() -> list[dict[str, Any]]:
    found = []
    for name, text, values in _HEADERS:
        schema: dict[str, Any] = {"type": "string"} | ({"enum": values} if values else {})
        found.append({"in": "header", "name": name, "description": text, "required": False, "schema": schema})
    return found

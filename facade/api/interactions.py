"""One line per FHIR interaction: route, OpenAPI documentation and declaration, said once.

Example: ``@interaction(blueprint, "GET", "/Patient", Declaration("search-type", "Patient"), 200)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response
from flask_smorest import Blueprint

from facade.api import schemas
from facade.api.declared import Declaration, Parameter, declares
from facade.api.exchange import FORM, wants_xml

View = Callable[..., Response]
_Headers = tuple[tuple[str, str, list[str] | None], ...]
_REFUSALS = {
    "400": "The request is malformed (OperationOutcome)",
    "401": "No token, or one that is not believed",
    "403": "The policy refuses; the OperationOutcome names the rule and its basis",
    "404": "It does not exist, or not for this caller",
    "406": "None of the formats of Accept or _format is served",
    "409": "The state of the record or of the document forbids it",
    "410": "The document was there and is no longer available",
    "414": "The address is over the limit",
    "422": "The request is understood and breaks a rule; the OperationOutcome names element, value and rule",
    "431": "The headers are too many or too large",
    "500": "A defect of the facade; nothing of the request is repeated",
    "501": "The DMP does not serve this",
    "502": "The DMP refused or answered wrongly",
    "503": "The DMP or the facade is not available; see Retry-After",
}
_BODY_REFUSALS = {
    "408": "The body did not come in time",
    "413": "The body is over the limit",
    "415": "The media type of the body is not accepted",
}
_CREATE_REFUSALS = {"409": "It was sent before, or is being sent"}
_UPDATE_REFUSALS = {
    "405": "The change touches an element that may not change",
    "409": "The resource changed during the update",
    "412": "If-Match is not the current version, or several documents match",
}
_HEADERS = (
    ("Purpose-Of-Use", "normal, bris_de_glace or centre_15 (JDV_J38)", ["normal", "bris_de_glace", "centre_15"]),
    ("Purpose-Of-Use-Reason", "Why, in words; required with bris_de_glace and centre_15", None),
    (
        "X-Worksituation",
        "The activity the professional acts in, of those in the token: profession and category (10C), structure id, "
        "or both with a comma; required where there are several",
        None,
    ),
    ("Connexion-Secrete", "true: a minor asked for secrecy", ["true", "false"]),
    ("Accept-Language", "fr (default) or en: language of the messages", None),
    ("X-Request-Id", "Correlation id, given back and written into the trace", None),
)
_CREATE_HEADERS = (
    ("Idempotency-Key", "The same key with the same request is served once", None),
    ("Prefer", "return=minimal, return=representation (default) or return=OperationOutcome", None),
)
_UPDATE_HEADERS = (
    ("If-Match", 'ETag of the version that was read, W/"n"', None),
    ("Masking-On-Behalf-Of-Holder", "true: the holder asks for this masking", ["true", "false"]),
    ("Prefer", "return=minimal or return=representation (default)", None),
)
_CREATE_CONDITION: _Headers = (
    ("If-None-Exist", "identifier=urn:ietf:rfc:3986|urn:oid:...: nothing is made where this document exists", None),
)
_READ_CONDITION: _Headers = (("If-None-Match", 'ETag the client has, W/"n": 304 where it is still the version', None),)
_MORE_HEADERS: dict[str, _Headers] = {
    "create": _CREATE_HEADERS,
    "transaction": _CREATE_HEADERS,
    "update": _UPDATE_HEADERS,
    "patch": _UPDATE_HEADERS,
    "delete": _UPDATE_HEADERS,
    "search-type": (("Prefer", "handling=strict or handling=lenient (default)", None),),
}


def interaction(
    blueprint: Blueprint, method: str, path: str, declaration: Declaration, *success: int
) -> Callable[[View], View]:
    """Register a view for one interaction. ``success`` are its successful statuses.

    An ``Accept`` that cannot be met is refused before anything is done; Binary has forms of its own to choose from.
    """

    def register(view: View) -> View:
        @wraps(view)
        def negotiated(**path: str) -> Response:
            if not _is_raw(declaration):
                wants_xml()
            return view(**path)

        marked = declares(declaration)(negotiated)
        documented = blueprint.doc(**_documentation(declaration, success))(marked)
        blueprint.route(path, methods=[method])(documented)
        return negotiated

    return register


def _documentation(declaration: Declaration, success: tuple[int, ...]) -> dict[str, Any]:
    raw = {"*/*": {"schema": {"type": "string", "format": "binary"}}} if _is_raw(declaration) else {}
    if declaration.conditional_create:
        success = (*success, 200)
    served = schemas.answer(declaration) | raw
    responses: dict[str, Any] = {str(status): {"description": "Success", "content": served} for status in success}
    responses |= schemas.refusals(_refusals(declaration))
    if declaration.conditional_read:
        responses["304"] = {"description": "The client has this version"}
    documentation: dict[str, Any] = {
        "parameters": [*_queries(declaration), *_headers(declaration)],
        "responses": responses,
        "security": [{"bearer": []}],
    }
    if declaration.body:
        documentation["requestBody"] = {"required": True, "content": schemas.body(declaration)}
    return documentation


def _is_raw(declaration: Declaration) -> bool:
    return declaration.raw or declaration.resource == "Binary"


def _queries(declaration: Declaration) -> list[dict[str, Any]]:
    """The parameters of the URL; a search by POST takes them there too, and documents them in its form."""
    return [] if declaration.body == FORM else [_query(each) for each in declaration.parameters]


def _query(parameter: Parameter) -> dict[str, Any]:
    return {
        "in": "query",
        "name": parameter.name,
        "description": parameter.text,
        "required": parameter.required,
        "schema": {"type": "string"},
    }


def _refusals(declaration: Declaration) -> dict[str, str]:
    found = _REFUSALS | (_BODY_REFUSALS if declaration.body else {})
    if declaration.interaction in ("create", "transaction"):
        return found | _CREATE_REFUSALS
    return found | _UPDATE_REFUSALS if declaration.interaction in ("update", "patch", "delete") else found


def _headers(declaration: Declaration) -> list[dict[str, Any]]:
    found = []
    conditions = (_CREATE_CONDITION if declaration.conditional_create else ()) + (
        _READ_CONDITION if declaration.conditional_read else ()
    )
    for name, text, values in (*_HEADERS, *conditions, *_MORE_HEADERS.get(declaration.interaction, ())):
        schema: dict[str, Any] = {"type": "string"} | ({"enum": values} if values else {})
        found.append({"in": "header", "name": name, "description": text, "required": False, "schema": schema})
    return found

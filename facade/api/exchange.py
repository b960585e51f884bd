"""One HTTP exchange in FHIR's terms: what the client sent, what it accepts, and how the answer is written.

FHIR R4 http.html (content types, _format, _pretty, Prefer); headers of the facade's own as in docs/integrate.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from flask import Response, current_app, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from facade.api.bodies import body_bytes
from facade.api.outcomes import ErrorTable
from facade.domain.access import Purpose
from facade.domain.errors import InvalidInput
from facade.transactions.actor import Actor
from facade.transactions.services import Services
from facade.translation import attachment, fhir_xml
from facade.translation.cut import cut

JSON = "application/fhir+json"
XML = "application/fhir+xml"
FORM = "application/x-www-form-urlencoded"
_JSON_TYPES = {JSON, "application/json", "text/json", "application/json+fhir", "json"}
_XML_TYPES = {XML, "application/xml", "text/xml", "application/xml+fhir", "xml"}
_MAX_DEPTH = 60
_MAX_ELEMENTS = 20_000


def services() -> Services:
    """The wired parts of this application."""
    found: Services = current_app.extensions["dmp_facade"]
    return found


def error_table() -> ErrorTable:
    """The meaning of every error code."""
    found: ErrorTable = current_app.extensions["dmp_facade_errors"]
    return found


def language() -> str:
    """``fr`` or ``en``, from Accept-Language (any region of it); French by default."""
    wanted = (name.partition("-")[0].lower() for name, quality in request.accept_languages if quality > 0)
    return next((name for name in wanted if name in ("fr", "en")), "fr")


def actor() -> Actor:
    """Who is calling, why, and under which correlation id. Raises InvalidInput for an unknown purpose."""
    text = request.headers.get("Purpose-Of-Use", Purpose.NORMAL.value)
    try:
        purpose = Purpose(text)
    except ValueError as error:
        raise InvalidInput.of("purpose.unknown", "Purpose-Of-Use", value=text[:40]) from error
    return Actor(
        caller=g.caller,
        purpose=purpose,
        reason=_percent_decoded("Purpose-Of-Use-Reason")[:500].strip() if purpose.is_emergency else "",
        secret=_flag("Connexion-Secrete"),
        on_behalf_of_holder=_flag("Masking-On-Behalf-Of-Holder"),
        correlation_id=g.correlation_id,
    )


def preference(default: str = "representation") -> str:
    """``minimal``, ``representation`` or ``OperationOutcome`` of the Prefer header, else ``default``."""
    found = re.search(r"return\s*=\s*(minimal|representation|OperationOutcome)", request.headers.get("Prefer", ""))
    return found.group(1) if found else default


def strict() -> bool:
    """Whether the client wants unknown parameters refused (``Prefer: handling=strict``)."""
    return "handling=strict" in request.headers.get("Prefer", "").replace(" ", "")


def posted_parameters() -> list[tuple[str, str]]:
    """The parameters of a search by POST: those of the URL, then those of the form body, in order.

    Raises InvalidInput for a body of another media type or one that is too large. Source: FHIR R4 http.html#search.
    """
    form = body_bytes(services().settings.max_body_bytes)
    if request.mimetype != FORM:
        raise InvalidInput.of("body.media-type", "Content-Type", value=request.mimetype[:60] or "-")
    in_body = parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True)
    return [*request.args.items(multi=True), *in_body]


def body_resource(*expected: str) -> dict[str, Any]:
    """The resource of the request body, JSON or XML, of one of the ``expected`` types.

    Raises InvalidInput: ``body.media-type`` (415), ``body.not-json``, ``body.not-xml``, ``body.unsafe-xml``,
    ``body.not-a-resource``, ``resource.wrong-type``, ``body.too-large`` (413).
    """
    xml, data = _body()
    return _resource(data, xml, expected)


def body_with_files(*expected: str) -> tuple[dict[str, Any], dict[int, Any]]:
    """The resource of the body without its base64 texts, and those by entry number (``attachment.take_out``).

    A long text becomes a Base64File and never a part of the parsed resource. Raises InvalidInput as ``body_resource``.
    """
    xml, data = _body()
    rest, files = cut(data, xml=xml)
    if files:
        resource = _resource_of_rest(rest, xml, expected)
        found = None if resource is None else attachment.put_back(attachment.take_out(resource), files)
        if resource is not None and found is not None:
            return resource, found
    resource = _resource(data, xml, expected)
    return resource, attachment.take_out(resource)


def _body() -> tuple[bool, bytes | bytearray]:
    """Whether the body is XML, and the body. Raises InvalidInput ``body.media-type``, once the body was read."""
    media_type = request.mimetype
    data = body_bytes(services().settings.max_body_bytes)
    if media_type not in _XML_TYPES and media_type not in _JSON_TYPES:
        raise InvalidInput.of("body.media-type", "Content-Type", value=media_type[:60] or "-")
    return media_type in _XML_TYPES, data


def _resource_of_rest(data: bytes | bytearray, xml: bool, expected: tuple[str, ...]) -> dict[str, Any] | None:
    """The resource of a body with marks in it; None when it is refused: the whole body tells why, and where."""
    try:
        return _resource(data, xml, expected)
    except InvalidInput:
        return None


def _resource(data: bytes | bytearray, xml: bool, expected: tuple[str, ...]) -> dict[str, Any]:
    resource: Any = fhir_xml.to_dict(data) if xml else parse_json(data)
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise InvalidInput.of("body.not-a-resource")
    _check_size(resource)
    found = resource["resourceType"]
    if found not in expected:
        raise InvalidInput.of("resource.wrong-type", "resourceType", found=found[:40], expected=" / ".join(expected))
    return resource


def _check_size(resource: Any) -> None:
    """Refuse a body of so many or so nested elements that reading it would keep a processor busy for seconds.

    Raises InvalidInput ``body.too-deep`` or ``body.too-many-elements``.
    """
    count, level, here = 0, 0, [resource]
    while here:
        level += 1
        if level > _MAX_DEPTH:
            raise InvalidInput.of("body.too-deep", limit=str(_MAX_DEPTH))
        count += len(here)
        if count > _MAX_ELEMENTS:
            raise InvalidInput.of("body.too-many-elements", limit=str(_MAX_ELEMENTS))
        here = [inner for each in here if isinstance(each, dict | list) for inner in _inside(each)]


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def parse_json(data: bytes | bytearray) -> Any:
    """Parse JSON. Raises InvalidInput ``body.not-json`` (with the position, never the content)."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of("body.not-json", position=f"{error.lineno}:{error.colno}") from error


def wants_xml() -> bool:
    """Whether the answer is to be FHIR XML. Raises InvalidInput ``accept.not-served`` (406)."""
    asked = request.args.get("_format", "").replace(" ", "+")
    if asked:
        return _kind_of(asked.split(";")[0], "_format")
    accept = request.headers.get("Accept", "")
    best = _best_of(accept)
    if best is None and accepted():
        raise InvalidInput.of("accept.not-served", "Accept", value=accept[:80])
    return best in _XML_TYPES if best else False


@lru_cache(maxsize=64)  # asked twice for each request, and clients have few ways of saying it
def _best_of(accept: str) -> str | None:
    return _media_types(accept).best_match([JSON, XML, *sorted((_JSON_TYPES | _XML_TYPES) - {"json", "xml"})])


def accepted() -> MIMEAccept:
    """The media types of Accept, without their parameters (``fhirVersion``, ``charset``)."""
    return _media_types(request.headers.get("Accept", ""))


def _media_types(accept: str) -> MIMEAccept:
    found = parse_accept_header(accept, MIMEAccept)
    return MIMEAccept([(name.partition(";")[0].strip(), quality) for name, quality in found])


def fhir(resource: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write a resource in the format the client asked for (JSON where the question itself was wrong)."""
    try:
        xml = wants_xml()
    except InvalidInput:
        xml = False
    pretty = request.args.get("_pretty") == "true"
    if xml:
        data = fhir_xml.from_dict(resource, pretty=pretty)
    else:
        data = orjson.dumps(resource, option=orjson.OPT_INDENT_2 if pretty else None)
    response = Response(data, status, content_type=f"{XML if xml else JSON}; charset=utf-8")
    response.headers.update(headers or {})
    return response


def empty(status: int, headers: Mapping[str, str]) -> Response:
    """An answer without a body (``Prefer: return=minimal``), and so without a content type."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def _kind_of(name: str, where: str) -> bool:
    if name in _JSON_TYPES:
        return False
    if name in _XML_TYPES:
        return True
    raise InvalidInput.of("accept.not-served", where, value=name[:60])


def _flag(header: str) -> bool:
    """A boolean header. Anything but true or false is refused: a misspelt secrecy must not be silently dropped."""
    value = request.headers.get(header, "false").strip()
    if value not in ("true", "false"):
        raise InvalidInput.of("header.not-boolean", header, value=value[:20])
    return value == "true"


def _percent_decoded(name: str) -> str:
    """A header whose text may hold accents: percent-encoded UTF-8, since HTTP carries ASCII only."""
    return unquote(request.headers.get(name, ""), errors="replace")

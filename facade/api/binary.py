"""Binary: ITI-68, a document's bytes in the form the client asks for.

A CDA level 1 holds the file that was published: ``Accept: application/pdf`` (or nothing) gives the file,
``application/xml`` the CDA, ``application/fhir+json`` a Binary. Source: ITI TF-2 3.68.
"""

from __future__ import annotations

import pybase64
from flask import Response, request
from flask_smorest import Blueprint
from werkzeug.datastructures import MIMEAccept

from facade.api.declared import Declaration
from facade.api.exchange import JSON, XML, actor, fhir, services
from facade.api.interactions import interaction
from facade.domain.errors import InvalidInput
from facade.transactions.read_document import Content, retrieve_document

blueprint = Blueprint("Binary", __name__, description="The bytes of a document")
_XML_TYPES = ("application/xml", "text/xml")
_BLOCK = 256 * 1024


@interaction(blueprint, "GET", "/Binary/<id>", Declaration("read", "Binary"), 200)
def retrieve(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Retrieve a document (TD3.2)."""
    registered, inner = retrieve_document(services(), actor(), id)
    chosen = _choose(registered, inner, _accepted())
    if chosen is None:
        return _as_binary(inner or registered, id)
    return _streamed(chosen)


def _accepted() -> MIMEAccept:
    asked = request.args.get("_format", "").replace(" ", "+")
    return MIMEAccept([(asked, 1)]) if asked else request.accept_mimetypes


def _choose(registered: Content, inner: Content | None, accept: MIMEAccept) -> Content | None:
    """The form that fits best; None for a FHIR Binary. Raises InvalidInput ``document.accept-not-served`` (406)."""
    forms: dict[str, Content | None] = {}
    if inner is not None:
        forms[inner.media_type] = inner
    forms |= dict.fromkeys(_XML_TYPES, registered) if registered.media_type in _XML_TYPES else {}
    forms.setdefault(registered.media_type, registered)
    natural = next(iter(forms.values()))
    forms |= {JSON: None, XML: None, "application/json": None}
    if not accept:
        return natural
    best = accept.best_match(list(forms))
    if best is None:
        raise InvalidInput.of("document.accept-not-served", "Accept", available=", ".join(forms))
    return forms[best]


def _as_binary(content: Content, id: str) -> Response:  # noqa: A002 - FHIR's own name
    resource = {
        "resourceType": "Binary",
        "id": id,
        "meta": {"versionId": str(content.version)},
        "contentType": content.media_type,
        "data": pybase64.b64encode_as_string(content.data),
    }
    return fhir(resource, headers={"ETag": f'W/"{content.version}"'})


def _streamed(content: Content) -> Response:
    """The bytes in blocks: the server never holds a second copy of the document."""
    view = memoryview(content.data)
    blocks = (bytes(view[start : start + _BLOCK]) for start in range(0, len(view), _BLOCK))
    response = Response(blocks, content_type=content.media_type)
    response.content_length = len(view)
    # A CDA comes from third parties: it must never be rendered in the facade's own origin.
    response.headers["Content-Disposition"] = "attachment"
    response.headers["ETag"] = f'W/"{content.version}"'
    return response

"""Binary: ITI-68, a document's bytes in the form the client asks for.

A CDA level 1 holds the file that was published. ``Accept: application/pdf`` gives that file, ``application/xml``
the CDA, ``application/fhir+json`` a Binary; without ``Accept``, what its DocumentReference describes.
Source: ITI TF-2 3.68.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pybase64
from flask import Response, request
from flask_smorest import Blueprint
from werkzeug.datastructures import MIMEAccept

from facade.api.conditions import not_modified, reader_has
from facade.api.declared import Declaration
from facade.api.exchange import JSON, XML, accepted, actor, fhir, services
from facade.api.interactions import interaction
from facade.api.versions import etag
from facade.domain.errors import InvalidInput
from facade.transactions.read_document import Content, Forms, Unchanged, retrieve_document

blueprint = Blueprint("Binary", __name__, description="The bytes of a document")
_XML_TYPES = ("application/xml", "text/xml")
_SHORT = {"json": JSON, "xml": XML}
_BLOCK = 256 * 1024


@interaction(blueprint, "GET", "/Binary/<id>", Declaration("read", "Binary", conditional_read=True), 200)
def retrieve(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Retrieve a document (TD3.2)."""
    forms = retrieve_document(services(), actor(), id, reader_has)
    if isinstance(forms, Unchanged):
        return not_modified(forms.version)
    chosen = _choose(forms, _accepted())
    if chosen is None:
        return fhir(binary(forms.natural, id), headers=etag(forms.natural.version))
    return _streamed(chosen)


def _accepted() -> MIMEAccept:
    asked = request.args.get("_format", "").replace(" ", "+")
    return MIMEAccept([(_SHORT.get(asked, asked), 1)]) if asked else accepted()


def _choose(forms: Forms, accept: MIMEAccept) -> Content | None:
    """The form that fits best; None for a FHIR Binary. Raises InvalidInput ``document.accept-not-served`` (406)."""
    contents: dict[str, Content | None] = {}
    for content in (forms.natural, forms.registered, forms.inner):
        if content is not None:
            contents.setdefault(content.media_type, content)
    if forms.registered.media_type in _XML_TYPES:
        for name in _XML_TYPES:
            contents.setdefault(name, replace(forms.registered, media_type=name))
    contents |= {JSON: None, XML: None, "application/json": None}
    if not accept:
        return forms.natural
    best = accept.best_match(list(contents))
    if best is None:
        raise InvalidInput.of("document.accept-not-served", "Accept", available=", ".join(contents))
    return contents[best]


def binary(content: Content, id: str) -> dict[str, Any]:  # noqa: A002 - FHIR's own name
    """The Binary of a document."""
    return {
        "resourceType": "Binary",
        "id": id,
        "meta": {"versionId": content.version},
        "contentType": content.media_type,
        "data": pybase64.b64encode_as_string(content.data),
    }


def _streamed(content: Content) -> Response:
    """The bytes in blocks: the server never holds a second copy of the document."""
    view = memoryview(content.data)
    blocks = (bytes(view[start : start + _BLOCK]) for start in range(0, len(view), _BLOCK))
    response = Response(blocks, content_type=content.media_type)
    response.content_length = len(view)
    # A CDA comes from third parties: it must never be rendered in the facade's own origin.
    response.headers["Content-Disposition"] = "attachment"
    response.headers.update(etag(content.version))
    return response

"""Binary: ITI-68, a document's bytes in the form the client asks for.

A CDA level 1 holds the file that was published. ``Accept: application/pdf`` gives that file, ``application/xml``
the CDA, ``application/fhir+json`` a Binary; without ``Accept``, what its DocumentReference describes.
Source: ITI TF-2 3.68.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
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
from facade.domain.content import Buffer
from facade.domain.errors import InvalidInput
from facade.transactions.read_document import Content, Forms, Unchanged, retrieve_document
from facade.translation.base64_file import Base64File
from facade.translation.provenance import DMP, tagged

blueprint = Blueprint("Binary", __name__, description="The bytes of a document")
_XML_TYPES = ("application/xml", "text/xml")
_SHORT = {"json": JSON, "xml": XML}
_BLOCK = 3 * 64 * 1024  # bytes: three of them are four characters of base64


@interaction(blueprint, "GET", "/Binary/<id>", Declaration("read", "Binary", conditional_read=True), 200)
def retrieve(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Retrieve a document (TD3.2)."""
    forms = retrieve_document(services(), actor(), id, reader_has)
    if isinstance(forms, Unchanged):
        return not_modified(forms.version)
    return content_answer(forms, id)


def content_answer(forms: Forms, id: str) -> Response:  # noqa: A002 - FHIR's own name
    """A document in the form the client accepts. Raises InvalidInput ``document.accept-not-served`` (406)."""
    chosen = _choose(forms, _accepted())
    if chosen is None:
        return _as_binary(forms.natural, id)
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
    return _around(b"".join(_base64_blocks(content.data)).decode("ascii"), content, id)


def _around(data: str, content: Content, id: str) -> dict[str, Any]:  # noqa: A002 - FHIR's own name
    return {
        "resourceType": "Binary",
        "id": id,
        "meta": tagged({"versionId": content.version}),
        "contentType": content.media_type,
        "data": data,
    }


def _as_binary(content: Content, id: str) -> Response:  # noqa: A002 - FHIR's own name
    """A Binary written around the base64 of the document, which is streamed too."""
    mark = secrets.token_hex(16)
    response = fhir(_around(mark, content, id), headers=etag(content.version))
    head, tail = response.get_data().split(mark.encode())
    length = 4 * -(-len(content.data) // 3)
    response.response = chain((head,), _base64_blocks(content.data), (tail,))
    response.content_length = len(head) + length + len(tail)
    return response


def _base64_blocks(data: Buffer | Base64File) -> Iterator[bytes]:
    if isinstance(data, Base64File):
        return _blocks(data.text)
    return map(pybase64.b64encode, _blocks(data))


def _blocks(data: Buffer) -> Iterator[bytes]:
    view = memoryview(data)
    return (bytes(view[start : start + _BLOCK]) for start in range(0, len(view), _BLOCK))


def _streamed(content: Content) -> Response:
    """The bytes in blocks: the server never holds a second copy of the document."""
    data = content.data
    blocks = iter(data) if isinstance(data, Base64File) else _blocks(data)
    response = Response(blocks, content_type=content.media_type)
    response.content_length = len(data)
    # A CDA comes from third parties: it must never be rendered in the facade's own origin.
    response.headers["Content-Disposition"] = "attachment"
    # A file has no meta.tag (référentiel EXI 13).
    response.headers["Document-Provenance"] = DMP
    response.headers.update(etag(content.version))
    return response

"""Conditions of a request: the version a reader already has (If-None-Match), the document it would make twice.

FHIR R4 http.html#cread and #ccreate; RFC 9110 section 13.1.2. What a reader has is looked at after the act was
judged, never before.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Response, request

from facade.api.exchange import empty
from facade.api.versions import etag
from facade.domain.errors import InvalidInput
from facade.translation.identifiers import read_document_identifier


def reader_has(version: str) -> bool:
    """Whether If-None-Match names this version, or any (``*``)."""
    return request.if_none_match.contains_weak(version)


def not_modified(version: str) -> Response:
    """304: the reader has it."""
    return empty(304, etag(version))


def unique_id_of(condition: str, where: str) -> str:
    """The uniqueId a condition of FHIR names: ``identifier=urn:ietf:rfc:3986|urn:oid:...`` and nothing else.

    Raises InvalidInput ``create.condition`` or ``identifier.not-a-document``.
    """
    given = parse_qsl(condition.strip().lstrip("?").replace("+", "%2B"), keep_blank_values=True)
    if [name for name, _ in given] != ["identifier"]:
        raise InvalidInput.of("create.condition", where)
    system, _, value = given[0][1].rpartition("|")
    return read_document_identifier(system, value, where).unique_id

"""Conditions of a request: the version a reader already has (If-None-Match).

FHIR R4 http.html#cread; RFC 9110 section 13.1.2. A condition is looked at after the act was judged, never before.
"""

from __future__ import annotations

from flask import Response, request

from facade.api.exchange import empty
from facade.api.versions import etag


def reader_has(version: str) -> bool:
    """Whether If-None-Match names this version, or any (``*``)."""
    return request.if_none_match.contains_weak(version)


def not_modified(version: str) -> Response:
    """304: the reader has it."""
    return empty(304, etag(version))

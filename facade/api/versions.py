"""If-Match and ETag as FHIR writes them: ``W/"n"`` (FHIR R4 http.html#concurrency)."""

from __future__ import annotations

import re

from flask import request

from facade.domain.errors import InvalidInput

_VERSION = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)


def expected_version() -> int | None:
    """The version the client changes, None when it names none or any. Raises InvalidInput ``version.malformed``."""
    given = request.headers.get("If-Match", "").strip()
    if not given or given == "*":
        return None
    found = _VERSION.fullmatch(given)
    if found is None:
        raise InvalidInput.of("version.malformed", "If-Match")
    return int(found.group(1))


def etag(version: int | None) -> dict[str, str]:
    """The ETag header of a version; none for what has no version."""
    return {} if version is None else {"ETag": f'W/"{version}"'}

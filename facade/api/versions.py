"""If-Match and ETag as FHIR writes them: ``W/"n"`` (FHIR R4 http.html#concurrency)."""

from __future__ import annotations

import re

from flask import request

from facade.domain.errors import InvalidInput

_VERSION = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)
_VERSION_ID = re.compile(r'(?:W/)?"([A-Za-z0-9.-]{1,64})"')


def expected_version() -> int | None:
    """The version the client changes, None when it names none or any. Raises InvalidInput ``version.malformed``."""
    found = _expected(_VERSION)
    return None if found is None else int(found)


def expected_version_id() -> str | None:
    """The same for a resource whose versionId is no number. Raises InvalidInput ``version.malformed``."""
    return _expected(_VERSION_ID)


def _expected(shape: re.Pattern[str]) -> str | None:
    given = request.headers.get("If-Match", "").strip()
    if not given or given == "*":
        return None
    found = shape.fullmatch(given)
    if found is None:
        raise InvalidInput.of("version.malformed", "If-Match")
    return found.group(1)


def etag(version: int | str | None) -> dict[str, str]:
    """The ETag header of a version; none for what has no version."""
    return {} if version is None else {"ETag": f'W/"{version}"'}

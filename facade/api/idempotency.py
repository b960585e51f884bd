"""Idempotency-Key: the same request repeated is answered as the first time, never done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from flask import request

from facade.translation.base64_file import Base64File

_LONGEST = 200


def idempotency_key() -> str:
    """The key of the request, empty without one."""
    return request.headers.get("Idempotency-Key", "")[:_LONGEST]


def idempotency(resource: dict[str, Any], files: Mapping[int, Any]) -> tuple[str, str]:
    """The key of the request and what it is bound to: the resource, whatever the order of its members, and its files.

    Both are empty without the header: a digest of the whole body is not worth its time then.
    """
    key = idempotency_key()
    if not key:
        return "", ""
    bound = hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS))
    for number, file in sorted(files.items()):
        bound.update(b"%d:" % number)
        bound.update(file.digest("sha256") if isinstance(file, Base64File) else orjson.dumps(file))
    return key, bound.hexdigest()

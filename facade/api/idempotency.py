"""Idempotency-Key: the same request repeated is answered as the first time, never done twice."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from flask import request

_LONGEST = 200


def idempotency(resource: dict[str, Any]) -> tuple[str, str]:
    """The key of the request and what it is bound to: the body, whatever the order of its members.

    Both are empty without the header: a digest of the whole body is not worth its time then.
    """
    key = request.headers.get("Idempotency-Key", "")[:_LONGEST]
    if not key:
        return "", ""
    return key, hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)).hexdigest()

"""The OpenAPI document of the application, as flask-smorest builds it from the routes when it is first asked for."""

from __future__ import annotations

import json

from apispec import APISpec
from flask import Flask


def document(app: Flask) -> str:
    """The document as JSON text, kept once it was made."""
    text: str = app.extensions["dmp_facade_openapi"]()
    return text


def as_text(specification: APISpec) -> str:
    """A specification as JSON text, keys in a fixed order so that two of the same code are equal."""
    return json.dumps(specification.to_dict(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"

"""The OpenAPI document of the application, as flask-smorest builds it from the routes."""

from __future__ import annotations

import json

from flask import Flask


def document(app: Flask) -> str:
    """The document as JSON text, keys in a fixed order so that two of the same code are equal."""
    specification = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return json.dumps(specification, indent=2, ensure_ascii=False, sort_keys=True) + "\n"

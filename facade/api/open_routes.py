"""Routes that are served without a token, since none of them knows a patient: registered and documented as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_smorest import Blueprint

from facade.api.declared import Declaration, declares
from facade.api.schemas import answer, refusals

View = TypeVar("View", bound=Callable[..., Any])
CACHED = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}
_REFUSALS = {
    "401": "What is asked for is no FHIR id: not an address of this server, and all others need a token",
    "404": "There is none of this id",
}


def serves(
    blueprint: Blueprint, path: str, declaration: Declaration, text: str, responses: Mapping[str, Any] | None = None
) -> Callable[[View], View]:
    """Register a public view. ``responses`` add to what it answers, or stand for it where that is no resource.

    The endpoint has to be named in ``security.PUBLIC`` too.
    """

    def register(view: View) -> View:
        marked = declares(declaration)(view)
        query = [
            {"in": "query", "name": each.name, "description": each.text, "required": each.required}
            | {"schema": {"type": "string"}}
            for each in declaration.parameters
        ]
        found = {"200": {"description": text, "content": answer(declaration)}, **refusals(_REFUSALS)}
        answers = found | dict(responses or {})
        blueprint.route(path, methods=["GET"])(blueprint.doc(parameters=query, responses=answers, security=[])(marked))
        return view

    return register

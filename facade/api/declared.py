"""What each route declares: its FHIR interaction, search parameters and profiles.

One declaration beside the code of each route feeds the CapabilityStatement, the OpenAPI document and the test that
enumerates the routes: what is served and what is said to be served cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])
_MARK, _INSTANCE = "_fhir_declarations", "/<id>"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its FHIR type and what it means, in English."""

    name: str
    type: str
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """One interaction of a route. ``resource`` is empty for a system interaction (``transaction``).

    ``raw`` answers are no resource but a file. ``includes`` are values of _include that ask for nothing more than a
    match contains.
    """

    interaction: str
    resource: str = ""
    parameters: tuple[Parameter, ...] = ()
    profiles: tuple[str, ...] = ()
    conditional_update: bool = False
    conditional_create: bool = False
    conditional_read: bool = False
    body: str = ""
    includes: tuple[str, ...] = ()
    raw: bool = False


def declares(declaration: Declaration) -> Callable[[View], View]:
    """Mark a view with what it serves."""

    def mark(view: View) -> View:
        view.__dict__.setdefault(_MARK, []).append(declaration)
        return view

    return mark


def declarations_of(view: Callable[..., Any]) -> tuple[Declaration, ...]:
    """The declarations a view was marked with."""
    return tuple(getattr(view, _MARK, ()))


def declared(app: Flask) -> tuple[Declaration, ...]:
    """Every declaration of the routes of an application, in the order of its URL map."""
    return tuple(_walk(app))


def operations(app: Flask) -> dict[tuple[str, str], tuple[Parameter, ...]]:
    """The operations among the routes (``/fhir/Consent/$name``): their parameters by resource type and name."""
    found: dict[tuple[str, str], tuple[Parameter, ...]] = {}
    for rule in app.url_map.iter_rules():
        path, separator, name = rule.rule.rpartition("/$")
        if separator:
            declarations = declarations_of(app.view_functions[rule.endpoint])
            resource = path.removesuffix(_INSTANCE).rpartition("/")[2]
            found[resource, name] = tuple(each for one in declarations for each in one.parameters)
    return found


def instance_operations(app: Flask) -> dict[tuple[str, str], bool]:
    """The operations on one resource (``/fhir/Task/<id>/$name``); those that are posted change it."""
    found: dict[tuple[str, str], bool] = {}
    for rule in app.url_map.iter_rules():
        path, separator, name = rule.rule.rpartition("/$")
        if separator and path.endswith(_INSTANCE):
            found[path.removesuffix(_INSTANCE).rpartition("/")[2], name] = "POST" in (rule.methods or set())
    return found


def _walk(app: Flask) -> Iterator[Declaration]:
    seen = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint in seen:
            continue
        seen.add(rule.endpoint)
        yield from declarations_of(app.view_functions[rule.endpoint])

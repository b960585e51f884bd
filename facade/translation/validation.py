"""FHIR R4 validation of what comes in, through the R4B models (for these resources their elements are those of R4).

The models leave gaps (value sets, empty arrays, nulls, an unknown resourceType inside a Bundle); those that would lead
a reader astray are closed here. Attachments' data must have been taken out before: they would be decoded and copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.resource import Resource
from pydantic import ValidationError

from facade.domain.errors import InvalidInput, Problem
from facade.translation.problems import shown
from facade.translation.tables import Json

MAX_DEPTH = 40
# FHIR R4 string: no control character but tab, line feed and carriage return; nothing XML 1.0 cannot hold.
_CONTROL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ID = re.compile(r"^[A-Za-z0-9\-.]{1,64}\Z")


def validate_resource(resource: Json, *expected: str) -> None:
    """Raise InvalidInput when this is not one of the ``expected`` resource types or not valid FHIR R4.

    Codes: ``resource.wrong-type``, ``fhir.invalid`` (one Problem per error of the models, with its FHIRPath-like
    place), ``fhir.empty-element``, ``fhir.control-character``, ``fhir.too-deep``.
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or (expected and kind not in expected):
        values = {"expected": ", ".join(expected), "found": shown(kind)}
        raise InvalidInput(Problem("resource.wrong-type", ("resourceType",), values))
    problems = [*_gaps(resource, kind)]
    if any(problem.code == "fhir.too-deep" for problem in problems):
        raise InvalidInput(problems)
    problems.extend(_errors(resource, kind))
    if problems:
        raise InvalidInput(problems)


def _errors(resource: Json, kind: str) -> Iterator[Problem]:
    unknown = list(_unknown_types(resource, kind))
    if not _is_resource(kind):
        unknown = [Problem("resource.wrong-type", ("resourceType",), {"expected": "FHIR R4", "found": shown(kind)})]
    if unknown:
        yield from unknown
        return
    try:
        get_fhir_model_class(kind).model_validate(resource)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            yield Problem("fhir.invalid", (_place(kind, found["loc"]),), {"detail": _detail(found["type"])})
    except (KeyError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        # What the models do not expect comes out of them as an error of their own, without a place.
        yield Problem("fhir.invalid", (kind,), {"detail": "structure"})


def _unknown_types(resource: Json, path: str) -> Iterator[Problem]:
    """Inner resources whose resourceType is no FHIR resource: the models raise KeyError on them."""
    for name, inner in _inner(resource, path):
        kind = inner.get("resourceType")
        if _is_resource(kind):
            yield from _unknown_types(inner, name)
        else:
            yield Problem("resource.wrong-type", (name,), {"expected": "FHIR R4", "found": shown(kind)})


def _is_resource(kind: object) -> bool:
    try:
        return issubclass(get_fhir_model_class(str(kind)), Resource)
    except (KeyError, ValueError, AttributeError):
        return False


def _inner(resource: Json, path: str) -> Iterator[tuple[str, Json]]:
    """The contained resources and, of a Bundle, those of its entries, each with its place."""
    contained = resource.get("contained")
    for number, inner in enumerate(contained if isinstance(contained, list) else []):
        if isinstance(inner, dict):
            yield f"{path}.contained[{number}]", inner
    entries = resource.get("entry") if resource.get("resourceType") == "Bundle" else None
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            yield f"{path}.entry[{number}].resource", inner


def _gaps(resource: Json, kind: str) -> Iterator[Problem]:
    """What FHIR forbids and the models accept: empty objects, arrays and strings, nulls, control characters."""
    if "id" in resource and not (isinstance(resource["id"], str) and _ID.match(resource["id"])):
        yield Problem("fhir.invalid", (f"{kind}.id",), {"detail": "id"})
    pending: list[tuple[object, str, int]] = [(resource, kind, 0)]
    while pending:
        value, path, depth = pending.pop()
        if depth > MAX_DEPTH:
            yield Problem("fhir.too-deep", (kind,))
            return
        if isinstance(value, dict):
            pending.extend((inner, f"{path}.{shown(name)}", depth + 1) for name, inner in value.items())
        elif isinstance(value, list):
            pending.extend(
                (inner, f"{path}[{number}]", depth + 1)
                for number, inner in enumerate(value)
                if not (inner is None and _may_be_sparse(value, path))
            )
        code = _gap(value)
        if code:
            yield Problem(code, (path,))


def _gap(value: object) -> str:
    if value is None or value in ({}, [], ""):
        return "fhir.empty-element"
    return "fhir.control-character" if isinstance(value, str) and _CONTROL.search(value) else ""


def _may_be_sparse(values: list[object], path: str) -> bool:
    """A null keeps the place of a primitive that has only extensions; anywhere else it means nothing."""
    return path.rpartition(".")[2].startswith("_") or any(isinstance(value, str) for value in values)


def _place(kind: str, location: tuple[int | str, ...]) -> str:
    """A FHIRPath-like place: ``DocumentReference.content[0].attachment.url``."""
    path = kind
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}"
    return path


def _detail(kind: str) -> str:
    """The kind of the models' error in words an integrator knows; its message is left out: it may quote the value."""
    return {"missing": "missing", "extra_forbidden": "unknown element"}.get(kind, kind.replace("_", " "))

"""Finding things in an already parsed FHIR resource: references, extensions, codings, identifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facade.translation.tables import Json

Index = Mapping[str, Json]
"""The resources of a Bundle by fullUrl and by ``Type/id``."""


def index_of(resource: Json, index: Index) -> dict[str, Json]:
    """The resources a reference of this resource may mean: its contained ones (``#id``), then the Bundle's."""
    contained = {f"#{inner['id']}": inner for inner in objects(resource, "contained") if "id" in inner}
    return {**index, **contained}


def objects(resource: Json, name: str) -> list[Json]:
    """The objects of a repeating element; a null or a bare value among them is left out."""
    values = resource.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def child(resource: Json, name: str) -> Json:
    """An object element, empty when absent."""
    value = resource.get(name)
    return value if isinstance(value, dict) else {}


def text(resource: Json, name: str) -> str:
    """A string element without surrounding blanks, empty when absent."""
    value = resource.get(name)
    return value.strip() if isinstance(value, str) else ""


def extensions(resource: Json, url: str) -> Iterator[Json]:
    """The extensions with this URL."""
    return (found for found in objects(resource, "extension") if found.get("url") == url)


def codings(concept: Json) -> list[Json]:
    """The codings of a CodeableConcept that have a code."""
    return [coding for coding in objects(concept, "coding") if text(coding, "code")]


def resolve(reference: Json, index: Index) -> Json | None:
    """The contained or bundled resource a Reference means, None when it is neither."""
    return index.get(text(reference, "reference"))


def given_names(name: Json) -> str:
    """The given names of a HumanName in one string."""
    names: list[Any] = name.get("given") or []
    return " ".join(part.strip() for part in names if isinstance(part, str) and part.strip())

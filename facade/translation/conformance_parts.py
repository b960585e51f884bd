"""What the facade's own conformance resources have in common: their header, and how an extension is defined.

FHIR R4 conformance-module; the canonical URLs are URNs, stable whatever the address of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, str]
Rows = Callable[[str], Iterable[Row]]
Resource = dict[str, Any]
BASE = "http://hl7.org/fhir/StructureDefinition/"


def header(kind: str, name: str, url: str, title: str, description: str, date: str) -> Resource:
    """The elements every conformance resource starts with. ``name`` is its id, in kebab-case."""
    return {
        "resourceType": kind,
        "id": name,
        "url": url,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": date,
        "publisher": "dmp-facade",
        "description": description,
        "jurisdiction": [{"coding": [{"system": "urn:iso:std:iso:3166", "code": "FR"}]}],
    }


def extension(row: Row, context: str, date: str) -> Resource:
    """The StructureDefinition of an extension (a row of an extensions.csv) on the elements ``context`` names."""
    resource = header("StructureDefinition", row["id"], row["url"], row["title"], row["description"], date)
    value: Resource = {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1}
    value["type"] = [{"code": row["type"]}]
    if row["codes"]:
        value["binding"] = {"strength": "required", "valueSet": f"urn:dmp-facade:vs:{row['codes']}"}
    return resource | {
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context}],
        "type": "Extension",
        "baseDefinition": f"{BASE}Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Extension", "path": "Extension", "max": "1"},
                {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
                {"id": "Extension.url", "path": "Extension.url", "fixedUri": row["url"]},
                value,
            ]
        },
    }

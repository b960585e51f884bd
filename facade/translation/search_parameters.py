"""The search parameters the facade serves: the canonical URL of each, and the SearchParameter of those FHIR R4 lacks.

Built from mappings/conformance/search_parameters.csv; PDSm and MHD define what R4 does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from facade.translation.conformance_parts import Resource, Row, Rows

Named = tuple[str, str]


def definitions(rows: Rows) -> Mapping[Named, str]:
    """The canonical URL of each known parameter, by resource type and code."""
    return {(row["base"], row["code"]): row["definition"] for row in rows("conformance/search_parameters.csv")}


def search_parameters(rows: Rows, served: Iterable[Named]) -> list[Resource]:
    """The SearchParameters of PDSm and MHD among the ``served`` (resource type, code), one for each canonical URL."""
    wanted = set(served)
    found: dict[str, list[Row]] = {}
    for row in rows("conformance/search_parameters.csv"):
        if row["served"] == "yes" and (row["base"], row["code"]) in wanted:
            found.setdefault(row["definition"], []).append(row)
    return [_search_parameter(url, of_url) for url, of_url in found.items()]


def _search_parameter(url: str, rows: list[Row]) -> Resource:
    """Without publisher and date: PDSm and MHD publish it, this server only says what it understands by it."""
    first = rows[0]
    return {
        "resourceType": "SearchParameter",
        "id": url.rpartition("/")[2].rpartition(":")[2],
        "url": url,
        "name": first["name"],
        "status": "active",
        "description": f"{first['description']} Source: {first['source']}.",
        "code": first["code"],
        "base": [row["base"] for row in rows],
        "type": first["type"],
        "expression": first["expression"],
    } | ({"target": first["target"].split()} if first["target"] else {})

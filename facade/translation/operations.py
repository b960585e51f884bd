"""The operations the facade serves: the canonical URL of each, and the OperationDefinition of its own ones.

Built from operations.csv and operation_parameters.csv (those of a body) of mappings/conformance, and from what each
route declares. FHIR R4 operations.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facade.translation.conformance_parts import Resource, Row, Rows, header

Named = tuple[str, str]
# Name, meaning, whether it is required.
Input = tuple[str, str, bool]


def operation_urls(rows: Rows) -> Mapping[Named, str]:
    """The canonical URL of each known operation, by resource type and code."""
    return {(row["resource"], row["code"]): row["definition"] for row in rows("conformance/operations.csv")}


def operation_definitions(
    rows: Rows, served: Mapping[Named, Sequence[Input]], on_instance: Mapping[Named, bool], date: str
) -> list[Resource]:
    """The OperationDefinitions of the facade's own operations among the ``served`` (resource type, code).

    ``on_instance`` has those on one resource, and whether they change it.
    """
    return [
        _operation_definition(
            row,
            [*_in_body(rows, row), *_in_url(served[row["resource"], row["code"]])],
            on_instance.get((row["resource"], row["code"])),
            date,
        )
        for row in rows("conformance/operations.csv")
        if row["served"] == "yes" and (row["resource"], row["code"]) in served
    ]


def _in_url(inputs: Sequence[Input]) -> list[Resource]:
    return [
        {"name": name, "use": "in", "min": int(required), "max": "1", "type": "string", "documentation": meaning}
        for name, meaning, required in inputs
    ]


def _in_body(rows: Rows, operation: Row) -> list[Resource]:
    return [
        {
            "name": row["name"],
            "use": "in",
            "min": int(row["min"]),
            "max": row["max"],
            "type": row["type"],
            "documentation": row["description"],
        }
        for row in rows("conformance/operation_parameters.csv")
        if (row["resource"], row["code"]) == (operation["resource"], operation["code"])
    ]


def _operation_definition(row: Row, given: Sequence[Resource], changes: bool | None, date: str) -> Resource:
    text = f"{row['description']} Source: {row['source']}."
    resource = header("OperationDefinition", row["code"], row["definition"], row["title"], text, date)
    returned = {"name": "return", "use": "out", "min": 1, "max": "1", "type": row["returns"]}
    return resource | {
        "name": row["name"],
        "kind": "operation",
        "affectsState": row["affects_state"] == "yes" or bool(changes),
        "code": row["code"],
        "resource": [row["resource"]],
        "system": False,
        "type": changes is None,
        "instance": changes is not None,
        "parameter": [*given, returned],
    }

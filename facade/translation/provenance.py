"""Provenance DMP: what came out of the DMP says so, so that software can show it (référentiel EXI 13)."""

from __future__ import annotations

from typing import Any

PROVENANCE_SYSTEM = "urn:dmp-facade:provenance"
DMP = "DMP"


def tags() -> list[dict[str, str]]:
    """meta.tag of a resource whose content came out of the DMP."""
    return [{"system": PROVENANCE_SYSTEM, "code": DMP, "display": "Dossier médical partagé"}]


def tagged(meta: dict[str, Any]) -> dict[str, Any]:
    """The meta of a resource with this tag, beside those it has."""
    return meta | {"tag": [*meta.get("tag", ()), *tags()]}

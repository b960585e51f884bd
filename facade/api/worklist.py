"""GET /DocumentReference/$still-hidden: the worklist of EXI 08 as a List."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from facade.api.declared import Declaration
from facade.api.exchange import actor, fhir, services
from facade.api.interactions import interaction
from facade.transactions.worklist import StillHidden, still_hidden

blueprint = Blueprint("worklist", __name__, description="Documents still hidden from their patient")
_AGE = "urn:dmp-facade:days-hidden"
_OPERATION = Declaration("", "DocumentReference")


@interaction(blueprint, "GET", "/DocumentReference/$still-hidden", _OPERATION, 200)
def worklist() -> Response:
    """Documents of the caller (or its structure) that are hidden from their patient, longest first."""
    found = still_hidden(services(), actor())
    resource: dict[str, Any] = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "title": "Documents still hidden from their patient",
    }
    if found:
        resource["entry"] = [_entry(line) for line in found]
    else:
        empty = {"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "nilknown"}
        resource["emptyReason"] = {"coding": [empty]}
    return fhir(resource)


def _entry(line: StillHidden) -> dict[str, Any]:
    return {
        "extension": [
            {"url": _AGE, "valueInteger": line.days},
            {
                "url": "urn:dmp-facade:patient",
                "valueReference": {
                    "reference": f"Patient/{line.patient_id}",
                    "identifier": {"system": line.patient.system, "value": line.patient.value},
                },
            },
        ],
        "date": line.since.isoformat(timespec="seconds"),
        "item": {"reference": f"DocumentReference/{line.id}"},
    }

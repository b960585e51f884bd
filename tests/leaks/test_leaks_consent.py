"""A Consent of a foreign record answers as none; nobody shuts out another structure's professional."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.demo import RunningDemo

_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
_ACTOR_ROLE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]}
_TREATING = "899700000013"


def _opposition(demo: RunningDemo, patient: str, category: str, professional: str = "") -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "status": "active",
        "scope": _SCOPE,
        "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": category}]}],
        "patient": {"identifier": demo.patients[patient]},
    }
    if professional:
        who = {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": professional}}
        resource["provision"] = {"actor": [{"role": _ACTOR_ROLE, "reference": who}]}
    return resource


@pytest.mark.parametrize("reader", ["patient-adult", "representative-minor", "catalogue-app"])
def test_a_consent_of_a_foreign_record_answers_as_none(untouched: RunningDemo, reader: str) -> None:
    demo = untouched
    made = demo.post("nurse", "/Consent", _opposition(demo, "objector", "opposition-feeding"))
    assert made.status_code == 201
    answers = [demo.call(reader, "GET", f"/Consent/{each}") for each in (made.json()["id"], str(uuid.uuid4()))]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].text == answers[1].text


def test_nobody_shuts_a_professional_of_another_structure_out(untouched: RunningDemo) -> None:
    demo = untouched
    assert demo.search("treating-doctor", "minor").status_code == 200
    resource = _opposition(demo, "minor", "opposition-consultation", _TREATING)
    demo.post("unauthorised-doctor", "/Consent", resource)
    assert demo.search("treating-doctor", "minor").status_code == 200

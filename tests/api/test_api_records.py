"""Consent by id, the access history, and what the probes tell: each reader only what is its own."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.api import TraceBook, matches, valid
from tests.support.demo import MASKS, RunningDemo, codes_of

SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
CATEGORIES = "urn:dmp-facade:consent-category"
BLOCKED_DOCTOR = "899700000062"
PRIMARY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]}


def _opposition(demo: RunningDemo) -> dict[str, Any]:
    """An opposition of the minor's holder to one professional, whom no other test sends to that record."""
    who = {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": BLOCKED_DOCTOR}}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": SCOPE,
        "category": [{"coding": [{"system": CATEGORIES, "code": "opposition-consultation"}]}],
        "patient": {"identifier": demo.patients["minor"]},
        "provision": {"type": "deny", "actor": [{"role": PRIMARY, "reference": who}]},
    }


@pytest.fixture(scope="module")
def recorded(demo: RunningDemo) -> str:
    """The address of a statement the nurse recorded for the hospital."""
    traces = TraceBook(demo)
    answer = demo.post("nurse", "/Consent", _opposition(demo))
    created = valid(answer, "Consent", 201)
    assert answer.headers["Location"].partition("/_history")[0] == f"{demo.fhir}/Consent/{created['id']}"
    assert traces.acts() == [("record-consent", "local", "success")]
    return f"/Consent/{created['id']}"


def test_a_consent_is_read_by_its_structure_and_its_patient(demo: RunningDemo, recorded: str) -> None:
    for who in ("nurse", "author-doctor", "patient-minor"):
        traces = TraceBook(demo)
        answer = demo.call(who, "GET", recorded)
        consent = valid(answer, "Consent")
        assert consent["category"][0]["coding"][0] == {"system": CATEGORIES, "code": "opposition-consultation"}
        assert consent["provision"]["actor"][0]["reference"]["identifier"]["value"] == BLOCKED_DOCTOR
        assert answer.headers["ETag"] == 'W/"1"'
        assert [act for act, _, _ in traces.acts()] == ["read-consent"]


def test_the_consent_of_another_structure_does_not_exist(demo: RunningDemo, recorded: str) -> None:
    nowhere = demo.call("other-doctor", "GET", "/Consent/0b7a1c9e-0000-4000-8000-000000000000")
    for who in ("other-doctor", "unauthorised-doctor"):
        answer = demo.call(who, "GET", recorded)
        assert (answer.status_code, answer.json()) == (404, nowhere.json())
    listed = demo.call("other-doctor", "GET", "/Consent", params={"patient.identifier": demo.ins("minor")})
    assert recorded.rpartition("/")[2] not in [each.get("id") for each in matches(listed)]


def test_consents_are_searched_by_status_and_category(demo: RunningDemo, recorded: str) -> None:
    def found(**params: str) -> list[str]:
        answer = demo.call("nurse", "GET", "/Consent", params={"patient.identifier": demo.ins("minor"), **params})
        return [each.get("id", "") for each in matches(answer)]

    identifier = recorded.rpartition("/")[2]
    assert identifier in found()
    assert identifier in found(status="active", category="opposition-consultation")
    assert identifier in found(category=f"{CATEGORIES}|opposition-consultation")
    assert identifier not in found(status="inactive") + found(category="authorisation")


def test_a_consent_that_says_nothing_in_return(demo: RunningDemo) -> None:
    answer = demo.post("nurse", "/Consent", _opposition(demo), Prefer="return=minimal")
    assert (answer.status_code, answer.content, "Content-Type" in answer.headers) == (201, b"", False)
    assert demo.call("nurse", "GET", answer.headers["Location"].partition("/_history")[0]).status_code == 200


def _history(demo: RunningDemo, who: str, patient: str = "adult") -> list[dict[str, Any]]:
    answer = demo.call(who, "GET", "/AuditEvent", params={"patient.identifier": demo.ins(patient), "_count": "200"})
    assert answer.status_code == 200, answer.text
    # Their validity is another test's: the history of a record grows with every test.
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def _of(events: list[dict[str, Any]], document: str) -> list[str]:
    reference = f"DocumentReference/{document}"
    return [
        event["subtype"][1]["code"]
        for event in events
        if any(entity.get("what", {}).get("reference") == reference for entity in event["entity"])
    ]


def test_the_history_names_person_structure_act_and_rule(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.call("nurse", "GET", f"/Binary/{document}").status_code == 200
    event = next(each for each in _history(demo, "patient-adult") if _of([each], document) == ["retrieve"])
    person, structure, server = event["agent"]
    assert person["who"]["identifier"] == {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700000047"}
    assert person["who"]["display"]
    assert structure["who"]["identifier"]["value"] == "1990000028"
    assert (server["network"]["address"], event["outcome"]) == (demo.fhir, "0")
    assert {"read", "retrieve", "ITI-68", "TD3.2"} <= {each["code"] for each in event["subtype"]}
    assert event["outcomeDesc"] == "professional.authorised"


def test_a_professional_without_a_right_to_the_record_reads_its_own_acts_at_most(demo: RunningDemo) -> None:
    demo.publish("author-doctor", "adult")
    for who in ("other-doctor", "nurse", "blocked-doctor"):
        events = _history(demo, who)
        persons = {event["agent"][0]["who"]["identifier"]["value"] for event in events}
        assert len(persons) <= 1, who


def test_what_is_hidden_from_the_patient_later_leaves_its_history_too(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert _of(_history(demo, "patient-adult"), document) == ["publish"]
    assert demo.label("author-doctor", document, "INVISIBLE_PATIENT").status_code == 200
    assert _of(_history(demo, "patient-adult"), document) == []
    assert "hide-from-patient" in _of(_history(demo, "treating-doctor"), document)


@pytest.mark.parametrize(
    ("who", "rule"),
    [
        ("structure", "right.not-for-this-caller"),
        ("catalogue-app", "right.not-for-this-caller"),
        ("patient-minor", "caller.not-paired"),
    ],
)
def test_a_history_is_not_for_machines_nor_strangers(demo: RunningDemo, who: str, rule: str) -> None:
    answer = demo.call(who, "GET", "/AuditEvent", params={"patient.identifier": demo.ins("adult")})
    valid(answer, "OperationOutcome", 403)
    assert "AuditEvent" not in answer.text
    assert codes_of(answer) == [rule]


def test_a_history_without_a_patient_is_refused(demo: RunningDemo) -> None:
    for path in ("/AuditEvent", "/Consent", "/Patient"):
        answer = demo.call("nurse", "GET", path)
        assert (answer.status_code, codes_of(answer)) == (400, ["search.patient-missing"])


@pytest.mark.parametrize("path", ["/AuditEvent", "/Consent"])
def test_a_refused_identity_is_not_repeated(demo: RunningDemo, path: str) -> None:
    value = demo.patients["adult"]["value"]
    for token in (value, f"urn:oid:1.2.3|{value}", f"|{value}"):
        answer = demo.call("nurse", "GET", path, params={"patient.identifier": token})
        assert (answer.status_code, value in answer.text) == (422, False), token
    assert demo.call("nurse", "GET", path, params={"patient": "Patient/nobody"}).status_code == 400


def test_the_probes_answer_without_a_token(demo: RunningDemo) -> None:
    alive = requests.get(f"{demo.root}/healthz", timeout=10)
    assert (alive.status_code, alive.json()["status"]) == (200, "alive")
    ready = requests.get(f"{demo.root}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["status"], ready.json()["problems"]) == (200, "ready", [])


def test_the_metrics_count_by_route_and_name_nobody(demo: RunningDemo) -> None:
    label = {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}
    document = demo.publish("author-doctor", "adult", description="très confidentiel", securityLabel=[label])["id"]
    demo.search("nurse", "adult")
    demo.call("nurse", "GET", f"/DocumentReference/{document}")
    demo.call("nurse", "GET", f"/{demo.patients['adult']['value']}")
    metrics = requests.get(f"{demo.root}/metrics", timeout=10)
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert 'route="/fhir/DocumentReference/<id>",status="404"' in metrics.text.replace('method="GET",', "")
    assert 'transaction="TD3.1"' in metrics.text
    private = [identity["value"] for identity in demo.patients.values()]
    private += [document, "BERTIN", "DUMAS", "899700000021", "confidentiel", "PAT-TROIS"]
    assert not [each for each in private if each in metrics.text]

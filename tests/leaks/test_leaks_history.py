"""The access history (AuditEvent) and the ledger do not tell of a document their reader must not know of."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.leaks.routes import absent_like, existing
from tests.leaks.test_leaks_routes import labels
from tests.support.demo import RunningDemo, pdf

Event = dict[str, Any]


def _history(demo: RunningDemo, persona: str, patient: str) -> list[Event]:
    answer = demo.call(persona, "GET", "/AuditEvent", params={"patient.identifier": demo.ins(patient)})
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def _acts_since(demo: RunningDemo, persona: str, patient: str, before: list[Event]) -> list[str]:
    """The acts others than reading the history that are new to this reader."""
    known = {event["id"] for event in before}
    new = [event for event in _history(demo, persona, patient) if event["id"] not in known]
    return [act for event in new if (act := event["subtype"][1]["code"]) != "read-traces"]


@pytest.mark.parametrize(
    ("reader", "patient", "flag"),
    [
        ("patient-adult", "adult", "INVISIBLE_PATIENT"),
        ("representative-minor", "minor", "INVISIBLE_REPRESENTANTS_LEGAUX"),
        ("other-doctor", "adult", "MASQUE_PS"),
    ],
)
def test_ones_own_refused_attempt_shows_the_same_for_hidden_and_absent(
    demo: RunningDemo, reader: str, patient: str, flag: str
) -> None:
    hidden = existing(patient, demo.publish("author-doctor", patient, securityLabel=labels(flag)))
    shown = []
    for target in (hidden, absent_like(demo, hidden)):
        before = _history(demo, reader, patient)
        assert demo.call(reader, "GET", f"/DocumentReference/{target.id}").status_code == 404
        shown.append(_acts_since(demo, reader, patient, before))
    assert shown[0] == shown[1]


def test_the_first_publication_of_a_hidden_document_leaves_nothing_its_patient_can_read(demo: RunningDemo) -> None:
    before = _history(demo, "patient-adult", "adult")
    demo.publish("author-doctor", "adult", securityLabel=labels("INVISIBLE_PATIENT"))
    assert _acts_since(demo, "patient-adult", "adult", before) == []


@pytest.mark.parametrize("again", ["replay", "duplicate"])
def test_a_repeated_publication_of_a_hidden_document_leaves_nothing_its_patient_can_read(
    demo: RunningDemo, again: str
) -> None:
    resource = demo.document("adult", pdf(), securityLabel=labels("INVISIBLE_PATIENT"))
    key = uuid.uuid4().hex
    assert demo.post("author-doctor", "/DocumentReference", resource, Idempotency_Key=key).status_code == 201
    before = _history(demo, "patient-adult", "adult")
    headers = {"Idempotency_Key": key} if again == "replay" else {}
    status = demo.post("author-doctor", "/DocumentReference", resource, **headers).status_code
    assert status == (201 if again == "replay" else 409)
    assert _acts_since(demo, "patient-adult", "adult", before) == []


def test_a_hidden_replacement_leaves_nothing_its_patient_can_read(demo: RunningDemo) -> None:
    """The old document leaves the list either way; that a professional replaced it must not be told."""
    old = demo.publish("author-doctor", "adult")
    before = _history(demo, "patient-adult", "adult")
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    demo.publish("author-doctor", "adult", securityLabel=labels("INVISIBLE_PATIENT"), relatesTo=relation)
    assert _acts_since(demo, "patient-adult", "adult", before) == []


def test_hiding_a_document_afterwards_takes_its_history_from_its_patient(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.label("author-doctor", document, "INVISIBLE_PATIENT").status_code == 200
    about = [event for event in _history(demo, "patient-adult", "adult") if document in str(event["entity"])]
    assert about == []


def test_the_ids_of_traces_do_not_tell_how_many_are_left_out(demo: RunningDemo) -> None:
    demo.publish("author-doctor", "adult", securityLabel=labels("INVISIBLE_PATIENT"))
    assert not any(event["id"].removeprefix("trace-").isdigit() for event in _history(demo, "patient-adult", "adult"))


@pytest.mark.parametrize("caller", ["other-doctor", "blocked-doctor", "unauthorised-doctor", "patient-adult"])
def test_a_refused_duplicate_does_not_give_the_identifier_of_a_hidden_document(demo: RunningDemo, caller: str) -> None:
    content = pdf()
    flags = labels("MASQUE_PS", "INVISIBLE_PATIENT")
    hidden = existing("adult", demo.publish("author-doctor", "adult", content, securityLabel=flags))
    answer = demo.post(caller, "/DocumentReference", demo.document("adult", content))
    assert hidden.unique_id not in answer.text


def test_an_idempotency_key_of_another_caller_replays_nothing(demo: RunningDemo) -> None:
    resource = demo.document("adult", pdf(), securityLabel=labels("MASQUE_PS"))
    key = uuid.uuid4().hex
    made = demo.post("author-doctor", "/DocumentReference", resource, Idempotency_Key=key)
    assert made.status_code == 201
    answer = demo.post("other-doctor", "/DocumentReference", resource, Idempotency_Key=key)
    assert answer.status_code == 201, "another structure's own document, not a replay"
    assert made.json()["id"] not in answer.text

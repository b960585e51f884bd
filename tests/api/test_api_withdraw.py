"""Withdrawal and replaced versions: only the last version changes, and what it replaced goes with it."""

from __future__ import annotations

import json

import pytest
import requests

from tests.support.api import TraceBook, transactions, valid
from tests.support.demo import FHIR_JSON, JSON_PATCH, RunningDemo, codes_of, ids_of

WRITER, READER = "author-doctor", "nurse"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
ARCHIVED, DELETED = f"{PDSM}/pdsm-ext-is-archived", f"{PDSM}/pdsm-ext-is-deleted"
READERS = (WRITER, READER, "treating-doctor", "patient-adult")


def _replacing(demo: RunningDemo, old: str, who: str = WRITER) -> str:
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]
    new: str = demo.publish(who, "adult", relatesTo=relation)["id"]
    return new


def _patch(demo: RunningDemo, document: str, *operations: dict[str, object], **headers: str) -> requests.Response:
    sent = {"Content-Type": JSON_PATCH, **headers}
    path = f"/DocumentReference/{document}"
    return demo.call(WRITER, "PATCH", path, data=json.dumps(operations), headers=sent)


def _withdrawn_by_fhirpath(demo: RunningDemo, document: str) -> requests.Response:
    operations = [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        },
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "DocumentReference"},
                {"name": "name", "valueString": "extension"},
                {"name": "value", "valueExtension": {"url": DELETED, "valueBoolean": True}},
            ],
        },
    ]
    body = json.dumps({"resourceType": "Parameters", "parameter": operations})
    path = f"/DocumentReference/{document}"
    return demo.call(WRITER, "PATCH", path, data=body, headers={"Content-Type": FHIR_JSON})


@pytest.mark.parametrize("way", ["DELETE", "PATCH"])
def test_the_versions_a_withdrawn_document_replaced_follow_it(demo: RunningDemo, way: str) -> None:
    first = demo.publish(WRITER, "adult")["id"]
    second = _replacing(demo, first)
    demo.label(WRITER, second, "INVISIBLE_PATIENT")
    third = _replacing(demo, second)
    since, traces = len(demo.log()), TraceBook(demo)
    if way == "DELETE":
        answer = demo.call(WRITER, "DELETE", f"/DocumentReference/{third}")
    else:
        answer = _withdrawn_by_fhirpath(demo, third)
    assert codes_of(answer) == ["update.no-longer-visible"], answer.text
    assert transactions(demo, since).count("TD3.3c") == 3
    assert traces.acts() == [("withdraw", "TD3.3c", "success")] * 3
    for version in (first, second, third):
        assert [demo.call(who, "GET", f"/DocumentReference/{version}").status_code for who in READERS] == [404] * 4
        assert demo.call(READER, "GET", f"/Binary/{version}").status_code == 404
    assert not {first, second, third} & set(ids_of(demo.search(READER, "adult", status="current,superseded").json()))
    worklist = demo.call(WRITER, "GET", "/DocumentReference/$still-hidden").text
    assert second not in worklist


def test_a_version_of_somebody_else_that_remains_is_told_of_and_can_be_withdrawn(demo: RunningDemo) -> None:
    theirs = demo.publish(READER, "adult")["id"]
    mine = _replacing(demo, theirs)
    since = len(demo.log())
    answer = demo.call(WRITER, "DELETE", f"/DocumentReference/{mine}", headers={"Prefer": "return=minimal"})
    assert codes_of(answer) == ["update.no-longer-visible", "update.replaced-remain"]
    assert valid(answer, "OperationOutcome")["issue"][1]["severity"] == "warning"
    assert transactions(demo, since).count("TD3.3c") == 1, "the other's version is not even tried"
    assert demo.call(READER, "GET", f"/DocumentReference/{theirs}").status_code == 200
    assert demo.call(READER, "DELETE", f"/DocumentReference/{theirs}").status_code == 200
    assert demo.call(READER, "GET", f"/DocumentReference/{theirs}").status_code == 404


CHANGES: dict[str, list[dict[str, object]]] = {
    "archive": [{"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True}],
    "withdraw": [{"op": "add", "path": "/extension/-", "value": {"url": DELETED, "valueBoolean": True}}],
}


@pytest.mark.parametrize("change", ["archive", "withdraw", "DELETE"])
def test_a_version_that_is_not_the_last_is_refused(demo: RunningDemo, change: str) -> None:
    old = demo.publish(WRITER, "adult")["id"]
    new = _replacing(demo, old)
    since = len(demo.log())
    if change == "DELETE":
        answer = demo.call(WRITER, "DELETE", f"/DocumentReference/{old}")
    else:
        answer = _patch(demo, old, *CHANGES[change])
    assert (answer.status_code, codes_of(answer)) == (422, ["update.superseded"])
    assert not [each for each in transactions(demo, since) if each.startswith("TD3.3")]
    assert [demo.call(READER, "GET", f"/DocumentReference/{each}").status_code for each in (old, new)] == [200, 200]


def test_a_mask_the_dmp_does_not_take_on_a_replaced_version_says_why(demo: RunningDemo) -> None:
    old = demo.publish(WRITER, "adult")["id"]
    _replacing(demo, old)
    answer = demo.label(WRITER, old, "MASQUE_PS")
    assert (answer.status_code, codes_of(answer)) == (422, ["update.superseded"])


def test_an_archived_document_can_be_withdrawn(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    assert _patch(demo, document, *CHANGES["archive"]).status_code == 200
    assert demo.call(WRITER, "DELETE", f"/DocumentReference/{document}").status_code == 200
    assert demo.call(WRITER, "GET", f"/DocumentReference/{document}").status_code == 404


def test_entered_in_error_is_refused_with_the_reason_and_the_way(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = _patch(demo, document, {"op": "replace", "path": "/status", "value": "entered-in-error"})
    assert (answer.status_code, codes_of(answer)) == (422, ["patch.delete-incomplete"])
    text = answer.json()["issue"][0]["details"]["text"]
    assert "entered-in-error" in text
    assert "isDeleted" in text


@pytest.mark.parametrize(
    ("prefer", "expected"), [("OperationOutcome", ["update.done"]), ("minimal", []), ("representation", [])]
)
def test_prefer_chooses_what_an_update_answers(demo: RunningDemo, prefer: str, expected: list[str]) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = _patch(demo, document, *CHANGES["archive"], Prefer=f"return={prefer}")
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1-archived"')
    told = {"OperationOutcome": "OperationOutcome", "representation": "DocumentReference"}.get(prefer, "")
    assert (answer.json()["resourceType"] if answer.content else "") == told
    assert not expected or codes_of(answer) == expected


@pytest.mark.parametrize("position", [0, 1])
def test_a_document_is_patched_by_the_uuids_the_dmp_gave_it(demo: RunningDemo, position: int) -> None:
    document = demo.publish(WRITER, "adult")
    demo.label(WRITER, document["id"], "MASQUE_PS")
    name = document["identifier"][position]
    params = {"identifier": f"{name['system']}|{name['value']}", "patient.identifier": demo.ins("adult")}
    headers = {"Content-Type": JSON_PATCH}
    body = json.dumps(CHANGES["archive"])
    answer = demo.call(WRITER, "PATCH", "/DocumentReference", params=params, data=body, headers=headers)
    updated = valid(answer, "DocumentReference")
    assert (updated["id"], updated["meta"]["versionId"]) == (document["id"], "2-archived")
    hidden = demo.call(READER, "PATCH", "/DocumentReference", params=params, data=body, headers=headers)
    nowhere = {**params, "identifier": f"{name['system']}|urn:uuid:00000000-0000-4000-8000-000000000000"}
    absent = demo.call(READER, "PATCH", "/DocumentReference", params=nowhere, data=body, headers=headers)
    assert (hidden.status_code, hidden.text) == (absent.status_code, absent.text) == (404, absent.text)

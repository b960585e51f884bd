"""If-None-Exist and ifNoneExist: the same document is not made twice, and the condition tells nobody of another's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import (
    URI,
    Resource,
    TraceBook,
    attachment_of,
    entry,
    master,
    oid,
    part,
    submission,
    transactions,
    valid,
)
from tests.support.demo import MASKS, RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
MASKED = [{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}]


def _condition(unique_id: str) -> str:
    return f"identifier={URI}|urn:oid:{unique_id}"


def _create(demo: RunningDemo, who: str, unique_id: str, condition: str = "", **headers: str) -> Any:
    body = demo.document("adult", pdf(), masterIdentifier=master(unique_id))
    return demo.post(who, "/DocumentReference", body, If_None_Exist=condition or _condition(unique_id), **headers)


def test_a_document_is_made_once_and_then_found(demo: RunningDemo) -> None:
    unique_id = oid()
    made = valid(_create(demo, WRITER, unique_id), "DocumentReference", 201)
    since, traces = len(demo.log()), TraceBook(demo)
    again = _create(demo, WRITER, unique_id)
    assert valid(again, "DocumentReference")["id"] == made["id"]
    assert (again.headers["Location"], again.headers["ETag"]) == (
        f"{demo.fhir}/DocumentReference/{made['id']}",
        'W/"1"',
    )
    assert transactions(demo, since) == ["TD0.2", "TD3.1", "TD3.1"]
    assert traces.acts() == [("search", "TD3.1", "success")]


def test_prefer_chooses_what_is_answered_where_it_exists(demo: RunningDemo) -> None:
    unique_id = oid()
    _create(demo, WRITER, unique_id)
    minimal = _create(demo, WRITER, unique_id, Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (200, b"")
    told = _create(demo, WRITER, unique_id, Prefer="return=OperationOutcome")
    assert codes_of(told) == ["create.exists"]
    assert told.headers["Location"] == minimal.headers["Location"]


def test_a_document_of_another_record_does_not_count(demo: RunningDemo) -> None:
    elsewhere = oid()
    demo.publish(WRITER, "minor", masterIdentifier=master(elsewhere))
    assert _create(demo, WRITER, oid(), _condition(elsewhere)).status_code == 201


@pytest.mark.parametrize("who", ["other-doctor", "unauthorised-doctor", "structure"])
def test_what_the_caller_may_not_see_does_not_exist(demo: RunningDemo, who: str) -> None:
    hidden = oid()
    demo.publish(WRITER, "adult", masterIdentifier=master(hidden), securityLabel=MASKED)
    answers = [_create(demo, who, oid(), _condition(unique_id)) for unique_id in (hidden, oid())]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_structure_that_never_reads_is_told_of_what_it_published(demo: RunningDemo) -> None:
    unique_id, traces = oid(), TraceBook(demo)
    made = _create(demo, "structure", unique_id)
    assert made.status_code == 201, made.text
    again = _create(demo, "structure", unique_id)
    assert (again.status_code, codes_of(again)) == (200, ["create.exists"])
    assert again.headers["Location"] == made.headers["Location"]
    assert [outcome for act, _, outcome in traces.acts() if act == "search"] == ["refused", "refused"]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("", "create.condition"),
        ("_id=x", "create.condition"),
        (f"identifier={URI}|urn:oid:1.2.3&status=current", "create.condition"),
        (f"identifier={URI}|http://example.org/1", "identifier.not-a-document"),
    ],
)
def test_a_condition_on_anything_else_is_refused(demo: RunningDemo, condition: str, code: str) -> None:
    since = len(demo.log())
    body = demo.document("adult", pdf())
    answer = demo.post(WRITER, "/DocumentReference", body, If_None_Exist=condition)
    assert (answer.status_code, codes_of(answer)) == (400, [code])
    assert transactions(demo, since) == []


def _lot(demo: RunningDemo, unique_ids: list[str]) -> Resource:
    bundle = submission(demo, "adult", *(pdf() for _ in unique_ids))
    for number, unique_id in enumerate(unique_ids):
        document = part(bundle, "DocumentReference", number)
        document["resource"]["masterIdentifier"] = master(unique_id)
        document["request"]["ifNoneExist"] = _condition(unique_id)
    return bundle


def test_a_lot_is_published_once(demo: RunningDemo) -> None:
    bundle = _lot(demo, [oid(), oid()])
    first = valid(demo.post(WRITER, "", bundle), "Bundle")
    since = len(demo.log())
    second = valid(demo.post(WRITER, "", bundle), "Bundle")
    assert "TD2.1" not in transactions(demo, since)
    assert {each["response"]["status"] for each in second["entry"]} == {"200 OK"}
    places = [[each["response"].get("location") for each in found["entry"]][1:] for found in (first, second)]
    assert places[0] == places[1]


def test_a_lot_of_which_a_part_exists_is_refused_whole(demo: RunningDemo) -> None:
    there, new = oid(), oid()
    valid(demo.post(WRITER, "", _lot(demo, [there])), "Bundle")
    since = len(demo.log())
    answer = demo.post(WRITER, "", _lot(demo, [there, new]))
    assert (answer.status_code, codes_of(answer)) == (412, ["bundle.condition-partial"])
    assert "TD2.1" not in transactions(demo, since)
    assert demo.search(READER, "adult", identifier=f"{URI}|urn:oid:{new}").json()["total"] == 0


@pytest.mark.parametrize(
    ("kind", "name"), [("List", "ifNoneExist"), ("Binary", "ifMatch"), ("DocumentReference", "ifMatch")]
)
def test_a_condition_that_cannot_be_kept_refuses_the_lot(demo: RunningDemo, kind: str, name: str) -> None:
    bundle, since = submission(demo, "adult"), len(demo.log())
    part(bundle, kind)["request"][name] = 'W/"1"'
    answer = demo.post(WRITER, "", bundle)
    assert (answer.status_code, codes_of(answer)) == (422, ["bundle.condition"])
    assert transactions(demo, since) == []


def test_a_patient_of_the_bundle_may_have_its_condition(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult")
    patient = {"resourceType": "Patient", "identifier": [demo.patients["adult"]], "name": [{"family": "X"}]}
    bundle["entry"].append(entry(patient))
    bundle["entry"][-1]["request"]["ifNoneExist"] = f"identifier={demo.ins('adult')}"
    part(bundle, "DocumentReference")["resource"]["subject"] = {"reference": bundle["entry"][-1]["fullUrl"]}
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    read = demo.call(READER, "GET", f"/{response['entry'][1]['response']['location']}").json()
    assert read["subject"]["identifier"]["value"] == demo.patients["adult"]["value"]
    assert attachment_of(read)["contentType"] == "application/pdf"

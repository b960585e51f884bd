"""The examples of PDSm4DMP, with a patient, an author and a CDA that exist: what ANS wrote is what is accepted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.api import (
    Resource,
    attachment_of,
    cda,
    entry,
    flags_of,
    master,
    oid,
    part,
    sha1,
    transactions,
    valid,
)
from tests.support.demo import JSON_PATCH, RunningDemo
from tests.support.translation import examples

FOLDER = examples()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="the published examples are not beside the checkout")
WRITER, READER = "author-doctor", "nurse"
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"


def _load(demo: RunningDemo, name: str) -> Any:
    """An example in which the placeholders name the adult and the author of the demonstration."""
    assert FOLDER is not None
    text = (FOLDER / "pdsm4dmp" / name).read_text(encoding="utf-8")
    text = text.replace("1.2.250.1.213.1.4.8|", "1.2.250.1.213.1.4.10|").replace('4.8"', '4.10"')
    text = text.replace("123456789012345", demo.patients["adult"]["value"])
    return json.loads(text.replace("899700218896", "899700000021"))


def _with_a_real_cda(demo: RunningDemo, document: Resource, **header: str) -> bytes:
    """Give the document a CDA of its own day, and the codes the DMP has: the examples hold an empty one and others."""
    unique_id = oid()
    document["masterIdentifier"] = master(unique_id)
    content = cda(demo.patients["adult"]["value"], unique_id, date=document["date"][:10].replace("-", ""), **header)
    document["category"] = [{"coding": [{"system": CLASSES, "code": "10"}]}]
    document["content"][0].pop("format", None)
    attachment = attachment_of(document)
    if "hash" in attachment:
        attachment.update(hash=sha1(content), size=len(content))
    return content


def _into(binary: Resource, content: bytes) -> None:
    binary["data"] = base64.b64encode(content).decode()


def _dated_before_now(resource: Resource) -> None:
    """The examples are of a day to come, on some days: a submission is not before its documents."""
    text = json.dumps(resource).replace("2026-06-12", "2024-06-12")
    resource.clear()
    resource.update(json.loads(text))


def test_the_simplified_publication(demo: RunningDemo) -> None:
    document = _load(demo, "DocumentReference-td2-iti105.json")
    _dated_before_now(document)
    content = _with_a_real_cda(demo, document)
    _into(attachment_of(document), content)
    created = valid(demo.post(WRITER, "/DocumentReference", document), "DocumentReference", 201)
    assert created["date"].startswith("2024-06-12T08:00:00")
    assert demo.call(READER, "GET", attachment_of(created)["url"]).content == content


def _bundle(demo: RunningDemo, name: str, **header: str) -> Resource:
    bundle: Resource = _load(demo, name)
    _dated_before_now(bundle)
    content = _with_a_real_cda(demo, part(bundle, "DocumentReference")["resource"], **header)
    _into(part(bundle, "Binary")["resource"], content)
    return bundle


def test_the_submission_of_a_lot(demo: RunningDemo) -> None:
    response = valid(demo.post(WRITER, "", _bundle(demo, "Bundle-td2-iti65.json")), "Bundle")
    assert [each["response"]["status"] for each in response["entry"]] == ["201 Created"] * 3
    read = demo.call(READER, "GET", f"/{response['entry'][1]['response']['location']}").json()
    facility, setting = read["context"]["facilityType"], read["context"]["practiceSetting"]
    assert (facility["coding"][0]["code"], setting["coding"][0]["code"]) == ("SA01", "AMBULATOIRE")


def test_the_replacement_in_a_lot(demo: RunningDemo) -> None:
    old = demo.publish(WRITER, "adult")
    root = old["masterIdentifier"]["value"].removeprefix("urn:oid:")
    parent = f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{root}"/></parentDocument></relatedDocument>'
    bundle = _bundle(demo, "Bundle-td2-1-replace.json", parent=parent)
    bundle = json.loads(json.dumps(bundle).replace("DocumentReference/doc-x-id", f"DocumentReference/{old['id']}"))
    assert "Parameters" in [each["resource"]["resourceType"] for each in bundle["entry"]]
    since = len(demo.log())
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    statuses = {
        sent["resource"]["resourceType"]: got["response"]["status"]
        for sent, got in zip(bundle["entry"], response["entry"], strict=True)
    }
    assert statuses == {"List": "201 Created", "DocumentReference": "201 Created", "Binary": "201 Created"} | {
        "Parameters": "200 OK"
    }
    assert transactions(demo, since).count("TD2.1") == 1
    assert demo.call(READER, "GET", f"/DocumentReference/{old['id']}").json()["status"] == "superseded"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("patch-td3-3a-mask.json", [], ["N", "MASQUE_PS"]),
        ("patch-td3-3a-unmask.json", ["MASQUE_PS"], ["N"]),
        ("patch-td3-3b-hide.json", [], ["N", "INVISIBLE_PATIENT"]),
        ("patch-td3-3b-show.json", ["INVISIBLE_PATIENT"], ["N"]),
        ("patch-td3-3d-archive.json", [], ["N"]),
        ("patch-td3-3d-unarchive.json", [], ["N"]),
    ],
)
def test_the_updates(demo: RunningDemo, name: str, before: list[str], after: list[str]) -> None:
    document = demo.publish(WRITER, "adult")
    if before:
        demo.label(WRITER, document["id"], *before)
    master_identifier = document["masterIdentifier"]
    params = {"identifier": f"{master_identifier['system']}|{master_identifier['value']}"}
    body = json.dumps(_load(demo, name))
    headers = {"Content-Type": JSON_PATCH}
    answer = demo.call(WRITER, "PATCH", "/DocumentReference", params=params, data=body, headers=headers)
    updated = valid(answer, "DocumentReference")
    assert (flags_of(updated), updated["id"]) == (after, document["id"])
    assert updated["extension"][0]["valueBoolean"] is ("-archive" in name)


def test_the_deletion_is_refused_since_newer_drafts_forbid_its_status(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    body = json.dumps(_load(demo, "patch-td3-3c-delete.json"))
    answer = demo.call(
        WRITER, "PATCH", f"/DocumentReference/{document}", data=body, headers={"Content-Type": JSON_PATCH}
    )
    valid(answer, "OperationOutcome", 422)
    assert demo.sees(READER, "adult", document)


def test_an_example_of_a_fhir_document_is_refused_by_name(demo: RunningDemo) -> None:
    inner = _load(demo, "Bundle-fhir-document.json")
    answer = demo.post(WRITER, "", inner)
    assert valid(answer, "OperationOutcome", 422)["issue"][0]["details"]["coding"][0]["code"] == "bundle.fhir-document"
    lot = _bundle(demo, "Bundle-td2-iti65.json")
    lot["entry"].append(entry(inner, url="Bundle"))
    answer = demo.post(WRITER, "", lot)
    codes = [issue["details"]["coding"][0]["code"] for issue in answer.json()["issue"]]
    assert (answer.status_code, "bundle.fhir-document" in codes) == (422, True)

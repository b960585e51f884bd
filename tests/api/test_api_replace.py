"""A document replaces another: by ITI-105, by ITI-65, once, and only one that its author may know of."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from lxml import etree

from tests.support.api import (
    SUPERSEDED,
    URI,
    Resource,
    TraceBook,
    entry,
    master,
    matches,
    oid,
    submission,
    transactions,
    valid,
)
from tests.support.demo import RunningDemo, codes_of, ids_of, pdf

HL7 = "{urn:hl7-org:v3}"
WRITER, READER = "author-doctor", "nurse"


REPLACED_BY: dict[str, Callable[[Resource], Resource]] = {
    "its address": lambda old: {"reference": f"DocumentReference/{old['id']}"},
    "its uniqueId": lambda old: {"identifier": old["masterIdentifier"]},
    "its entryUUID": lambda old: {"identifier": old["identifier"][0]},
}


@pytest.mark.parametrize("named_by", REPLACED_BY)
def test_a_replaced_document_becomes_superseded(demo: RunningDemo, named_by: str) -> None:
    old = demo.publish(WRITER, "adult")
    traces = TraceBook(demo)
    relation = [{"code": "replaces", "target": REPLACED_BY[named_by](old)}]
    new = demo.publish(WRITER, "adult", relatesTo=relation)
    _superseded(demo, old["id"], new["id"])
    written = {trace.act: trace for trace in traces.new() if trace.act in ("publish", "replace")}
    assert set(written) == {"publish", "replace"}
    assert written["publish"].document_unique_id == new["masterIdentifier"]["value"].removeprefix("urn:oid:")


def test_versions_of_a_document_share_one_set_and_count_up(demo: RunningDemo) -> None:
    versions = [demo.publish(WRITER, "adult")]
    for _ in range(2):
        target = {"reference": f"DocumentReference/{versions[-1]['id']}"}
        versions.append(demo.publish(WRITER, "adult", relatesTo=[{"code": "replaces", "target": target}]))
    headers = []
    for each in versions:
        accept = {"Accept": "application/xml"}
        cda = etree.fromstring(demo.call(READER, "GET", f"/Binary/{each['id']}", headers=accept).content)
        found = [
            cda.find(f"{HL7}{path}")
            for path in ("setId", "versionNumber", f"relatedDocument/{HL7}parentDocument/{HL7}id")
        ]
        headers.append(tuple("" if node is None else node.get("root") or node.get("value") for node in found))
    first, second, third = (each["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in versions)
    assert headers == [(first, "1", ""), (first, "2", first), (first, "3", second)]
    assert third not in (first, second)


def _superseded(demo: RunningDemo, old: str, new: str) -> None:
    current = ids_of(demo.search(READER, "adult").json())
    superseded = demo.search(READER, "adult", status="superseded")
    assert (old in current, new in current, old in ids_of(superseded.json())) == (False, True, True)
    assert {each["status"] for each in matches(superseded)} == {"superseded"}
    both = ids_of(demo.search(READER, "adult", status="current,superseded").json())
    assert {old, new} <= set(both)
    assert demo.call(READER, "GET", f"/DocumentReference/{old}").json()["status"] == "superseded"


@pytest.mark.parametrize("patched", [True, False])
def test_a_bundle_replaces_with_and_without_the_redundant_patch(demo: RunningDemo, patched: bool) -> None:
    old = demo.publish(WRITER, "adult")
    address = f"DocumentReference/{old['id']}"
    bundle = submission(demo, "adult", relatesTo=[{"code": "replaces", "target": {"reference": address}}])
    if patched:
        bundle["entry"].insert(0, entry(copy.deepcopy(SUPERSEDED), "PATCH", address, f"{demo.fhir}/{address}"))
    since = len(demo.log())
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    assert "TD3.3c" not in transactions(demo, since)
    assert transactions(demo, since).count("TD2.1") == 1
    answers = [each["response"] for each in response["entry"]]
    if patched:
        assert answers[0] == {"status": "200 OK"}
    new = next(each["location"] for each in answers if each.get("location", "").startswith("DocumentReference/"))
    _superseded(demo, old["id"], new.partition("/")[2])


@pytest.mark.parametrize("named_by", REPLACED_BY)
def test_the_redundant_patch_may_name_its_document_as_the_relation_does(demo: RunningDemo, named_by: str) -> None:
    old = demo.publish(WRITER, "adult")
    target = REPLACED_BY[named_by](old)
    identifier = target.get("identifier", {})
    address = target.get("reference", f"DocumentReference?identifier={URI}|{identifier.get('value')}")
    bundle = submission(demo, "adult", relatesTo=[{"code": "replaces", "target": target}])
    bundle["entry"].append(entry(copy.deepcopy(SUPERSEDED), "PATCH", address))
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    _superseded(demo, old["id"], response["entry"][1]["response"]["location"].partition("/")[2])


def test_a_document_is_replaced_once(demo: RunningDemo) -> None:
    old = demo.publish(WRITER, "adult")
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    demo.publish(WRITER, "adult", relatesTo=relation)
    unique_id = oid()
    again = demo.document("adult", pdf(), relatesTo=relation, masterIdentifier=master(unique_id))
    answer = demo.post(WRITER, "/DocumentReference", again)
    assert 400 <= answer.status_code < 500, answer.text
    valid(answer, "OperationOutcome", answer.status_code)
    found = demo.search(READER, "adult", identifier=f"{URI}|urn:oid:{unique_id}")
    assert found.json()["total"] == 0


def test_a_document_of_another_record_cannot_be_replaced(demo: RunningDemo) -> None:
    other = demo.publish(WRITER, "minor")
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{other['id']}"}}]
    answer = demo.post(WRITER, "/DocumentReference", demo.document("adult", pdf(), relatesTo=relation))
    assert (answer.status_code, codes_of(answer)) == (422, ["replace.target-unknown"])


def test_a_hidden_document_cannot_be_replaced_and_is_not_told_of(demo: RunningDemo) -> None:
    old = demo.publish(WRITER, "adult")
    demo.label(WRITER, old["id"], "MASQUE_PS")
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    answer = demo.post("other-doctor", "/DocumentReference", demo.document("adult", pdf(), relatesTo=relation))
    assert (answer.status_code, codes_of(answer)) == (422, ["replace.target-unknown"])
    assert demo.call(WRITER, "GET", f"/DocumentReference/{old['id']}").json()["status"] == "current"

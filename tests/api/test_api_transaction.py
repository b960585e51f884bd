"""ITI-65 and ITI-105: lots in any order, replacement, atomicity, repeated requests."""

from __future__ import annotations

import base64
import copy
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import (
    SUPERSEDED,
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
    urn,
    valid,
)
from tests.support.demo import RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "List first": lambda entries: entries,
    "Binary first": lambda entries: entries[::-1],
    "List in the middle": lambda entries: [*entries[1:3], entries[0], *entries[3:]],
}


def _stored(demo: RunningDemo, unique_id: str) -> int:
    found = demo.search(READER, "adult", identifier=f"{URI}|urn:oid:{unique_id}")
    assert found.status_code == 200, found.text
    total: int = found.json()["total"]
    return total


@pytest.mark.parametrize("order", ORDERS)
def test_a_lot_is_answered_entry_by_entry_and_every_location_works(demo: RunningDemo, order: str) -> None:
    bundle = submission(demo, "adult", pdf(), pdf())
    bundle["entry"] = ORDERS[order](bundle["entry"])
    since = len(demo.log())
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    assert response["type"] == "transaction-response"
    assert transactions(demo, since) == ["TD0.2", "TD2.1"], "two documents, one lot"
    by_url = {}
    for sent, got in zip(bundle["entry"], response["entry"], strict=True):
        kind, _, identifier = got["response"]["location"].partition("/")
        assert (kind, got["response"]["status"][:3]) == (sent["resource"]["resourceType"], "201")
        by_url[sent["fullUrl"]] = identifier
    for number in range(2):
        document, binary = (part(bundle, kind, number) for kind in ("DocumentReference", "Binary"))
        content = base64.b64decode(binary["resource"]["data"])
        read = valid(demo.call(READER, "GET", f"/DocumentReference/{by_url[document['fullUrl']]}"), "DocumentReference")
        assert demo.call(READER, "GET", f"/Binary/{by_url[binary['fullUrl']]}").content == content
        named = next(sent for sent in bundle["entry"] if sent["fullUrl"] == attachment_of(document["resource"])["url"])
        given = demo.call(READER, "GET", attachment_of(read)["url"]).content
        assert given == base64.b64decode(named["resource"]["data"])


@pytest.mark.parametrize("address", ["", "/"])
def test_a_lot_is_taken_with_and_without_a_slash_at_the_end(demo: RunningDemo, address: str) -> None:
    response = valid(demo.post(WRITER, address, submission(demo, "adult")), "Bundle")
    assert [each["response"]["status"] for each in response["entry"]] == ["201 Created"] * 3


def test_a_bundle_says_its_media_type_in_the_binary_alone(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult")
    attachment_of(part(bundle, "DocumentReference")["resource"]).pop("contentType")
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    read = demo.call(READER, "GET", f"/{response['entry'][1]['response']['location']}").json()
    assert attachment_of(read)["contentType"] == "application/pdf"


def test_the_clock_of_a_client_that_is_behind_costs_no_publication(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult")
    late = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 90))
    part(bundle, "List")["resource"]["date"] = late
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    read = demo.call(READER, "GET", f"/{response['entry'][1]['response']['location']}").json()
    assert attachment_of(read)["creation"] == late


def test_a_lot_of_two_leaves_a_trace_for_each_document(demo: RunningDemo) -> None:
    traces = TraceBook(demo)
    valid(demo.post(WRITER, "", submission(demo, "adult", pdf(), pdf())), "Bundle")
    written = traces.new()
    assert [(trace.act, trace.outcome) for trace in written] == [("publish", "success")] * 2
    assert len({trace.document for trace in written} - {""}) == 2


Change = Callable[[Resource, RunningDemo], None]


def _without(kind: str) -> Change:
    def change(bundle: Resource, _: RunningDemo) -> None:
        bundle["entry"].remove(part(bundle, kind))

    return change


def _second_document(**changes: Any) -> Change:
    def change(bundle: Resource, _: RunningDemo) -> None:
        part(bundle, "DocumentReference", 1)["resource"].update(changes)

    return change


def _wrong_hash(bundle: Resource, _: RunningDemo) -> None:
    attachment_of(part(bundle, "DocumentReference", 1)["resource"])["hash"] = base64.b64encode(b"x" * 20).decode()


def _another_patient(bundle: Resource, demo: RunningDemo) -> None:
    part(bundle, "DocumentReference", 1)["resource"]["subject"] = {"identifier": demo.patients["minor"]}


def _another_patient_of_the_list(bundle: Resource, demo: RunningDemo) -> None:
    part(bundle, "List")["resource"]["subject"] = {"identifier": demo.patients["minor"]}


def _not_in_the_list(bundle: Resource, _: RunningDemo) -> None:
    part(bundle, "List")["resource"]["entry"].pop()


def _twin_identifiers(bundle: Resource, _: RunningDemo) -> None:
    resources = [part(bundle, "DocumentReference", number)["resource"] for number in (0, 1)]
    resources[1]["masterIdentifier"] = resources[0]["masterIdentifier"]


def _manifest(bundle: Resource, _: RunningDemo) -> None:
    part(bundle, "List")["resource"] = {"resourceType": "DocumentManifest", "status": "current", "content": [{}]}
    found = bundle["entry"][0]
    found["resource"] = {
        "resourceType": "DocumentManifest",
        "status": "current",
        "content": [{"reference": bundle["entry"][1]["fullUrl"]}],
    }


def _folder_method(bundle: Resource, _: RunningDemo) -> None:
    part(bundle, "DocumentReference")["request"]["method"] = "PUT"


def _foreign_patch(bundle: Resource, demo: RunningDemo) -> None:
    other = demo.publish(WRITER, "adult")
    address = f"DocumentReference/{other['id']}"
    bundle["entry"].append(entry(copy.deepcopy(SUPERSEDED), "PATCH", address, f"{demo.fhir}/{address}"))


def _spare_binary(bundle: Resource, _: RunningDemo) -> None:
    bundle["entry"].append(entry({"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERg=="}))


def _fhir_document(bundle: Resource, _: RunningDemo) -> None:
    bundle["entry"].append(entry({"resourceType": "Bundle", "type": "document"}))


BAD_LOTS: dict[str, tuple[Change, int, str]] = {
    "a Binary no document names": (_spare_binary, 422, "bundle.binary-unnamed"),
    "a FHIR document": (_fhir_document, 422, "bundle.fhir-document"),
    "no List": (_without("List"), 422, "bundle.submission-set"),
    "no Binary": (_without("Binary"), 422, "bundle.binary-missing"),
    "a document the List does not name": (_not_in_the_list, 422, "bundle.item-missing"),
    "a DocumentManifest": (_manifest, 422, "bundle.document-manifest"),
    "PUT of a document": (_folder_method, 422, "bundle.method"),
    "PATCH of a document nobody replaces": (_foreign_patch, 422, "bundle.patch"),
    "documents of two patients": (_another_patient, 422, "patient.mismatch"),
    "a List of another patient": (_another_patient_of_the_list, 422, "patient.mismatch"),
    "one unknown type": (_second_document(type={"coding": [{"code": "no"}]}), 422, "code.unknown"),
    "one wrong hash": (_wrong_hash, 422, "attachment.hash-mismatch"),
    "the same uniqueId twice": (_twin_identifiers, 409, "publication.duplicate-unique-id"),
}


@pytest.mark.parametrize("mistake", BAD_LOTS)
def test_one_bad_part_and_nothing_of_the_lot_is_stored(demo: RunningDemo, mistake: str) -> None:
    change, status, code = BAD_LOTS[mistake]
    bundle = submission(demo, "adult", pdf(), pdf())
    unique_ids = [oid(), oid()]
    for number, unique_id in enumerate(unique_ids):
        part(bundle, "DocumentReference", number)["resource"]["masterIdentifier"] = master(unique_id)
    change(bundle, demo)
    since = len(demo.log())
    answer = demo.post(WRITER, "", bundle)
    assert (answer.status_code, code in codes_of(answer)) == (status, True), answer.text
    valid(answer, "OperationOutcome", status)
    assert "TD2.1" not in transactions(demo, since)
    assert demo.patients["adult"]["value"] not in answer.text
    assert [_stored(demo, unique_id) for unique_id in unique_ids] == [0, 0]


def test_what_failed_may_be_sent_again_corrected(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult", pdf(), pdf())
    good = copy.deepcopy(bundle)
    _wrong_hash(bundle, demo)
    assert demo.post(WRITER, "", bundle).status_code == 422
    valid(demo.post(WRITER, "", good), "Bundle")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("collection", 400, "bundle.not-transaction"),
        ("searchset", 400, "bundle.not-transaction"),
        ("document", 422, "bundle.fhir-document"),
    ],
)
def test_a_bundle_of_another_type_is_refused_by_name(demo: RunningDemo, kind: str, status: int, code: str) -> None:
    answer = demo.post(WRITER, "", submission(demo, "adult") | {"type": kind})
    assert (answer.status_code, codes_of(answer)) == (status, [code])


@pytest.mark.parametrize("path", ["", "/DocumentReference"])
def test_a_repeated_key_is_answered_as_the_first_time(demo: RunningDemo, path: str) -> None:
    dated: dict[str, Any] = {"masterIdentifier": master(oid()), "date": "2024-05-06T07:08:09Z"}
    body = submission(demo, "adult", **dated) if not path else demo.document("adult", pdf(), **dated)
    key, since, traces = str(uuid.uuid4()), len(demo.log()), TraceBook(demo)
    first = demo.post(WRITER, path, body, Idempotency_Key=key)
    second = demo.post(WRITER, path, body, Idempotency_Key=key)
    assert first.status_code in (200, 201), first.text
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers.get("Location") == first.headers.get("Location")
    assert transactions(demo, since).count("TD2.1") == 1
    assert [(trace.act, trace.effect, trace.outcome) for trace in traces.new()] == [
        ("publish", "permit", "success")
    ] * 2


def test_a_time_that_was_filled_in_is_of_the_first_time_too(demo: RunningDemo) -> None:
    body, key = demo.document("adult", pdf()), str(uuid.uuid4())
    first = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
    assert first.status_code == 201, first.text
    time.sleep(1.1)
    second = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
    assert (second.status_code, second.json()) == (201, first.json())


def test_a_key_is_of_one_request_and_one_caller(demo: RunningDemo) -> None:
    key, body = str(uuid.uuid4()), demo.document("adult", pdf())
    assert demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key).status_code == 201
    answer = demo.post(WRITER, "/DocumentReference", body | {"description": "autre"}, Idempotency_Key=key)
    assert (answer.status_code, codes_of(answer)) == (422, ["publication.idempotency-mismatch"])
    other = demo.post("nurse", "/DocumentReference", demo.document("adult", pdf()), Idempotency_Key=key)
    assert other.status_code == 201, "another caller's key is another key"


def test_a_key_whose_request_failed_may_be_used_again(demo: RunningDemo) -> None:
    key, body = str(uuid.uuid4()), demo.document("closed", pdf())
    for _ in range(2):
        answer = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
        assert codes_of(answer) == ["record.closed"]


def test_prefer_chooses_what_a_publication_answers(demo: RunningDemo) -> None:
    minimal = demo.post(WRITER, "/DocumentReference", demo.document("adult", pdf()), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content, "Content-Type" in minimal.headers) == (201, b"", False)
    read = valid(demo.call(READER, "GET", minimal.headers["Location"]), "DocumentReference")
    assert minimal.headers["ETag"] == f'W/"{read["meta"]["versionId"]}"'
    told = demo.post(WRITER, "/DocumentReference", demo.document("adult", pdf()), Prefer="return=OperationOutcome")
    issues = valid(told, "OperationOutcome", 201)["issue"]
    assert "DocumentReference.context.facilityType" in [issue["expression"][0] for issue in issues]
    assert demo.call(READER, "GET", told.headers["Location"]).status_code == 200
    bundle = demo.post(WRITER, "", submission(demo, "adult"), Prefer="return=OperationOutcome")
    assert valid(bundle, "Bundle")["entry"][0]["response"]["outcome"]["issue"]


@pytest.mark.parametrize("prefer", ["", "return=minimal", "return=representation"])
def test_a_lot_answers_with_its_documents_where_they_are_asked_for(demo: RunningDemo, prefer: str) -> None:
    answer = valid(demo.post(WRITER, "", submission(demo, "adult", pdf(), pdf()), Prefer=prefer), "Bundle")
    given = [each["resource"] for each in answer["entry"] if "resource" in each]
    places = [each["response"]["location"].partition("/") for each in answer["entry"]]
    made = [place for kind, _, place in places if kind == "DocumentReference"]
    assert [each["id"] for each in given] == (made if "representation" in prefer else [])


# The codes of MHD table 3.65.4.1.3-1; it has none for signs.
RELATIONS = {
    "appends": ["relation.not-supported", "PartialAppendContentNotProcessed"],
    "transforms": ["relation.not-supported", "PartialTransformContentNotProcessed"],
    "signs": ["relation.not-supported"],
}


def _codes(issue: Resource) -> list[str]:
    return [coding["code"] for coding in issue["details"]["coding"]]


def _warnings(outcome: Resource) -> list[list[str]]:
    return [_codes(issue) for issue in outcome["issue"] if issue["severity"] == "warning"]


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_the_dmp_does_not_take_earns_a_warning(demo: RunningDemo, relation: str) -> None:
    related = [{"code": relation, "target": {"reference": "DocumentReference/other"}}]
    document = demo.document("adult", pdf(), relatesTo=related)
    answer = demo.post(WRITER, "/DocumentReference", document)
    assert _warnings(valid(answer, "OperationOutcome", 201)) == [RELATIONS[relation]]
    assert demo.call(READER, "GET", answer.headers["Location"]).status_code == 200
    wanted = demo.post(
        WRITER, "/DocumentReference", demo.document("adult", pdf(), relatesTo=related), Prefer="return=representation"
    )
    valid(wanted, "DocumentReference", 201)


@pytest.mark.parametrize("prefer", ["return=representation", "return=OperationOutcome"])
def test_a_lot_warns_in_the_entry_that_asked_for_what_is_ignored(demo: RunningDemo, prefer: str) -> None:
    bundle = submission(demo, "adult", pdf(), pdf())
    related = [{"code": "transforms", "target": {"reference": "DocumentReference/other"}}]
    part(bundle, "DocumentReference", 1)["resource"]["relatesTo"] = related
    folder = copy.deepcopy(part(bundle, "List")["resource"])
    folder["code"]["coding"][0]["code"] = "folder"
    bundle["entry"].append(entry(folder))
    part(bundle, "List")["resource"]["entry"].append({"item": {"reference": bundle["entry"][-1]["fullUrl"]}})
    found = valid(demo.post(WRITER, "", bundle, Prefer=prefer), "Bundle")["entry"]
    warned = {
        number: _warnings(each["response"]["outcome"])
        for number, each in enumerate(found)
        if "outcome" in each["response"]
    }
    expected = {
        2: [RELATIONS["transforms"]],
        len(found) - 1: [["folder.not-supported", "PartialFolderContentNotProcessed"]],
    }
    if "Outcome" in prefer:
        expected[0] = [RELATIONS["transforms"]]
    assert warned == expected
    assert found[-1]["response"]["status"] == "200 OK", "ignored, not created"


@pytest.mark.parametrize(
    "url",
    [
        "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-intended-recipient",
        "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-intendedRecipient",
    ],
)
def test_a_recipient_of_a_lot_is_not_lost_in_silence(demo: RunningDemo, url: str) -> None:
    """The entry of the lot says that it was ignored, whatever is preferred. Where it does not go: ``tests/mail``."""
    bundle = submission(demo, "adult", pdf())
    lot = part(bundle, "List")["resource"]
    lot.setdefault("contained", []).append({"resourceType": "Practitioner", "id": "recipient"})
    lot.setdefault("extension", []).append({"url": url, "valueReference": {"reference": "#recipient"}})
    answer = demo.post(WRITER, "", bundle)
    found = valid(answer, "Bundle")["entry"]
    number = bundle["entry"].index(part(bundle, "List"))
    told = {n: _warnings(each["response"]["outcome"]) for n, each in enumerate(found) if "outcome" in each["response"]}
    assert told == {number: [["submission-set.recipient"]]}
    assert "Link" not in answer.headers, "no message"


def test_a_lot_in_fhir_xml_is_taken_as_in_json(demo: RunningDemo) -> None:
    from facade.translation import fhir_xml

    content = pdf()
    bundle = submission(demo, "adult", content)
    data = fhir_xml.from_dict(bundle)
    answer = demo.call(WRITER, "POST", "", data=data, headers={"Content-Type": "application/fhir+xml"})
    binary = valid(answer, "Bundle")["entry"][2]["response"]["location"]
    assert demo.call(READER, "GET", f"/{binary}").content == content


def test_urls_of_a_bundle_may_be_relative_or_symbolic(demo: RunningDemo) -> None:
    content = pdf()
    bundle = submission(demo, "adult", content)
    text = json.dumps(bundle).replace(part(bundle, "Binary")["fullUrl"], "Binary/the-file")
    bundle = json.loads(text)
    document = part(bundle, "DocumentReference")
    document["request"]["url"] = f"DocumentReference/{urn()}"
    made = valid(demo.post(WRITER, "", bundle), "Bundle")["entry"][2]["response"]["location"]
    assert demo.call(READER, "GET", f"/{made}").content == content

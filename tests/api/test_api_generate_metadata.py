"""ITI-106: the metadata of a CDA, ready to be completed and published; nothing is stored and no record is opened."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from facade.translation import fhir_xml
from tests.support.api import Resource, TraceBook, attachment_of, cda, master, oid, sha1, transactions, valid
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf

WRITER = "author-doctor"
PATH = "/DocumentReference/$generate-metadata"
CDA = "application/hl7-cda+xml"


def _binary(content: bytes) -> Resource:
    return {"resourceType": "Binary", "contentType": "text/xml", "data": base64.b64encode(content).decode()}


def _parameters(resource: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": resource}]}


def _sent(way: str, content: bytes) -> tuple[str, bytes]:
    binary = _binary(content)
    return {
        "Parameters": (FHIR_JSON, json.dumps(_parameters(binary)).encode()),
        "Parameters in XML": ("application/fhir+xml", fhir_xml.from_dict(_parameters(binary))),
        "Binary": (FHIR_JSON, json.dumps(binary).encode()),
        "CDA": (CDA, content),
    }[way]


@pytest.mark.parametrize("way", ["Parameters", "Parameters in XML", "Binary", "CDA"])
def test_a_cda_says_its_metadata_and_the_dmp_is_not_asked(demo: RunningDemo, way: str) -> None:
    unique_id, patient = oid(), demo.patients["adult"]
    content = cda(patient["value"], unique_id)
    media_type, body = _sent(way, content)
    traces, since = TraceBook(demo), len(demo.log())
    found = valid(demo.call(WRITER, "POST", PATH, data=body, headers={"Content-Type": media_type}), "DocumentReference")
    assert (found["masterIdentifier"], found["subject"]["identifier"]) == (master(unique_id), patient)
    assert (found["type"]["coding"][0]["code"], found["category"][0]["coding"][0]["code"]) == ("11488-4", "10")
    attachment = attachment_of(found)
    assert (attachment["size"], attachment["hash"], attachment["title"]) == (
        len(content),
        sha1(content),
        "Consultation",
    )
    assert attachment["creation"] == "2024-03-05T09:15:00Z"
    assert transactions(demo, since) == []
    (trace,) = traces.new()
    assert (trace.act, trace.effect, trace.outcome, trace.transaction) == (
        "generate-metadata",
        "permit",
        "success",
        "local",
    )
    assert (trace.person_id, trace.patient, trace.document) == ("899700000021", None, ""), "nobody's record was opened"


def test_what_was_generated_can_be_published_with_its_cda(demo: RunningDemo) -> None:
    content = cda(demo.patients["adult"]["value"], oid())
    generated: dict[str, Any] = demo.post(WRITER, PATH, _parameters(_binary(content))).json()
    attachment_of(generated)["data"] = base64.b64encode(content).decode()
    created = valid(demo.post(WRITER, "/DocumentReference", generated), "DocumentReference", 201)
    assert created["masterIdentifier"] == generated["masterIdentifier"]
    assert demo.call("nurse", "GET", attachment_of(created)["url"]).content == content


def test_the_metadata_of_another_record_open_it_to_nobody(demo: RunningDemo) -> None:
    """The INS in the answer is the one that was sent: the same for a record the caller may not read, or none."""
    for patient in ("closed", "absent", "adult"):
        content = cda(demo.patients[patient]["value"], oid())
        answer = demo.post("unauthorised-doctor", PATH, _binary(content))
        assert valid(answer, "DocumentReference")["subject"]["identifier"]["value"] == demo.patients[patient]["value"]


WRONG: dict[str, tuple[Any, int, str]] = {
    "a PDF": (_parameters(_binary(pdf())), 422, "cda.malformed"),
    "other XML": (_binary(b"<note/>"), 422, "cda.not-a-document"),
    "a DOCTYPE": (_binary(b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"), 422, "cda.unsafe"),
    "no data": (_parameters({"resourceType": "Binary", "contentType": "text/xml"}), 422, "generate-metadata.document"),
    "no document": ({"resourceType": "Parameters"}, 422, "generate-metadata.document"),
    "two documents": (
        {"resourceType": "Parameters", "parameter": _parameters(_binary(b"<a/>"))["parameter"] * 2},
        422,
        "generate-metadata.document",
    ),
    "a FHIR document": (_parameters({"resourceType": "Bundle", "type": "document"}), 422, "bundle.fhir-document"),
    "another resource": ({"resourceType": "Patient"}, 400, "resource.wrong-type"),
    "no base64": (_binary(b"") | {"data": "%%"}, 400, "attachment.not-base64"),
    "an unknown element": (_binary(b"<a/>") | {"content": "x"}, 400, "fhir.invalid"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_no_cda_is_refused_by_name(demo: RunningDemo, mistake: str) -> None:
    body, status, code = WRONG[mistake]
    answer = demo.post(WRITER, PATH, body)
    assert (answer.status_code, codes_of(answer)) == (status, [code])
    valid(answer, "OperationOutcome", status)


def test_a_document_that_cannot_be_read_leaves_its_trace_too(demo: RunningDemo) -> None:
    traces = TraceBook(demo)
    assert demo.post(WRITER, PATH, _binary(b"<note/>")).status_code == 422
    (trace,) = traces.new()
    assert (trace.act, trace.outcome, trace.outcome_code) == ("generate-metadata", "error", "cda.not-a-document")


def test_a_caller_who_is_not_who_it_must_be_generates_nothing(demo: RunningDemo) -> None:
    traces = TraceBook(demo)
    content = cda(demo.patients["adult"]["value"], oid())
    answer = demo.post(WRITER, PATH, _binary(content), X_Worksituation="another place of work")
    assert (answer.status_code, codes_of(answer)) == (403, ["caller.professional.activity-unknown"])
    assert [(trace.act, trace.effect, trace.outcome) for trace in traces.new()] == [
        ("generate-metadata", "deny", "refused")
    ]

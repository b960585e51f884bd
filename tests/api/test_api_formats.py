"""JSON and XML in and out, _format and _pretty, Accept-Language, and the formats nobody serves."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B import get_fhir_model_class
from lxml import etree

from facade.translation import fhir_xml
from tests.support.api import attachment_of, transactions, valid
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
FHIR_XML = "application/fhir+xml"


def _kind(data: bytes) -> str:
    return str(etree.fromstring(data).tag).removeprefix("{http://hl7.org/fhir}")


@pytest.mark.parametrize("media_type", [FHIR_XML, "application/xml", "text/xml", f"{FHIR_XML}; charset=utf-8"])
def test_a_document_published_in_xml_is_the_one_published_in_json(demo: RunningDemo, media_type: str) -> None:
    content = pdf()
    data = fhir_xml.from_dict(demo.document("adult", content, description="été & <hiver>"))
    answer = demo.call(WRITER, "POST", "/DocumentReference", data=data, headers={"Content-Type": media_type})
    created = valid(answer, "DocumentReference", 201)
    assert created["description"] == "été & <hiver>"
    assert demo.call(READER, "GET", attachment_of(created)["url"]).content == content


@pytest.mark.parametrize("media_type", [FHIR_JSON, "application/json", f"{FHIR_JSON}; charset=UTF-8", "text/json"])
def test_json_has_several_names(demo: RunningDemo, media_type: str) -> None:
    data = json.dumps(demo.document("adult", pdf()))
    answer = demo.call(WRITER, "POST", "/DocumentReference", data=data, headers={"Content-Type": media_type})
    assert answer.status_code == 201, answer.text


READS = {
    "_format=xml": ({"_format": "xml"}, {}),
    "_format=application/fhir+xml": ({"_format": FHIR_XML}, {}),
    "_format over Accept": ({"_format": "xml"}, {"Accept": FHIR_JSON}),
    "Accept": ({}, {"Accept": FHIR_XML}),
    "Accept with a version": ({}, {"Accept": f"{FHIR_XML}; fhirVersion=4.0"}),
    "Accept with weights": ({}, {"Accept": f"{FHIR_JSON};q=0.5, {FHIR_XML}"}),
}


@pytest.mark.parametrize("way", READS)
def test_every_kind_of_answer_comes_in_xml_too(demo: RunningDemo, way: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    params, headers = READS[way]
    paths = {
        f"/DocumentReference/{document}": "DocumentReference",
        "/DocumentReference": "Bundle",
        "/Patient": "Bundle",
        "/Consent": "Bundle",
        "/AuditEvent": "Bundle",
        "/metadata": "CapabilityStatement",
        "/DocumentReference/none": "OperationOutcome",
    }
    for path, kind in paths.items():
        name = "identifier" if path == "/Patient" else "patient.identifier"
        patient = {} if document in path else {name: demo.ins("minor")}
        answer = demo.call("treating-doctor", "GET", path, params={**params, **patient}, headers=headers)
        assert answer.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8", path
        assert _kind(answer.content) == kind, path
        get_fhir_model_class(kind).model_validate_xml(answer.content)


def test_a_creation_answers_in_the_format_asked_for(demo: RunningDemo) -> None:
    answer = demo.post(WRITER, "/DocumentReference", demo.document("adult", pdf()), Accept=FHIR_XML)
    assert (answer.status_code, _kind(answer.content)) == (201, "DocumentReference")


def test_xml_says_what_json_says(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult", description="deux formats")["id"]
    as_json = demo.call(READER, "GET", f"/DocumentReference/{document}").json()
    as_xml = demo.call(READER, "GET", f"/DocumentReference/{document}", headers={"Accept": FHIR_XML}).content
    model = get_fhir_model_class("DocumentReference")
    assert model.model_validate_xml(as_xml).model_dump() == model.model_validate(as_json).model_dump()


def test_pretty_is_for_people(demo: RunningDemo) -> None:
    for form, mark in (("json", b'\n  "resourceType"'), ("xml", b"\n  <")):
        pretty = demo.call("", "GET", "/metadata", params={"_format": form, "_pretty": "true"})
        plain = demo.call("", "GET", "/metadata", params={"_format": form})
        assert (mark in pretty.content, mark in plain.content) == (True, False)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("fr", "existe pas"),
        ("fr-CA, en;q=0.5", "existe pas"),
        ("en-US", "does not"),
        ("de", "existe pas"),
        (None, "existe pas"),
    ],
)
def test_messages_are_french_unless_english_is_asked_for(demo: RunningDemo, header: str | None, word: str) -> None:
    headers = {"Accept-Language": header}
    answer = demo.call(READER, "GET", "/DocumentReference/none", headers=headers)
    assert word in answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("way", [{"headers": {"Accept": "text/html"}}, {"params": {"_format": "ttl"}}])
def test_a_format_nobody_serves_is_refused_before_anything_is_done(
    demo: RunningDemo, way: dict[str, dict[str, str]]
) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    sent = len(demo.log())
    body = json.dumps(demo.document("adult", pdf()))
    headers = {"Content-Type": FHIR_JSON, **way.get("headers", {})}
    calls = [
        demo.call(READER, "GET", f"/DocumentReference/{document}", **way),
        demo.call(WRITER, "POST", "/DocumentReference", data=body, headers=headers, params=way.get("params", {})),
        demo.call("", "GET", "/metadata", **way),
    ]
    for answer in calls:
        assert (answer.status_code, codes_of(answer)) == (406, ["accept.not-served"])
        assert answer.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"
    assert transactions(demo, sent) == []


def test_without_a_token_nothing_else_is_said(demo: RunningDemo) -> None:
    answer = demo.call("", "GET", "/DocumentReference/none", headers={"Accept": "text/html"})
    assert (answer.status_code, codes_of(answer)) == (401, ["token.missing"])


def test_every_answer_names_its_request_and_may_not_be_kept(demo: RunningDemo) -> None:
    for persona, path in (("", "/metadata"), ("", "/Patient"), (READER, "/nothing"), (READER, "/DocumentReference/x")):
        answer = demo.call(persona, "GET", path, headers={"X-Request-Id": "integration-0001"})
        assert answer.headers["X-Request-Id"] == "integration-0001"
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    made = demo.call(READER, "GET", "/nothing", headers={"X-Request-Id": "bad id\tx"}).headers["X-Request-Id"]
    assert len(made) == 36


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/Observation", 404, "route.not-found"),
        ("PUT", "/DocumentReference/x", 405, "route.method"),
        ("GET", "/DocumentReference/_search", 405, "route.method"),
        ("DELETE", "/Patient", 405, "route.method"),
    ],
)
def test_an_address_or_method_nobody_serves(demo: RunningDemo, method: str, path: str, status: int, code: str) -> None:
    answer = demo.call(READER, method, path)
    assert (answer.status_code, codes_of(answer)) == (status, [code])
    assert ("Allow" in answer.headers) == (status == 405)

"""Every request that cannot be served has its status, its code and an OperationOutcome; methods are told by Allow."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.support.api import application, transactions, valid
from tests.support.demo import FHIR_JSON, JSON_PATCH, RunningDemo, codes_of, pdf

WRITER = "author-doctor"
DOCUMENT, ONE, JSON = "/DocumentReference", "/DocumentReference/x", {"Content-Type": FHIR_JSON}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Case = tuple[str, str, dict[str, str], bytes, int, str]
CASES: dict[str, Case] = {
    "a type nobody serves": ("GET", "/Observation/1", {}, b"", 404, "route.not-found"),
    "a type nobody creates": ("POST", "/Observation", JSON, b'{"resourceType":"Observation"}', 404, "route.not-found"),
    "a word that is no type": ("GET", "/documents", {}, b"", 404, "route.not-found"),
    "an operation nobody serves": ("POST", "/DocumentReference/$nothing", JSON, b"{}", 404, "route.not-found"),
    "XML with a name in accents": (
        "POST",
        DOCUMENT,
        {"Content-Type": "application/fhir+xml"},
        '<DocumentReference xmlns="http://hl7.org/fhir"><é/></DocumentReference>'.encode(),
        400,
        "body.not-a-resource",
    ),
    "a path below a document": ("GET", f"{ONE}/content", {}, b"", 404, "route.not-found"),
    "an id in no encoding": ("GET", "/Binary/%FF%FE", {}, b"", 404, "route.not-found"),
    "GET of the base": ("GET", "", {}, b"", 405, "route.method"),
    "PUT of a document": ("PUT", ONE, JSON, b"{}", 405, "route.method"),
    "POST to a document": ("POST", ONE, JSON, b"{}", 405, "route.method"),
    "DELETE without an id": ("DELETE", DOCUMENT, {}, b"", 405, "route.method"),
    "PATCH of a Binary": ("PATCH", "/Binary/x", {"Content-Type": JSON_PATCH}, b"[]", 405, "route.method"),
    "DELETE of a Binary": ("DELETE", "/Binary/x", {}, b"", 405, "route.method"),
    "TRACE": ("TRACE", ONE, {}, b"", 405, "route.method"),
    "a method that is none": ("FETCH", ONE, {}, b"", 405, "route.method"),
    "no Content-Type": ("POST", DOCUMENT, {}, b"{}", 415, "body.media-type"),
    "a Content-Type of something else": ("POST", DOCUMENT, {"Content-Type": "text/csv"}, b"a", 415, "body.media-type"),
    "a Content-Type that is none": ("POST", DOCUMENT, {"Content-Type": "///"}, b"{}", 415, "body.media-type"),
    "multipart": (
        "POST",
        DOCUMENT,
        {"Content-Type": "multipart/form-data; boundary=x"},
        b"--x--",
        415,
        "body.media-type",
    ),
    "a form where a resource is due": ("POST", DOCUMENT, FORM, b"a=b", 415, "body.media-type"),
    "JSON where a form is due": ("POST", f"{DOCUMENT}/_search", JSON, b"{}", 415, "body.media-type"),
    "a coded body": ("POST", DOCUMENT, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"{}"), 415, "body.coding"),
    "an empty body": ("POST", DOCUMENT, JSON, b"", 400, "body.not-json"),
    "half a body": ("POST", DOCUMENT, JSON, b'{"resourceType":', 400, "body.not-json"),
    "bytes that are no UTF-8": ("POST", DOCUMENT, JSON, b'{"resourceType":"\xff\xfe"}', 400, "body.not-json"),
    "a list": ("POST", DOCUMENT, JSON, b"[]", 400, "body.not-a-resource"),
    "null": ("POST", DOCUMENT, JSON, b"null", 400, "body.not-a-resource"),
    "an object that is no resource": ("POST", DOCUMENT, JSON, b'{"a":1}', 400, "body.not-a-resource"),
    "another resource": ("POST", DOCUMENT, JSON, b'{"resourceType":"Patient"}', 400, "resource.wrong-type"),
    "an unknown element": ("POST", DOCUMENT, JSON, b'{"resourceType":"DocumentReference","x":1}', 400, "fhir.invalid"),
    "XML that is none": ("POST", DOCUMENT, {"Content-Type": "application/fhir+xml"}, b"<a", 400, "body.not-xml"),
    "too deep": ("POST", DOCUMENT, JSON, b"[" * 70 + b"]" * 70, 400, "body.not-a-resource"),
    "a purpose that is none": ("GET", ONE, {"Purpose-Of-Use": "curiosity"}, b"", 400, "purpose.unknown"),
    "a secrecy that is none": ("GET", ONE, {"Connexion-Secrete": "oui"}, b"", 400, "header.not-boolean"),
    "an If-Match that is none": ("DELETE", ONE, {"If-Match": "W/2"}, b"", 400, "version.malformed"),
    "a format nobody writes": ("GET", f"{ONE}?_format=text/turtle", {}, b"", 406, "accept.not-served"),
    "an Accept nobody writes": ("GET", ONE, {"Accept": "image/png"}, b"", 406, "accept.not-served"),
    "no patient": ("GET", DOCUMENT, {}, b"", 400, "search.patient-missing"),
    "an empty Bundle": (
        "POST",
        "",
        JSON,
        b'{"resourceType":"Bundle","type":"transaction"}',
        422,
        "bundle.submission-set",
    ),
    "a Bundle of no type": ("POST", "", JSON, b'{"resourceType":"Bundle"}', 400, "fhir.invalid"),
}


@pytest.mark.parametrize("mistake", CASES)
def test_a_request_that_cannot_be_served_says_why(demo: RunningDemo, mistake: str) -> None:
    method, path, headers, body, status, code = CASES[mistake]
    sent = len(demo.log())
    answer = demo.call(WRITER, method, path, headers=headers, data=body or None)
    assert answer.status_code == status, answer.text
    assert code in codes_of(answer)
    valid(answer, "OperationOutcome", status)
    assert transactions(demo, sent) == []
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_body_over_the_limit_is_413(demo: RunningDemo) -> None:
    data = b'{"resourceType":"DocumentReference","description":"' + b"x" * (17 * 1024 * 1024) + b'"}'
    answer = demo.call(WRITER, "POST", DOCUMENT, data=data, headers=JSON)
    assert (answer.status_code, codes_of(answer)) == (413, ["body.too-large"])


def _rules() -> dict[str, set[str]]:
    """The methods of every address under /fhir, as the routes have them."""
    found: dict[str, set[str]] = {}
    for rule in application().url_map.iter_rules():
        if rule.rule.startswith("/fhir"):
            found.setdefault(rule.rule, set()).update(rule.methods or set())
    return found


@pytest.mark.parametrize("rule", sorted(_rules()))
def test_options_tells_the_methods_of_every_address_without_a_token(demo: RunningDemo, rule: str) -> None:
    path = rule.removeprefix("/fhir").replace("<id>", "x").replace("<version>", "1")
    answer = demo.call("", "OPTIONS", path)
    assert (answer.status_code, answer.content) == (200, b"")
    told = set(answer.headers["Allow"].split(", "))
    assert told >= _rules()[rule]
    assert ("HEAD" in told) == ("GET" in told)


def test_options_of_nothing_is_404(demo: RunningDemo) -> None:
    answer = demo.call("", "OPTIONS", "/Observation")
    assert (answer.status_code, codes_of(answer)) == (404, ["route.not-found"])


@pytest.mark.parametrize("path", ["/DocumentReference", "/Patient", "/AuditEvent", "/Consent", "/metadata"])
def test_head_of_a_search_tells_what_get_would_send(demo: RunningDemo, path: str) -> None:
    name = "identifier" if path == "/Patient" else "patient.identifier"
    params: dict[str, Any] = {} if path == "/metadata" else {name: demo.ins("closed")}
    got, head = (demo.call(WRITER, method, path, params=params) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_pretty_and_format_hold_for_refusals_too(demo: RunningDemo) -> None:
    answer = demo.call(WRITER, "GET", "/Observation", params={"_pretty": "true"})
    assert answer.text.startswith("{\n  ")
    as_xml = demo.call(WRITER, "PUT", ONE, params={"_format": "xml"}, data="{}", headers=JSON)
    assert (as_xml.status_code, as_xml.headers["Content-Type"]) == (405, "application/fhir+xml; charset=utf-8")


def test_what_was_refused_for_its_form_may_be_sent_again(demo: RunningDemo) -> None:
    document = json.dumps(demo.document("adult", pdf())).encode()
    coded = demo.call(
        WRITER, "POST", DOCUMENT, data=gzip.compress(document), headers={**JSON, "Content-Encoding": "gzip"}
    )
    assert coded.status_code == 415
    plain = demo.call(WRITER, "POST", DOCUMENT, data=document, headers={**JSON, "Content-Encoding": "identity"})
    assert plain.status_code == 201

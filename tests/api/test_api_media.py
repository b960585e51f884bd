"""What may be published and how it comes back: files wrapped in a CDA, CDAs as they are, each form of a Binary."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import requests
from lxml import etree

from tests.support.api import LETTER, attachment_of, cda, cda_document, master, oid, sha1, typed, valid
from tests.support.demo import FHIR_JSON, LEVELS, RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
FHIR_XML = "application/fhir+xml"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"
EMBEDDED_PDF = '<nonXMLBody><text mediaType="application/pdf" representation="B64">{}</text></nonXMLBody>'


def _fetch(demo: RunningDemo, document: str, accept: str | None = None, **params: str) -> requests.Response:
    headers = {} if accept is None else {"Accept": accept}
    return demo.call(READER, "GET", f"/Binary/{document}", headers=headers, params=params)


def _fetch_without_accept(demo: RunningDemo, document: str) -> requests.Response:
    headers: dict[str, Any] = {"Authorization": f"Bearer {demo.tokens[READER]}", "Accept": None}
    return requests.get(f"{demo.fhir}/Binary/{document}", headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/pdf", pdf("média")),
        ("text/plain", "Compte rendu : été, œdème.\n".encode()),
        ("image/jpeg", JPEG + bytes(range(256)) * 3),
        ("text/plain; charset=utf-8", b"Autre compte rendu\r\n"),
    ],
)
def test_a_file_is_wrapped_in_a_cda_and_comes_back_byte_for_byte(
    demo: RunningDemo, media_type: str, content: bytes
) -> None:
    created = demo.publish(WRITER, "adult", content, content_type=media_type)
    given = _fetch_without_accept(demo, created["id"])
    bare = media_type.split(";", maxsplit=1)[0]
    assert (given.status_code, given.headers["Content-Type"], given.content) == (200, bare, content)
    attachment = attachment_of(created)
    assert (attachment["contentType"], attachment["size"], attachment["hash"]) == (bare, len(content), sha1(content))
    wrapped = _fetch(demo, created["id"], "application/xml")
    assert etree.fromstring(wrapped.content).tag == "{urn:hl7-org:v3}ClinicalDocument"
    assert base64.b64encode(content) in wrapped.content


@pytest.mark.parametrize("media_type", ["text/xml", "application/xml"])
@pytest.mark.parametrize("body", ["structured", "a PDF inside"])
def test_a_cda_is_taken_and_given_as_it_is(demo: RunningDemo, media_type: str, body: str) -> None:
    unique_id, inside = oid(), pdf()
    extra = {} if body == "structured" else {"body": EMBEDDED_PDF.format(base64.b64encode(inside).decode())}
    content = cda(demo.patients["adult"]["value"], unique_id, **extra)
    document = cda_document(demo, content, unique_id, content_type=media_type)
    created = valid(demo.post(WRITER, "/DocumentReference", document), "DocumentReference", 201)
    given = _fetch_without_accept(demo, created["id"])
    assert given.content == content
    attachment = attachment_of(created)
    assert (attachment["size"], attachment["hash"]) == (len(given.content), sha1(given.content))
    assert given.headers["Content-Type"] == attachment["contentType"] == media_type
    if extra:
        assert _fetch(demo, created["id"], "application/pdf").content == inside


def test_the_same_file_described_by_the_search_is_what_a_reader_gets(demo: RunningDemo) -> None:
    created = demo.publish(WRITER, "adult", b"texte du jour", content_type="text/plain")
    (found,) = demo.search(READER, "adult", _id=created["id"]).json()["entry"]
    attachment = attachment_of(found["resource"])
    given = demo.call(READER, "GET", attachment["url"], headers={"Accept": attachment["contentType"]})
    assert hashlib.sha1(given.content, usedforsecurity=False).digest() == base64.b64decode(attachment["hash"])
    assert given.headers["Content-Length"] == str(attachment["size"])


LEVEL_N = {"coding": [{"system": LEVELS, "code": "N"}]}
OTHER_ID = "2.25.1234567890"
CONTRADICTIONS: dict[str, tuple[dict[str, str], dict[str, Any], str, tuple[str, ...]]] = {
    "another patient": ({"matricule": "minor"}, {}, "cda.patient-mismatch", ()),
    "another id": ({"unique_id": OTHER_ID}, {}, "cda.contradiction", (OTHER_ID,)),
    "another type": ({"code": LETTER}, {}, "cda.contradiction", (LETTER, "11488-4")),
    "another type in the request": ({}, {"type": typed(LETTER)}, "cda.contradiction", (LETTER, "11488-4")),
    "another day": ({"date": "20230101"}, {}, "cda.contradiction", ("20230101", "20240305")),
    "another level": ({"level": "R"}, {"securityLabel": [LEVEL_N]}, "cda.contradiction", ("confidentialityCode",)),
}


@pytest.mark.parametrize("mistake", CONTRADICTIONS)
def test_a_cda_that_contradicts_its_metadata_is_refused_with_both_values(demo: RunningDemo, mistake: str) -> None:
    in_cda, in_request, code, told = CONTRADICTIONS[mistake]
    changes, unique_id = dict(in_cda), oid()
    matricule = demo.patients[changes.pop("matricule", "adult")]["value"]
    content = cda(matricule, changes.pop("unique_id", unique_id), **changes)
    sent = len(demo.log())
    answer = demo.post(WRITER, "/DocumentReference", cda_document(demo, content, unique_id, **in_request))
    assert (answer.status_code, codes_of(answer)) == (422, [code]), answer.text
    assert all(value in answer.text for value in told)
    if mistake == "another id":
        assert unique_id in answer.text
    assert not any(identity["value"] in answer.text for identity in demo.patients.values())
    assert len(demo.log()) == sent


WRONG: dict[str, tuple[str, bytes, int, str]] = {
    "a CDA said to be a PDF": (
        "application/pdf",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>",
        422,
        "attachment.is-cda",
    ),
    "XML that is no CDA": ("text/xml", b"<note/>", 422, "cda.not-a-document"),
    "broken XML": ("application/xml", b"<ClinicalDocument", 422, "cda.malformed"),
    "a type no CDA holds": ("application/zip", b"PK", 422, "format.undetermined"),
    "no bytes": ("application/pdf", b"", 422, "attachment.empty"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_content_the_dmp_cannot_hold_is_refused(demo: RunningDemo, mistake: str) -> None:
    media_type, content, status, code = WRONG[mistake]
    document = demo.document("adult", content or b"-", content_type=media_type)
    if not content:
        attachment_of(document)["data"] = ""
    answer = demo.post(WRITER, "/DocumentReference", document)
    assert answer.status_code in (status, 400), answer.text
    assert code in codes_of(answer) or codes_of(answer) == ["attachment.missing"]


def test_a_publication_without_content_is_refused(demo: RunningDemo) -> None:
    document = demo.document("adult", b"-")
    attachment_of(document).pop("data")
    answer = demo.post(WRITER, "/DocumentReference", document)
    assert (answer.status_code, codes_of(answer)) == (422, ["attachment.missing"])


@pytest.mark.parametrize("spelling", ["base64 of the bytes", "hex", "base64 of the hex"])
def test_a_hash_may_be_spelt_as_in_the_wild(demo: RunningDemo, spelling: str) -> None:
    content = pdf()
    digest = hashlib.sha1(content, usedforsecurity=False)
    document = demo.document("adult", content)
    attachment_of(document)["hash"] = {
        "base64 of the bytes": base64.b64encode(digest.digest()).decode(),
        "hex": digest.hexdigest(),
        "base64 of the hex": base64.b64encode(digest.hexdigest().encode()).decode(),
    }[spelling]
    attachment_of(document)["size"] = len(content)
    assert demo.post(WRITER, "/DocumentReference", document).status_code == 201


@pytest.fixture(scope="module")
def document(demo: RunningDemo) -> dict[str, Any]:
    """A PDF everybody may read."""
    return demo.publish(WRITER, "adult", pdf("formes"))


FORMS: dict[str, str] = {
    "application/pdf": "application/pdf",
    "*/*": "application/pdf",
    "application/*": "application/pdf",
    "image/png, application/pdf;q=0.5": "application/pdf",
    "application/xml": "application/xml",
    "text/xml": "text/xml",
    FHIR_JSON: f"{FHIR_JSON}; charset=utf-8",
    "application/json": f"{FHIR_JSON}; charset=utf-8",
    FHIR_XML: f"{FHIR_XML}; charset=utf-8",
}


@pytest.mark.parametrize("accept", FORMS)
def test_accept_chooses_the_form(demo: RunningDemo, document: dict[str, Any], accept: str) -> None:
    answer = _fetch(demo, document["id"], accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FORMS[accept])
    assert answer.headers["ETag"] == 'W/"1"'
    content = pdf("formes")
    if FORMS[accept] == "application/pdf":
        assert answer.content == content
        assert answer.headers["Content-Disposition"] == "attachment"
    elif accept == FHIR_JSON:
        binary = valid(answer, "Binary")
        assert (binary["contentType"], base64.b64decode(binary["data"])) == ("application/pdf", content)
    elif accept == FHIR_XML:
        root = etree.fromstring(answer.content)
        assert root.tag == "{http://hl7.org/fhir}Binary"
        assert base64.b64encode(content).decode() in etree.tostring(root).decode()


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("json", f"{FHIR_JSON}; charset=utf-8"),
        ("xml", f"{FHIR_XML}; charset=utf-8"),
        ("application/fhir+json", f"{FHIR_JSON}; charset=utf-8"),
        ("application/pdf", "application/pdf"),
    ],
)
def test_format_wins_over_accept(demo: RunningDemo, document: dict[str, Any], form: str, media_type: str) -> None:
    answer = _fetch(demo, document["id"], "image/png", _format=form)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/zip"])
def test_a_form_that_does_not_exist_is_406_and_says_which_do(
    demo: RunningDemo, document: dict[str, Any], accept: str
) -> None:
    answer = _fetch(demo, document["id"], accept)
    assert (answer.status_code, codes_of(answer)) == (406, ["document.accept-not-served"])
    assert "application/pdf" in answer.json()["issue"][0]["details"]["text"]


def test_head_tells_what_get_would_send(demo: RunningDemo, document: dict[str, Any]) -> None:
    answer = demo.call(READER, "HEAD", f"/Binary/{document['id']}")
    told = (answer.headers["Content-Type"], answer.headers["Content-Length"], answer.headers["ETag"])
    assert told == ("application/pdf", str(attachment_of(document)["size"]), 'W/"1"')
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("identifier", ["nothing", "lc" + "A" * 54, "a" * 64])
def test_what_is_not_there_is_404(demo: RunningDemo, identifier: str) -> None:
    for kind in ("Binary", "DocumentReference"):
        answer = demo.call(READER, "GET", f"/{kind}/{identifier}")
        assert (answer.status_code, codes_of(answer)) == (404, ["document.unknown"])


def test_a_masterless_cda_gives_its_own_id(demo: RunningDemo) -> None:
    unique_id = oid()
    content = cda(demo.patients["adult"]["value"], unique_id)
    document = cda_document(demo, content, unique_id)
    document.pop("masterIdentifier")
    created = valid(demo.post(WRITER, "/DocumentReference", document), "DocumentReference", 201)
    assert created["masterIdentifier"] == master(unique_id)


def test_a_cda_that_replaces_says_so_itself(demo: RunningDemo) -> None:
    old, unique_id = demo.publish(WRITER, "adult"), oid()
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    root = old["masterIdentifier"]["value"].removeprefix("urn:oid:")
    parent = f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{root}"/></parentDocument></relatedDocument>'
    content = cda(demo.patients["adult"]["value"], unique_id, parent=parent)
    demo_document = cda_document(demo, content, unique_id, relatesTo=relation)
    valid(demo.post(WRITER, "/DocumentReference", demo_document), "DocumentReference", 201)
    assert demo.call(READER, "GET", f"/DocumentReference/{old['id']}").json()["status"] == "superseded"

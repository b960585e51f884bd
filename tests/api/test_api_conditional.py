"""HEAD, and reading again what one has: If-None-Match is looked at once the reader was judged, and never before."""

from __future__ import annotations

import json

import pytest
import requests

from tests.support.api import TraceBook, transactions
from tests.support.demo import FHIR_JSON, JSON_PATCH, MASKS, RunningDemo, codes_of

WRITER, READER = "author-doctor", "nurse"
KINDS = ("DocumentReference", "Binary")
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
ACTS = {"DocumentReference": "read", "Binary": "retrieve"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ['W/"1"', '"1"', 'W/"7", W/"1"', "*"])
def test_a_version_the_reader_has_is_304(demo: RunningDemo, kind: str, method: str, known: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    traces, since = TraceBook(demo), len(demo.log())
    answer = demo.call(READER, method, f"/{kind}/{document}", headers={"If-None-Match": known})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", 'W/"1"')
    assert "Content-Type" not in answer.headers
    assert transactions(demo, since) == ["TD0.2", "TD3.1"], "judged, and nothing retrieved"
    assert [(trace.act, trace.effect, trace.outcome) for trace in traces.new()] == [(ACTS[kind], "permit", "success")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", ['W/"2"', "nonsense", ""])
def test_another_version_is_sent(demo: RunningDemo, kind: str, known: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = demo.call(READER, "GET", f"/{kind}/{document}", headers={"If-None-Match": known})
    assert answer.status_code == 200
    assert answer.content


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_of_the_metadata_ends_the_304(demo: RunningDemo, kind: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    headers = {"If-None-Match": demo.call(WRITER, "GET", f"/{kind}/{document}").headers["ETag"]}
    assert demo.label(WRITER, document, "INVISIBLE_PATIENT").status_code == 200
    answer = demo.call(WRITER, "GET", f"/{kind}/{document}", headers=headers)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')


def _archive(demo: RunningDemo, document: str, archived: bool, version: str) -> requests.Response:
    patch = [{"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": archived}]
    headers = {"Content-Type": JSON_PATCH, "If-Match": version}
    return demo.call(WRITER, "PATCH", f"/DocumentReference/{document}", data=json.dumps(patch), headers=headers)


def test_a_change_of_status_is_another_version_to_a_reader(demo: RunningDemo) -> None:
    """The DMP makes no new version of an archived document, but its DocumentReference reads otherwise."""
    path = f"/DocumentReference/{demo.publish(WRITER, 'adult')['id']}"
    document = path.rpartition("/")[2]
    first = demo.call(READER, "GET", path).headers["ETag"]
    archived = _archive(demo, document, True, first)
    assert archived.status_code == 200, archived.text
    read = demo.call(READER, "GET", path, headers={"If-None-Match": first})
    assert (read.status_code, read.headers["ETag"]) == (200, archived.headers["ETag"])
    assert read.headers["ETag"] == f'W/"{read.json()["meta"]["versionId"]}"' != first
    assert codes_of(_archive(demo, document, False, first)) == ["version.stale"]
    assert _archive(demo, document, False, archived.headers["ETag"]).headers["ETag"] == first
    assert demo.call(READER, "GET", path, headers={"If-None-Match": first}).status_code == 304


def test_a_replaced_document_is_another_version_to_a_reader(demo: RunningDemo) -> None:
    path = f"/DocumentReference/{demo.publish(WRITER, 'adult')['id']}"
    known = {"If-None-Match": demo.call(READER, "GET", path).headers["ETag"]}
    demo.publish(WRITER, "adult", relatesTo=[{"code": "replaces", "target": {"reference": path.strip("/")}}])
    answer = demo.call(READER, "GET", path, headers=known)
    assert (answer.status_code, answer.json()["status"]) == (200, "superseded")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", ['W/"1"', "*"])
def test_who_may_not_see_a_document_is_not_told_that_it_has_not_changed(
    demo: RunningDemo, kind: str, known: str
) -> None:
    masked = demo.publish(WRITER, "adult", securityLabel=[{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}])["id"]
    traces = TraceBook(demo)
    answer = demo.call(READER, "GET", f"/{kind}/{masked}", headers={"If-None-Match": known})
    assert (answer.status_code, codes_of(answer)) == (404, ["document.unknown"])
    assert [(trace.act, trace.outcome) for trace in traces.new()] == [(ACTS[kind], "refused")]


def test_head_of_a_document_reference_tells_what_get_would_send(demo: RunningDemo) -> None:
    path = f"/DocumentReference/{demo.publish(WRITER, 'adult')['id']}"
    got, head = demo.call(READER, "GET", path), demo.call(READER, "HEAD", path)
    names = ("Content-Type", "Content-Length", "ETag")
    assert [head.headers[name] for name in names] == [got.headers[name] for name in names]
    assert (head.status_code, head.content) == (200, b"")
    missing = demo.call(READER, "HEAD", "/DocumentReference/none")
    assert (missing.status_code, missing.content) == (404, b"")
    assert missing.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"

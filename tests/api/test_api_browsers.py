"""Web pages of other origins (CORS, by setting) and compressed answers: who gets them, and what is never compressed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from facade.settings import Settings
from tests.support.demo import FHIR_JSON, RunningDemo, pdf, running_demo

WRITER, READER = "author-doctor", "nurse"
PAGE, OTHER_PAGE = "https://app.example.org", "https://elsewhere.example.org"
ASKED = "authorization, content-type, if-match, purpose-of-use, connexion-secrete, idempotency-key, prefer"


@pytest.fixture(scope="module")
def open_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration that one origin may call, and that compresses nothing."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DMP_FACADE_CORS_ORIGINS", json.dumps([PAGE]))
            patch.setenv("DMP_FACADE_COMPRESSION", "[]")
            running = stack.enter_context(running_demo(tmp_path_factory.mktemp("open")))
        yield running


def _preflight(demo: RunningDemo, origin: str, path: str = "/DocumentReference") -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ASKED}
    return demo.call("", "OPTIONS", path, headers=headers)


def _of_cors(answer: requests.Response) -> dict[str, str]:
    prefix = "access-control-"
    found = {name.lower(): value for name, value in answer.headers.items()}
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def test_a_page_of_a_listed_origin_may_call_with_every_header_of_the_api(open_demo: RunningDemo) -> None:
    for path in ("/DocumentReference", "", "/Binary/x", "/Consent/x"):
        answer = _preflight(open_demo, PAGE, path)
        told = _of_cors(answer)
        assert (answer.status_code, told.get("allow-origin")) == (200, PAGE), path
        assert set(told["allow-headers"].lower().split(", ")) == set(ASKED.split(", "))
        assert {"GET", "POST", "PATCH", "DELETE"} <= set(told["allow-methods"].split(", "))
        assert "allow-credentials" not in told


def test_its_page_reads_answers_and_refusals_with_their_headers(open_demo: RunningDemo) -> None:
    document = open_demo.publish(WRITER, "adult")["id"]
    cases = ((READER, f"/Binary/{document}", 200), (READER, "/Binary/none", 404), ("", "/Patient", 401))
    for persona, path, status in cases:
        answer = open_demo.call(persona, "GET", path, headers={"Origin": PAGE})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
        assert {"ETag", "Location", "X-Request-Id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.parametrize("origin", [OTHER_PAGE, f"{PAGE}.evil.example", "http://app.example.org", "null", ""])
def test_no_other_origin_is_told_anything(open_demo: RunningDemo, origin: str) -> None:
    assert _of_cors(_preflight(open_demo, origin)) == {}
    answer = open_demo.call(READER, "GET", "/DocumentReference/none", headers={"Origin": origin})
    assert _of_cors(answer) == {}


def test_only_the_fhir_routes_are_open(open_demo: RunningDemo) -> None:
    for path in ("/healthz", "/openapi.json", "/docs"):
        answer = requests.get(f"{open_demo.root}{path}", headers={"Origin": PAGE}, timeout=20)
        assert _of_cors(answer) == {}


def test_without_the_setting_no_origin_may(demo: RunningDemo) -> None:
    assert _of_cors(_preflight(demo, PAGE)) == {}
    assert _of_cors(demo.call(READER, "GET", "/DocumentReference/none", headers={"Origin": PAGE})) == {}


@pytest.mark.parametrize("origin", ["*", "https://*.example.org", "https://app.example.org/", "app.example.org", ".*"])
def test_an_origin_is_exact(origin: str) -> None:
    with pytest.raises(ValidationError, match="an origin is"):
        Settings(cors_origins=(origin,))


def _raw(demo: RunningDemo, path: str, coding: str, **headers: str) -> tuple[requests.Response, bytes]:
    """The answer, and its body as it came over the wire."""
    sent = {"Accept-Encoding": coding, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = demo.call(READER, "GET", path, headers=sent, stream=True)
    return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize(
    ("asked", "coding"), [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("br;q=0.1, gzip", "gzip")]
)
@pytest.mark.parametrize("kind", [FHIR_JSON, "application/fhir+xml"])
def test_metadata_come_compressed_and_are_the_same(demo: RunningDemo, asked: str, coding: str, kind: str) -> None:
    path = f"/DocumentReference/{demo.publish(WRITER, 'adult')['id']}"
    plain, _ = _raw(demo, path, "identity", Accept=kind)
    packed, wire = _raw(demo, path, asked, Accept=kind)
    assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, coding)
    assert len(wire) < int(plain.headers["Content-Length"]) / 1.5
    got = demo.call(READER, "GET", path, headers={"Accept-Encoding": asked, "Accept": kind})
    assert (
        got.content == demo.call(READER, "GET", path, headers={"Accept-Encoding": "identity", "Accept": kind}).content
    )
    assert packed.headers["ETag"] == plain.headers["ETag"] == 'W/"1"', "what If-Match takes"
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("asked", ["identity", "", "deflate", "zstd"])
def test_a_coding_that_is_not_served_is_not_sent(demo: RunningDemo, asked: str) -> None:
    answer, _ = _raw(demo, "/metadata", asked)
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("accept", ["application/pdf", "application/xml", FHIR_JSON])
def test_a_document_is_never_compressed_and_keeps_its_length(demo: RunningDemo, accept: str) -> None:
    document = demo.publish(WRITER, "adult", pdf(accept + "a" * 20_000))["id"]
    answer, wire = _raw(demo, f"/Binary/{document}", "gzip, br", Accept=accept)
    assert "Content-Encoding" not in answer.headers
    assert len(wire) == int(answer.headers["Content-Length"]) > 20_000


def test_a_batch_of_documents_and_a_refusal_are_not_compressed(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult", pdf("b" * 20_000))["id"]
    entry = {"request": {"method": "GET", "url": f"Binary/{document}"}}
    batch: dict[str, Any] = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    assert "Content-Encoding" not in demo.post(READER, "", batch, Accept_Encoding="gzip").headers
    long_value = "x" * 3000
    refused = demo.call(
        READER, "GET", "/Consent/$information-notice", params={"case": long_value}, headers={"Accept-Encoding": "gzip"}
    )
    assert refused.status_code == 400
    assert "Content-Encoding" not in refused.headers


def test_compression_is_a_setting(open_demo: RunningDemo) -> None:
    answer, _ = _raw(open_demo, "/metadata", "gzip, br")
    assert "Content-Encoding" not in answer.headers

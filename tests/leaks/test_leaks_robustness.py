"""What no client may bring about: a 500, a hang, a metric of its own making, somebody's data in a log."""

from __future__ import annotations

import json
import socket
import time
import uuid
from urllib.parse import urlencode, urlparse

import pytest
import requests

from tests.leaks.test_leaks_routes import labels
from tests.support.demo import FHIR_JSON, JSON_PATCH, RunningDemo, pdf

_XML = "application/fhir+xml"
_NINES = "9" * 5000


def _nested(depth: int) -> str:
    return '{"resourceType":"DocumentReference","x":' + "[" * depth + "]" * depth + "}"


def _nested_xml(depth: int) -> str:
    inner = '<extension url="a">' * depth + "</extension>" * depth
    return f'<DocumentReference xmlns="http://hl7.org/fhir">{inner}</DocumentReference>'


@pytest.mark.parametrize("depth", [30, 200, 300, 1000, 100_000])
def test_deep_json_is_refused(demo: RunningDemo, depth: int) -> None:
    answer = demo.call(
        "author-doctor", "POST", "/DocumentReference", data=_nested(depth), headers={"Content-Type": FHIR_JSON}
    )
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("depth", [30, 300, 1000, 50_000])
def test_deep_xml_is_refused(demo: RunningDemo, depth: int) -> None:
    answer = demo.call(
        "author-doctor", "POST", "/DocumentReference", data=_nested_xml(depth), headers={"Content-Type": _XML}
    )
    assert answer.status_code in (400, 413, 422), answer.text


@pytest.mark.parametrize("name", ["_count", "_offset"])
@pytest.mark.parametrize("value", ["²", _NINES])
def test_a_strange_number_of_a_search_is_refused(demo: RunningDemo, name: str, value: str) -> None:
    body = urlencode({"patient.identifier": demo.ins("adult"), name: value})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = demo.call("nurse", "POST", "/DocumentReference/_search", data=body, headers=headers)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    "path",
    [f"/securityLabel/{_NINES}", "/securityLabel/coding", "/securityLabel/-1", f"/extension/{_NINES}/valueBoolean"],
)
def test_a_strange_position_of_a_patch_is_refused(demo: RunningDemo, path: str) -> None:
    document = demo.publish("author-doctor", "adult", securityLabel=labels("MASQUE_PS"))["id"]
    body = json.dumps([{"op": "remove", "path": path}])
    headers = {"Content-Type": JSON_PATCH}
    answer = demo.call("author-doctor", "PATCH", f"/DocumentReference/{document}", data=body, headers=headers)
    assert answer.status_code in (400, 405, 422), answer.text
    assert not demo.sees("nurse", "adult", document), "the mask is still there"


def test_a_strange_place_of_a_fhirpath_patch_is_refused(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    path = {"name": "path", "valueString": f"DocumentReference.securityLabel[{_NINES}]"}
    parts = [{"name": "type", "valueCode": "delete"}, path]
    body = json.dumps({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]})
    headers = {"Content-Type": FHIR_JSON}
    answer = demo.call("author-doctor", "PATCH", f"/DocumentReference/{document}", data=body, headers=headers)
    assert answer.status_code in (400, 405, 422), answer.text


def test_a_strange_version_is_refused(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    headers = {"Content-Type": JSON_PATCH, "If-Match": f'W/"{_NINES}"'}
    answer = demo.call("author-doctor", "PATCH", f"/DocumentReference/{document}", data="[]", headers=headers)
    assert answer.status_code in (400, 412), answer.text


def test_a_body_of_many_empty_elements_is_refused_soon(demo: RunningDemo) -> None:
    body = '{"resourceType":"DocumentReference","x":[' + ",".join(["{}"] * 300_000) + "]}"
    began = time.monotonic()
    answer = demo.call("author-doctor", "POST", "/DocumentReference", data=body, headers={"Content-Type": FHIR_JSON})
    assert (answer.status_code, len(answer.json()["issue"])) == (413, 1)
    assert time.monotonic() - began < 2.0


def test_bodies_that_never_come_do_not_stop_the_others(demo: RunningDemo) -> None:
    address = urlparse(demo.fhir)
    head = (
        "POST /fhir/DocumentReference HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\n"
        f"Authorization: Bearer {demo.tokens['unauthorised-doctor']}\r\nContent-Length: 1000\r\n\r\n{{"
    )
    held = []
    try:
        for _ in range(300):
            connection = socket.create_connection((str(address.hostname), int(address.port or 0)))
            connection.sendall(head.encode())
            held.append(connection)
        time.sleep(1.0)
        for _ in range(4):
            with requests.get(f"{demo.root}/healthz", timeout=5) as answer:
                assert answer.status_code == 200
    except requests.Timeout:
        pytest.fail("the process answered nobody")
    finally:
        for connection in held:
            connection.close()


def test_a_method_nobody_knows_makes_no_metric_of_its_own(demo: RunningDemo) -> None:
    method = f"Z{uuid.uuid4().hex[:12].upper()}"
    for _ in range(4):
        demo.call("", method, "/DocumentReference")
    shown = "".join(demo.call("", "GET", f"{demo.root}/metrics").text for _ in range(4))
    assert method not in shown


@pytest.mark.parametrize("persona", ["author-doctor", "patient-adult", ""])
def test_nothing_of_a_request_reaches_a_log_or_a_metric(demo: RunningDemo, persona: str) -> None:
    secret = uuid.uuid4().hex
    content = pdf(secret)
    resource = demo.document("adult", content, description=secret)
    demo.post(persona, "/DocumentReference", resource)
    demo.call(persona, "GET", f"/DocumentReference/{secret}")
    demo.call(persona, "GET", f"/{secret}")
    demo.call(persona, "GET", "/AuditEvent", params={"patient.identifier": demo.ins("adult"), "x": secret})
    demo.call(persona, "POST", "/DocumentReference", data=f'{{"{secret}', headers={"Content-Type": FHIR_JSON})
    written = demo.call("", "GET", f"{demo.root}/metrics").text
    for part in ("facade", "dmp", "issuer"):
        written += (demo.data / f"{part}.log").read_text(errors="replace")
    told = [secret, demo.patients["adult"]["value"], "MARCHAND", "BERTIN", "Traceback", *demo.tokens.values()]
    assert [each for each in told if each in written] == []


@pytest.mark.parametrize(
    "path",
    ["/fhir/..%2fmetrics", "/docs/..%2f..%2fetc/passwd", "/fhir/DocumentReference/%00", "/fhir/DocumentReference/%ff"],
)
def test_paths_lead_nowhere_else(demo: RunningDemo, path: str) -> None:
    answer = demo.call("nurse", "GET", f"{demo.root}{path}", allow_redirects=False)
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_doubled_slashes_are_answered_as_fhir(demo: RunningDemo) -> None:
    answer = demo.call("nurse", "GET", f"{demo.root}/fhir//DocumentReference", allow_redirects=False)
    assert answer.headers["Content-Type"].startswith("application/fhir+json")

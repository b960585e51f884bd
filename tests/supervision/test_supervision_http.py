"""Supervision end to end: a demonstration of its own, two sample days in its journal, Flag, webhook, suspension."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from facade.embedded import sample
from facade.records.engine import open_database
from facade.records.traces import Trace, Traces
from tests.support.demo import RunningDemo, codes_of, pdf, running_demo
from tests.support.listening import listening
from tests.support.sample_days import PLANTED, STAFF, misuses, normal_day

HOSPITAL = sample.HOSPITAL.id
AUTHOR, NURSE = "author-doctor", "nurse"
SECRET = "the secret of the webhook"
_PATIENCE = 30.0


class _Told(BaseHTTPRequestHandler):
    """Who is told of alerts; it is down for the first message."""

    bodies: list[bytes]
    signatures: list[str]
    refused: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        first = type(self).refused == 0
        type(self).refused += first
        if not first:
            type(self).bodies.append(body)
            type(self).signatures.append(self.headers["X-Signature-256"])
        self.send_response(503 if first else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def webhook() -> Iterator[str]:
    _Told.bodies, _Told.signatures, _Told.refused = [], [], 0
    with listening(_Told) as url:
        yield url


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, webhook: str) -> Iterator[RunningDemo]:
    environment = {
        "DMP_FACADE_SUPERVISION__WEBHOOK_URL": f"{webhook}/alerts",
        "DMP_FACADE_SUPERVISION__WEBHOOK_SECRET": SECRET,
        "DMP_FACADE_SUPERVISION__SUSPEND": '["refusals"]',
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with running_demo(tmp_path_factory.mktemp("supervision")) as running:
            _write(running, normal_day(_yesterday(), HOSPITAL))
            yield running


def _yesterday() -> Any:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def _write(demo: RunningDemo, traces: list[Trace]) -> None:
    database = open_database(f"sqlite:///{demo.data / 'facade.db'}")
    journal = Traces(database)
    for trace in traces:
        journal.append(trace)
    database.close()


def _command(demo: RunningDemo, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    config = ["--config", str(demo.data / "facade.toml")]
    name, *rest = arguments
    command = [sys.executable, "-m", "facade.cli", "supervision", name, *config, *rest]
    return subprocess.run(command, input=given, text=True, capture_output=True, timeout=60, check=False)


def _flags(demo: RunningDemo, persona: str = AUTHOR, **params: str) -> list[dict[str, Any]]:
    answer = demo.call(persona, "GET", "/Flag", params={"_count": "200", **params})
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


def _alerted(demo: RunningDemo) -> set[tuple[str, str]]:
    return {
        (flag["subject"]["identifier"]["value"], flag["code"]["coding"][0]["code"])
        for flag in _flags(demo)
        if flag["code"]["coding"][0]["code"] != "manual"
    }


def test_a_day_of_work_is_quiet_and_each_misuse_of_a_bad_one_is_found_and_told(watched: RunningDemo) -> None:
    staff = "".join(f"{patient.system}|{patient.value}\n" for patient in STAFF)
    assert _command(watched, "staff", HOSPITAL, "-", given=staff).stdout == "18 colleagues noted\n"
    assert _command(watched, "look").stdout == ""
    assert _flags(watched) == []
    _write(watched, list(misuses(_yesterday(), HOSPITAL)))
    _until(lambda: _alerted(watched) >= PLANTED)
    assert _alerted(watched) == PLANTED
    _until(lambda: len(_Told.bodies) >= len(PLANTED))
    ids = {flag["id"] for flag in _flags(watched)}
    assert {json.loads(body)["id"] for body in _Told.bodies} == ids
    assert len(_Told.bodies) == len(PLANTED), "what was refused is told again, what was taken is not"
    for body, signature in zip(_Told.bodies, _Told.signatures, strict=True):
        assert signature == f"sha256={hmac.digest(SECRET.encode(), body, 'sha256').hex()}"
    told = b"".join(_Told.bodies).decode()
    assert not [person for person, _ in PLANTED if person in told]


def test_the_log_and_the_metrics_tell_of_alerts_and_of_nobody(watched: RunningDemo) -> None:
    _until(lambda: len(_flags(watched)) >= len(PLANTED))
    log = (watched.data / "facade.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if "supervision.alert" in line]
    metrics = requests.get(f"{watched.root}/metrics", timeout=10).text
    assert {line["criterion"] for line in lines} <= {criterion for _, criterion in PLANTED}
    assert 'dmp_facade_alerts_total{criterion="colleagues"} 1.0' in metrics or not lines
    for person, _ in PLANTED:
        assert person not in log + metrics


def test_alerts_are_for_who_answers_for_the_structure(watched: RunningDemo) -> None:
    assert {flag["id"] for flag in _flags(watched, "structure")} == {flag["id"] for flag in _flags(watched)}
    for persona in ("other-doctor", NURSE, "patient-adult"):
        answer = watched.call(persona, "GET", "/Flag")
        assert (answer.status_code, answer.json()["resourceType"]) == (403, "OperationOutcome"), persona
    assert watched.call("", "GET", "/Flag").status_code == 401


def test_a_wrong_parameter_is_named(watched: RunningDemo) -> None:
    assert codes_of(watched.call(AUTHOR, "GET", "/Flag?status=gone")) == ["search.value"]
    assert len(_flags(watched, _id="nothing")) == 0
    page = watched.call(AUTHOR, "GET", "/Flag?_count=1").json()
    assert {link["relation"] for link in page["link"]} == {"self", "next"}
    assert watched.call(AUTHOR, "GET", "/Flag?_summary=count").json().get("entry") is None


def test_repeated_refusals_suspend_an_access_until_somebody_gives_it_back(watched: RunningDemo) -> None:
    """``suspend = ["refusals"]``: a nurse who tries too often is stopped, still feeds, and is let in again."""
    assert watched.search(NURSE, "adult").status_code == 200
    for _ in range(22):
        assert watched.call(NURSE, "GET", "/Flag").status_code == 403
    _until(lambda: watched.search(NURSE, "adult").status_code == 403)
    refused = watched.search(NURSE, "adult")
    assert "caller.suspended" in refused.text
    assert "RECO 01" in refused.text
    for lists in ("/DocumentReference/$still-hidden", "/Task?code=preload", "/Task?code=send", "/Task"):
        assert codes_of(watched.call(NURSE, "GET", lists)) == ["caller.suspended"], lists
    assert watched.publish(NURSE, "adult", pdf())["id"], "feeding goes on"
    emergency = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "detresse"}
    assert watched.search(NURSE, "adult", headers=emergency).status_code == 200
    (flag,) = [
        each
        for each in _flags(watched, status="active")
        if each["subject"]["identifier"]["value"] == sample.NURSE.id and each["code"]["coding"][0]["code"] == "refusals"
    ]
    assert {"url": "urn:dmp-facade:alert-suspends", "valueBoolean": True} in flag["extension"]
    released = _command(watched, "release", flag["id"], "--by", "the director", "--why", "a misconfigured workstation")
    assert (released.returncode, released.stdout) == (0, "released\n")
    _until(lambda: watched.search(NURSE, "adult").status_code == 200)
    assert _command(watched, "release", flag["id"], "--by", "x", "--why", "y").returncode == 1
    assert [each["id"] for each in _flags(watched, status="inactive")] == [flag["id"]]
    database = open_database(f"sqlite:///{watched.data / 'facade.db'}")
    traces = list(Traces(database).export(person_id=sample.NURSE.id))
    assert Traces(database).verify() == []
    database.close()
    acts = [(trace.act, trace.reason) for trace in traces if trace.kind == "operator"]
    assert acts == [
        ("suspend-access", "dmp-facade: refusals"),
        ("release-access", "the director: a misconfigured workstation"),
    ]


def test_an_operator_suspends_by_hand(watched: RunningDemo) -> None:
    person = sample.NURSE.id
    done = _command(watched, "suspend", person, HOSPITAL, "--by", "the director", "--why", "an inquiry")
    assert done.returncode == 0, done.stderr
    _until(lambda: watched.search(NURSE, "adult").status_code == 403)
    again = _command(watched, "suspend", person, HOSPITAL, "--by", "the director", "--why", "an inquiry")
    assert (again.returncode, "suspended already" in again.stderr) == (1, True)
    listed = _command(watched, "alerts").stdout.splitlines()
    assert any(line.startswith(done.stdout.strip()) and "\tmanual\t" in line for line in listed)
    assert _command(watched, "release", done.stdout.strip(), "--by", "x", "--why", "y").returncode == 0
    _until(lambda: watched.search(NURSE, "adult").status_code == 200)


def test_a_list_of_colleagues_that_cannot_be_read_is_not_half_read(watched: RunningDemo, tmp_path: Path) -> None:
    wrong = tmp_path / "staff"
    wrong.write_text("urn:oid:1.2.250.1.213.1.4.10|1234\n")
    done = _command(watched, "staff", HOSPITAL, str(wrong))
    assert (done.returncode, "line 1" in done.stderr, "1234" in done.stderr) == (1, True, False)

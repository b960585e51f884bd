"""One run through everything, with values of its own in every private place; afterwards they are nowhere to be seen.

Searched: what the facade's processes wrote at DEBUG, /metrics, every exported span as it crossed the wire, and the body
and headers of every error. What an answer to somebody entitled may hold is another test's (``tests/leaks``).
"""

from __future__ import annotations

import base64
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from facade.embedded import sample
from facade.embedded.issuer import issuer_of
from facade.embedded.misbehaviour import behave, order
from tests.api.test_api_choke_point import CALLS
from tests.support.canaries import forms, leaked
from tests.support.demo import FHIR_JSON, JSON_PATCH, RunningDemo, pdf, running_demo
from tests.support.otlp import Receiver, receiver

# One run feeds all tests; on a busy machine it takes longer than a test may.
pytestmark = pytest.mark.timeout(400)
TITLE, DESCRIPTION, CONTENT = "Zaqtitre", "Zaqcommentaire", "Zaqcontenu-du-document"
REASON, ADDRESS, FAMILY, GIVEN = "Zaqmotif-urgence", "12 rue Zaqvoie", "ZAQNOM", "Zaqprenom"
STRAY, STORED, STATE = "Zaqerreur", "Zaqrangee", "zaqetat"
FAULT_CODE = "ZAQCODE"
FAULTS = ("soap-fault-before", "http-500-after", "close-after", "delay", "wrong-relates-to")
WRITTEN = [TITLE, DESCRIPTION, CONTENT, REASON, ADDRESS, FAMILY, GIVEN, STRAY, STORED, STATE, FAULT_CODE]


@dataclass
class CanaryDemo(RunningDemo):
    """Publishes documents full of canaries, and keeps every answer."""

    answers: list[requests.Response] = field(default_factory=list)

    def document(self, patient: str, content: bytes, **changes: Any) -> dict[str, Any]:
        resource = super().document(patient, content, **{"description": DESCRIPTION, **changes})
        resource["content"][0]["attachment"]["title"] = TITLE
        return resource

    def call(self, persona: str, method: str, path: str, **kwargs: Any) -> requests.Response:
        answer = super().call(persona, method, path, **kwargs)
        self.answers.append(answer)
        return answer


@dataclass
class Run:
    """What was found written after everything was done."""

    demo: CanaryDemo
    received: Receiver
    canaries: list[str]
    metrics: bytes

    @property
    def places(self) -> dict[str, bytes]:
        return {
            "log": (self.demo.data / "facade.log").read_bytes(),
            "metrics": self.metrics,
            "spans": b"\n".join(self.received.raw),
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with receiver() as received, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "LOG_LEVEL": "DEBUG",
            "OTEL_ENDPOINT": received.endpoint,
            "WORKERS": "2",
            "DMP__READ_TIMEOUT": "1.5",
            "DMP__READ_ATTEMPTS": "1",
            "DMP__CIRCUIT_FAILURES": "50",
        }.items():
            patch.setenv(f"DMP_FACADE_{name}", value)
        with running_demo(tmp_path_factory.mktemp("canaries")) as plain:
            demo = CanaryDemo(**vars(plain))
            every_route(demo)
            refusals(demo)
            malformed(demo)
            wrong_tokens(demo)
            faults_of_the_dmp(demo)
            defects(demo)
            metrics = requests.get(f"{demo.root}/metrics", timeout=20).content
            ended = demo.answers[-1].headers["X-Request-Id"].encode()
            received.wait(lambda: any(ended in raw for raw in received.raw))
            yield Run(demo, received, [*WRITTEN, *of_the_world(demo)], metrics)


def of_the_world(demo: RunningDemo) -> list[str]:
    """INS, names, birth dates, identifiers, tokens and secrets of the sample world."""
    patients = [value for each in sample.PATIENTS for value in (each.ins, each.ins[:13], each.family)]
    born = [each.birth_date for each in sample.PATIENTS if each.birth_date]
    dates = [f"{day:{form}}" for day in born for form in ("%Y%m%d", "%Y-%m-%d", "%d/%m/%Y")]
    people = [value for each in sample.PROFESSIONALS for value in (each.id, each.family)]
    people += [sample.PATIENT_ADULT_ID, sample.PATIENT_MINOR_ID, sample.REPRESENTATIVE_MINOR_ID]
    tokens = [part for token in demo.tokens.values() for part in (token, token.rpartition(".")[2])]
    secrets = [(demo.data / "seal.secret").read_text().strip(), *filter(None, tokens)]
    return [*patients, *dates, *people, *secrets]


def every_route(demo: CanaryDemo) -> None:
    demo.session.headers["tracestate"] = f"vendor={STATE}"
    demo.session.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for (method, _), (call, _) in CALLS.items():
        answer = call(demo, method)
        assert answer.status_code < 300, answer.text
    practitioner = {"resourceType": "Practitioner", "id": "p", "name": [{"family": FAMILY, "given": [GIVEN]}]}
    patient = {"resourceType": "Patient", "id": "z", "identifier": [demo.patients["adult"]]}
    patient |= {"name": [{"family": FAMILY, "given": [GIVEN]}], "address": [{"text": ADDRESS}]}
    contained = [practitioner, patient]
    resource = demo.document("adult", pdf(CONTENT), contained=contained)
    demo.post("author-doctor", "/DocumentReference", resource)
    demo.post("author-doctor", "/DocumentReference", resource | {"subject": {"reference": "#z"}})


def refusals(demo: CanaryDemo) -> None:
    glass = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": REASON}
    demo.search("unauthorised-doctor", "adult", glass)
    demo.search("unauthorised-doctor", "objector", glass)
    demo.search("regulator", "adult", {**glass, "Purpose-Of-Use": "centre_15"})
    for persona, patient in {*((each, "adult") for each in demo.tokens), *(("nurse", each) for each in demo.patients)}:
        demo.search(persona, patient)
        demo.post(persona, "/DocumentReference", demo.document(patient, pdf(CONTENT), type={"text": STRAY}))


def malformed(demo: CanaryDemo) -> None:
    ins = demo.patients["adult"]["value"]
    headers = {"Content-Type": FHIR_JSON}
    for body in (f'{{"{STRAY}', f'{{"resourceType":"DocumentReference","{STRAY}":"{ins}"}}', f'"{STRAY}"', "[" * 500):
        for path in ("", "/DocumentReference", "/Consent", "/DocumentReference/$explain-access"):
            demo.call("author-doctor", "POST", path, data=body, headers=headers)
    xml = f'<!DOCTYPE x [<!ENTITY e "{STRAY}">]><DocumentReference>{ins}&e;'
    demo.call("author-doctor", "POST", "/DocumentReference", data=xml, headers={"Content-Type": "application/fhir+xml"})
    paths = (f"/{ins}", f"/DocumentReference/{ins}", f"/Binary/{STRAY}", f"/Patient/{ins}/{FAMILY}", f"/%00{STRAY}")
    for path in paths:
        for method in ("GET", "DELETE", "ZAQ"):
            demo.call("author-doctor", method, path)
    for name in ("Purpose-Of-Use", "If-Match", "If-None-Match", "Prefer", "traceparent", "Range"):
        demo.search("author-doctor", "adult", {name: STRAY})
    # An id of the grammar is kept, whatever it says: it is the client's own. One that is not is replaced.
    demo.search("author-doctor", "adult", {"X-Request-Id": f"{STRAY} {FAMILY}"})
    for params in ({"date": STRAY}, {"_count": STRAY}, {"patient.identifier": f"urn:oid:1.2.3|{ins}"}, {STRAY: ins}):
        query = {"patient.identifier": demo.ins("adult"), **params}
        strictly = {"Prefer": "handling=strict"}
        demo.call("author-doctor", "GET", "/DocumentReference", params=query, headers=strictly)
    patch = json.dumps([{"op": "replace", "path": f"/{STRAY}", "value": ins}])
    made = demo.publish("author-doctor", "adult")["id"]
    demo.call("author-doctor", "PATCH", f"/DocumentReference/{made}", data=patch, headers={"Content-Type": JSON_PATCH})
    address = urlsplit(demo.root)
    for line in (f"GET /{ins}?x={STRAY} {STRAY}", f"GET /{ins} HTTP/1.1\r\nContent-Length: {STRAY}", f"{STRAY}\0{ins}"):
        with socket.create_connection((str(address.hostname), int(address.port or 0)), 5) as raw:
            raw.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
            raw.settimeout(5)
            while raw.recv(4096):
                pass


def wrong_tokens(demo: CanaryDemo) -> None:
    issuer, good = issuer_of(demo.data), demo.tokens["author-doctor"]
    wrong = {
        "expired": issuer.mint("author-doctor", lifetime=-600),
        "audience": issuer.mint("author-doctor", audience=STRAY),
        "claims": issuer.mint("author-doctor", claims={"SubjectNameID": STRAY, "sub": FAMILY}),
        "signature": good[:-8] + "AAAAAAAA",
        "none": f"{base64.urlsafe_b64encode(b'{}').decode()}.{STRAY}.",
    }
    demo.tokens.update(wrong)
    for name in wrong:
        demo.search(name, "adult")
    demo.call("", "GET", f"/DocumentReference?access_token={good}")
    for scheme in ("Basic", "bearer,", ""):
        demo.call("", "GET", "/DocumentReference", headers={"Authorization": f"{scheme} {good}".strip()})


def faults_of_the_dmp(demo: CanaryDemo) -> None:
    for what in (*FAULTS, "other-ins", "other-body"):
        options: dict[str, Any] = {"code": FAULT_CODE} if "fault" in what else {"seconds": 2} if what == "delay" else {}
        for transaction in ("TD0.2", "TD3.1", "TD2.1") if what in FAULTS else ("TD3.1",):
            order(demo.data, [{"transaction": transaction, "what": what, "times": None, **options}])
            demo.search("nurse", "adult")
            if transaction == "TD2.1" and what != "delay":
                demo.post("author-doctor", "/DocumentReference", demo.document("adult", pdf(CONTENT)))
    behave(demo.data)


def defects(demo: CanaryDemo) -> None:
    """A row that no code can have written, then no database at all: the exceptions quote what they found."""
    file = demo.data / "facade.db"
    with sqlite3.connect(file) as database:
        changed = database.execute("UPDATE consents SET category = ?", (STORED,)).rowcount
    database.close()
    assert changed > 0
    answer = demo.call("nurse", "GET", "/Consent", params={"patient.identifier": demo.ins("adult")})
    assert answer.status_code == 500, answer.text
    with sqlite3.connect(file) as database:
        database.execute("ALTER TABLE traces RENAME TO gone")
    database.close()
    answer = demo.search("nurse", "adult")
    assert answer.status_code == 503, answer.text


def test_the_run_met_what_it_should(run: Run) -> None:
    """A run in which nothing happened would prove nothing."""
    statuses = {answer.status_code for answer in run.demo.answers}
    assert {200, 201, 400, 401, 403, 404, 422, 500, 502, 503} <= statuses
    log = run.places["log"]
    for event in (b"http.request", b"dmp.transaction", b"access.emergency", b"http.unexpected"):
        assert event in log
    names = {span.name for span in run.received.spans}
    assert {"DMP TD3.1", "act find-documents", "act publish", "database transaction"} <= names
    metrics = (b'result="other"', b'outcome="defect"', b"dmp_facade_defects_total 1.0", b'result="failed"')
    for metric in (*metrics, b'dmp_facade_mail_ended_total{result="sent"}'):
        assert metric in run.metrics, metric


def test_nothing_private_is_in_a_log_a_metric_or_a_span(run: Run) -> None:
    assert leaked(run.canaries, run.places) == []


def test_nothing_private_is_in_the_body_or_a_header_of_an_error(run: Run) -> None:
    """Two exceptions, both in an answer to whoever asked: the code of an error of the DMP, which a client must be able
    to show its user (PRE_ERR), and a stray word its own request had where a code, a name or a path belongs.
    """
    errors = {
        f"{answer.request.method} {urlsplit(str(answer.request.url)).path[:40]} {answer.status_code} {number}": (
            answer.content + repr(answer.headers).encode()
        )
        for number, answer in enumerate(run.demo.answers)
        if answer.status_code >= 400
    }
    assert leaked(set(run.canaries) - {FAULT_CODE, STRAY}, errors) == []


def test_a_stray_word_comes_back_to_nobody_but_its_sender_who_is_known(run: Run) -> None:
    told = [answer for answer in run.demo.answers if leaked([STRAY], {"answer": answer.content})]
    for answer in told:
        assert answer.status_code in (400, 405, 422), answer.text
        request = answer.request
        sent = f"{request.url} {request.headers} {request.body!r}"
        assert STRAY in sent, answer.text


def test_every_line_is_json_and_those_of_a_request_name_it(run: Run) -> None:
    lines = [json.loads(line) for line in run.places["log"].splitlines()]
    assert {line["event"] for line in lines} >= {"http.request", "dmp.transaction"}
    for line in lines:
        if line["event"].startswith(("http.", "dmp.transaction", "access.")):
            assert {"correlation_id", "trace_id", "span_id"} <= line.keys(), line
    unexpected = [line for line in lines if line["event"] == "http.unexpected"]
    assert [line["error"] for line in unexpected] == ["ValueError"]


@pytest.mark.parametrize("place", ["log", "metrics", "spans"])
def test_a_value_that_was_there_would_be_found(run: Run, place: str) -> None:
    """Every form of a canary, planted where nothing was found."""
    for form in forms(sample.ADULT.ins):
        planted = run.places | {place: run.places[place] + b'{"x":"' + form + b'"}'}
        assert (place, sample.ADULT.ins) in leaked([sample.ADULT.ins], planted), form


@pytest.mark.parametrize("text", ["Madame {} est venue", "{}", "a{}", "ab{}b"])
def test_a_value_inside_a_text_in_base64_is_found(text: str) -> None:
    written = base64.b64encode(text.format(CONTENT).encode())
    assert leaked([CONTENT], {"place": written}) == [("place", CONTENT)]
    assert leaked(["something else"], {"place": written}) == []


_PROGRAM = """
import logging, threading, sys
from facade.observability.logs import configure, own_process
configure("DEBUG")
{tamed}
logging.getLogger("urllib3").error("failed: %s", "{word}")
logging.getLogger("any").error("failed: {word}")
logging.getLogger("any").error("%d", "{word}")
def work(): raise ValueError("{word}")
thread = threading.Thread(target=work); thread.start(); thread.join()
try:
    work()
except ValueError:
    logging.getLogger("any").exception("failed")
class Left:
    def __del__(self): raise ValueError("{word}")
del (left := [Left()])[0]
work()
"""


@pytest.mark.parametrize("tamed", [True, False])
def test_what_libraries_write_and_nobody_catches_tells_no_words(tmp_path: Path, tamed: bool) -> None:
    """And without the one call that tames them it does: the word is looked for where it would be."""
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM.format(word=STRAY, tamed="own_process()" if tamed else ""), encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    if not tamed:
        assert STRAY.encode() in done.stderr
        return
    assert leaked([STRAY], {"output": done.stdout + done.stderr}) == []
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("error") for line in lines if line["event"] == "process.uncaught"] == ["ValueError"] * 3

"""Schemathesis over the OpenAPI document of a running facade: no 500, nothing that the document does not say.

Each kind of token has its run. The document that is read is the one the facade serves; the ids of real documents are
given to it, so that what lies behind the parsing is reached.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.api import URI
from tests.support.demo import RunningDemo, running_demo

WRITER = "author-doctor"
# A run takes 5 to 25 s alone; a busy machine takes several times that.
_SECONDS = 240
_SEED = "20261122"
# The document says which resource a body holds, not every rule of FHIR and of the DMP: valid by it may be refused.
_NOT_CHECKED = "positive_data_acceptance"
# Without a token every address but the public ones answers 401, whatever the method.
_NOT_CHECKED_WITHOUT_TOKEN = f"{_NOT_CHECKED},unsupported_method"
RUNS = {
    WRITER: ("coverage,fuzzing", "6"),
    "structure": ("fuzzing", "3"),
    "patient-adult": ("fuzzing", "3"),
    "": ("fuzzing", "2"),
}
_CONSENT = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": "opposition-feeding"}]}],
    "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
}
# What must have been answered with success at least once: behind the parsing, and not only refused before it.
_REACHED = {
    ("GET", "/fhir/AuditEvent"),
    ("GET", "/fhir/Binary/*"),
    ("GET", "/fhir/Consent"),
    ("GET", "/fhir/Consent/*"),
    ("GET", "/fhir/Consent/*/_history"),
    ("GET", "/fhir/DocumentReference"),
    ("GET", "/fhir/DocumentReference/*"),
    ("GET", "/fhir/DocumentReference/$still-hidden"),
    ("GET", "/fhir/Task"),
    ("DELETE", "/fhir/DocumentReference/*"),
    ("GET", "/fhir/Patient"),
    ("GET", "/fhir/metadata"),
}


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration for these runs alone: what a fuzzer records must not change a record for other tests."""
    with running_demo(tmp_path_factory.mktemp("schemathesis"), ready_within=90) as running:
        yield running


@pytest.fixture(scope="module")
def configuration(own_demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """schemathesis.toml: real ids for each operation, and the INS of a real record."""
    adult = own_demo.ins("adult")
    consent = own_demo.post(WRITER, "/Consent", _CONSENT | {"patient": {"identifier": own_demo.patients["minor"]}})
    assert consent.status_code == 201, consent.text
    kept = own_demo.publish(WRITER, "adult")
    document, consented = {"path.id": kept["id"]}, {"path.id": consent.json()["id"]}
    given = {
        "GET /fhir/Patient": {"query.identifier": adult},
        "GET /fhir/Task": {"query.code": "send"},
        "GET /fhir/Binary/{id}": document,
        "GET /fhir/DocumentReference/{id}": document,
        "PATCH /fhir/DocumentReference/{id}": {"path.id": own_demo.publish(WRITER, "adult")["id"]},
        "DELETE /fhir/DocumentReference/{id}": {"path.id": own_demo.publish(WRITER, "adult")["id"]},
        "PATCH /fhir/DocumentReference": {"query.identifier": f"{URI}|{kept['masterIdentifier']['value']}"},
        "GET /fhir/Consent": {"query.status": "active", "query.category": "opposition-feeding"},
        "GET /fhir/Consent/{id}": consented,
        "GET /fhir/Consent/{id}/_history": consented,
        "GET /fhir/Consent/{id}/_history/{version}": {**consented, "path.version": "1"},
        "PUT /fhir/Consent/{id}": consented,
    }
    lines = [
        "[parameters]",
        f'"query.patient.identifier" = "{adult}"',
        f'"query.patient" = "{kept["subject"]["reference"]}"',
    ]
    for name, values in given.items():
        lines += ["[[operations]]", f'include-name = "{name}"', "[operations.parameters]"]
        lines += [f'"{key}" = "{value}"' for key, value in values.items()]
    path = tmp_path_factory.mktemp("configuration") / "schemathesis.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.timeout(_SECONDS + 30)
@pytest.mark.parametrize("persona", RUNS, ids=lambda persona: persona or "no token")
def test_no_500_and_nothing_the_document_does_not_say(
    own_demo: RunningDemo, configuration: Path, tmp_path: Path, persona: str
) -> None:
    har = tmp_path / "exchanges.har"
    done = _run(own_demo, configuration, persona, har)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    statuses = _statuses(json.loads(har.read_text(encoding="utf-8")))
    assert len(statuses) > 30
    if persona == WRITER:
        reached = {operation for operation, found in statuses.items() if any(status < 300 for status in found)}
        assert reached >= _REACHED, {operation: statuses.get(operation) for operation in _REACHED - reached}


def _run(demo: RunningDemo, configuration: Path, persona: str, har: Path) -> subprocess.CompletedProcess[str]:
    phases, examples = RUNS[persona]
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(configuration), "run"]
    command += [f"{demo.root}/openapi.json", "--seed", _SEED, "--max-examples", examples, "--phases", phases]
    command += ["--continue-on-failure", "--generation-database", "none", "--request-timeout", "30"]
    command += ["--exclude-checks", _NOT_CHECKED if persona else _NOT_CHECKED_WITHOUT_TOKEN]
    command += ["--report", "har", "--report-har-path", str(har)]
    if persona:
        command += ["--header", f"Authorization: Bearer {demo.tokens[persona]}"]
    # From the folder of the run: it keeps no state beside the sources.
    return subprocess.run(command, cwd=har.parent, capture_output=True, text=True, timeout=_SECONDS, check=False)


def _statuses(har: dict[str, Any]) -> dict[tuple[str, str], set[int]]:
    """The statuses of the answers by method and path, ids as ``*``."""
    found: dict[tuple[str, str], set[int]] = {}
    for each in har["log"]["entries"]:
        path = re.sub(r"/[A-Za-z0-9.-]{30,64}(?=/|$)", "/*", urlsplit(each["request"]["url"]).path)
        found.setdefault((each["request"]["method"], path), set()).add(each["response"]["status"])
    return found

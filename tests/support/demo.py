"""Runs ``dmp-facade demo`` and talks to it as an application would: over HTTP, with tokens."""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import requests

from facade.embedded import sample
from facade.embedded.issuer import make_keys
from facade.embedded.pki import make_pki
from tests.support.shelf import on_the_shelf

FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
MASKS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LOINC = "http://loinc.org"
CONSULTATION = "11488-4"
_SECONDS_TO_END = 30


def pdf(text: str = "") -> bytes:
    """Bytes that look like a small PDF and are different every time."""
    body = text or uuid.uuid4().hex
    return b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + f"% {body}\n".encode() + b"trailer<<>>\n%%EOF\n"


@dataclass
class RunningDemo:
    """A running demonstration: its description, its process, its data folder."""

    process: subprocess.Popen[bytes]
    data: Path
    fhir: str
    docs: str
    dmp: str
    dmp_log: Path
    patients: dict[str, dict[str, str]]
    tokens: dict[str, str]
    mailbox: str
    session: requests.Session = field(default_factory=requests.Session)
    # What was read of the log of the DMP: it is asked for around each call, and grows all the time.
    _journal: list[dict[str, Any]] = field(default_factory=list, repr=False)
    _position: list[int] = field(default_factory=lambda: [0], repr=False)

    @property
    def root(self) -> str:
        """The facade's address before /fhir."""
        return self.fhir.removesuffix("/fhir")

    def call(self, persona: str, method: str, path: str, **kwargs: Any) -> requests.Response:
        """One request as a persona (or with no token, for an empty name)."""
        headers = {"Accept-Language": "en", **kwargs.pop("headers", {})}
        if persona:
            headers["Authorization"] = f"Bearer {self.tokens[persona]}"
        url = path if path.startswith("http") else f"{self.fhir}{path}"
        return self.session.request(method, url, headers=headers, timeout=60, **kwargs)

    def ins(self, patient: str) -> str:
        """``system|value`` of a sample patient."""
        identity = self.patients[patient]
        return f"{identity['system']}|{identity['value']}"

    def document(self, patient: str, content: bytes, **changes: Any) -> dict[str, Any]:
        """A small DocumentReference as a modern application sends it."""
        attachment = {
            "contentType": changes.pop("content_type", "application/pdf"),
            "data": base64.b64encode(content).decode(),
            "title": "Compte rendu",
        }
        resource = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": LOINC, "code": CONSULTATION}]},
            "subject": {"identifier": self.patients[patient]},
            "content": [{"attachment": attachment}],
        }
        return resource | changes

    def publish(self, persona: str, patient: str, content: bytes | None = None, **changes: Any) -> dict[str, Any]:
        """Publish and return the created DocumentReference. Fails the test when it was not created."""
        resource = self.document(patient, content or pdf(), **changes)
        answer = self.post(persona, "/DocumentReference", resource)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def post(self, persona: str, path: str, resource: Any, **headers: str) -> requests.Response:
        """POST a resource as JSON."""
        sent = {"Content-Type": FHIR_JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.call(persona, "POST", path, data=json.dumps(resource), headers=sent)

    def search(
        self, persona: str, patient: str, headers: dict[str, str] | None = None, **params: str
    ) -> requests.Response:
        """Search the documents of a sample patient."""
        query = {"patient.identifier": self.ins(patient), "status": "current", "_count": "200", **params}
        return self.call(persona, "GET", "/DocumentReference", params=query, headers=headers or {})

    def sees(self, persona: str, patient: str, document_id: str, headers: dict[str, str] | None = None) -> bool:
        """Whether a persona sees a document, by search, read and retrieve alike: fails the test when they disagree."""
        found = self.search(persona, patient, headers)
        listed = False
        page = found
        while page.status_code == 200 and not listed:
            listed = document_id in ids_of(page.json())
            following = [link["url"] for link in page.json()["link"] if link["relation"] == "next"]
            if not following:
                break
            page = self.call(persona, "GET", following[0], headers=headers or {})
        read = self.call(persona, "GET", f"/DocumentReference/{document_id}", headers=headers or {})
        retrieved = self.call(persona, "GET", f"/Binary/{document_id}", headers=headers or {})
        assert (read.status_code == 200, retrieved.status_code == 200) == (listed, listed), (
            persona,
            found.status_code,
            read.status_code,
            retrieved.status_code,
        )
        return listed

    def label(self, persona: str, document_id: str, *flags: str, **headers: str) -> requests.Response:
        """Replace the securityLabel of a document: level N and these flags."""
        labels = [{"coding": [{"system": LEVELS, "code": "N"}]}]
        labels += [{"coding": [{"system": MASKS, "code": flag}]} for flag in flags]
        patch = [{"op": "replace", "path": "/securityLabel", "value": labels}]
        sent = {"Content-Type": JSON_PATCH, **{name.replace("_", "-"): value for name, value in headers.items()}}
        path = f"/DocumentReference/{document_id}"
        return self.call(persona, "PATCH", path, data=json.dumps(patch), headers=sent)

    def log(self) -> list[dict[str, Any]]:
        """What the embedded DMP received, oldest first."""
        with self.dmp_log.open("rb") as log:
            log.seek(self._position[0])
            whole, end, _ = log.read().rpartition(b"\n")
        self._journal += [json.loads(line) for line in whole.splitlines()]
        self._position[0] += len(whole + end)
        return list(self._journal)

    def pid(self, part: str) -> int:
        """The process id of ``dmp``, ``issuer`` or ``facade``."""
        return int((self.data / f"{part}.pid").read_text())


def ids_of(bundle: dict[str, Any]) -> list[str]:
    """The ids of the matches of a searchset."""
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def codes_of(answer: requests.Response) -> list[str]:
    """The stable codes of an OperationOutcome."""
    return [issue["details"]["coding"][0]["code"] for issue in answer.json()["issue"]]


@contextlib.contextmanager
def running_demo(data: Path, *options: str, ready_within: float = 60.0) -> Iterator[RunningDemo]:
    """Start a demonstration in a folder and end it afterwards. Keys are those of the folder, else shared ones."""
    for name in ("pki", "issuer"):
        if not (data / name).exists():
            shutil.copytree(_keys() / name, data / name)
    command = [sys.executable, "-m", "facade.cli", "demo", "--port", "0", "--json", "--data", str(data), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())
    try:
        yield RunningDemo(process, data, **_described(process, ready_within))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_SECONDS_TO_END)
        finally:
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@cache
def _keys() -> Path:
    """Certificates and keys of the sample world, made once in a test process: a tenth of a start is making them."""
    folder = Path(tempfile.mkdtemp(prefix="keys-of-demonstrations-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_pki(folder / "pki", sample.LEGAL_ENTITY.id, sample.LEGAL_ENTITY.name)
    make_keys(folder / "issuer")
    return folder


def _environment() -> dict[str, str]:
    """With the standards' XSDs at hand the embedded DMP takes no request that is not valid."""
    schemas = on_the_shelf("data/schemas")
    return os.environ | ({"EMBEDDED_DMP_SCHEMAS": str(schemas)} if schemas else {})


def _described(process: subprocess.Popen[bytes], ready_within: float) -> dict[str, Any]:
    assert process.stdout is not None
    assert process.stderr is not None
    ready, _, _ = select.select([process.stdout], [], [], ready_within)
    line = process.stdout.readline() if ready else b""
    assert line, process.stderr.read().decode() if process.poll() is not None else "the demo was not ready in time"
    description: dict[str, Any] = json.loads(line)
    return {**description, "dmp_log": Path(description["dmp_log"])}

"""The main job, told in the terminal: publish, find, read back, mask, and who sees what at each step.

A client like any other: HTTP and tokens only. It is what ``dmp-facade demo --tour`` runs.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import requests

_MASKS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
_LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_GLASS = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "demonstration"}
_READERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("author-doctor", "the author", {}),
    ("treating-doctor", "treating doctor (art. L. 1111-16)", {}),
    ("other-doctor", "another authorised doctor", {}),
    ("other-doctor", "the same, in bris de glace (art. L. 1111-17)", _GLASS),
    ("nurse", "authorised nurse", {}),
    ("blocked-doctor", "doctor blocked by the holder", {}),
    ("unauthorised-doctor", "doctor without authorisation", {}),
    ("structure", "the structure's own software", {}),
    ("patient-adult", "the patient", {}),
)
_TIMEOUT = 30


class Tour:
    """Walks through the main job on a running demonstration, whose description it is given."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._fhir = description["fhir"]
        self._tokens = description["tokens"]
        self._patient = description["patients"]["adult"]
        self._session = requests.Session()

    def lines(self) -> Iterator[str]:
        """What happens, line by line. Raises requests.HTTPError when a step is not answered as it must be."""
        content = f"%PDF-1.4\n% {uuid.uuid4()}\n%%EOF\n".encode()
        document = self._publish(content)
        yield f"author-doctor publishes a PDF of {len(content)} bytes: DocumentReference/{document[:12]}..."
        got = self._call("nurse", "GET", f"/Binary/{document}", {"Accept": "application/pdf"})
        yield f"nurse reads it back: {'the same bytes' if got.content == content else 'OTHER BYTES'}"
        yield from self._table("published", document)
        self._label(document, "MASQUE_PS")
        yield from self._table("masked to professionals at the holder's request (TD3.3a)", document)
        self._label(document, "INVISIBLE_PATIENT")
        yield from self._table("hidden from the patient instead (TD3.3b)", document)
        self._label(document)
        yield from self._table("shown again", document)
        history = self._call("patient-adult", "GET", f"/AuditEvent?patient.identifier={self._ins}")
        yield f"\nThe patient's access history holds {history.json()['total']} traces of all this."

    @property
    def _ins(self) -> str:
        return f"{self._patient['system']}|{self._patient['value']}"

    def _publish(self, content: bytes) -> str:
        resource = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
            "subject": {"identifier": self._patient},
            "content": [
                {
                    "attachment": {
                        "contentType": "application/pdf",
                        "title": "Compte rendu de consultation",
                        "data": base64.b64encode(content).decode(),
                    }
                }
            ],
        }
        answer = self._call("author-doctor", "POST", "/DocumentReference", _JSON, json.dumps(resource))
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _label(self, document: str, *flags: str) -> None:
        labels = [{"coding": [{"system": _LEVELS, "code": "N"}]}]
        labels += [{"coding": [{"system": _MASKS, "code": flag}]} for flag in flags]
        patch = [{"op": "replace", "path": "/securityLabel", "value": labels}]
        headers = {"Content-Type": "application/json-patch+json"}
        self._call(
            "author-doctor", "PATCH", f"/DocumentReference/{document}", headers, json.dumps(patch)
        ).raise_for_status()

    def _table(self, state: str, document: str) -> Iterator[str]:
        yield f"\nThe document is {state}:"
        for persona, title, headers in _READERS:
            answer = self._call(persona, "GET", f"/DocumentReference/{document}", headers)
            yield f"  {'sees it   ' if answer.ok else 'no        '} {title:46} {_reason(answer)}"

    def _call(
        self, persona: str, method: str, path: str, headers: dict[str, str] | None = None, data: str | None = None
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {self._tokens[persona]}", "Accept-Language": "en", **(headers or {})}
        return self._session.request(method, f"{self._fhir}{path}", headers=sent, data=data, timeout=_TIMEOUT)


_JSON = {"Content-Type": "application/fhir+json"}


def _reason(answer: requests.Response) -> str:
    if answer.ok:
        return ""
    issue = answer.json()["issue"][0]
    return f"{answer.status_code} {issue['details']['coding'][0]['code']}"

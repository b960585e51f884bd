"""What a client of the drill does: acts on documents of its own, in a seeded order, repeated until it is told."""

from __future__ import annotations

import base64
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import requests

FHIR_JSON = "application/fhir+json"
_MASKS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
_LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
_CONSENTS = "urn:dmp-facade:consent-category"
_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
_PROFESSIONALS = "urn:oid:1.2.250.1.71.4.2.1"
_AGAIN = (409, 429, 502, 503, 504)
# Each client publishes one kind of document, so that its searches do not find everybody's.
_TYPES = ("11488-4", "11490-0", "34112-3", "34874-8", "18761-7", "60591-5")
_MIX = {"publish": 25, "search": 12, "read": 20, "retrieve": 15, "patch": 13, "withdraw": 5, "consent": 10}
_PAUSE = 0.3


@dataclass(slots=True)
class Document:
    """One publication. ``states`` are those it may be in: several while nobody has told which.

    A state is ``visible``, ``masked``, ``archived`` or ``deleted``.
    """

    title: str
    content: bytes
    body: bytes
    key: str
    id: str = ""
    states: set[str] = field(default_factory=lambda: {"visible"})


@dataclass(slots=True)
class Consent:
    """One opposition to one professional, who exists here only."""

    professional: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An act the client was told succeeded, under the correlation id of the request that was answered."""

    act: str
    correlation: str


@dataclass(slots=True)
class Book:
    """What one client knows: what it was told, what it gave up, what went wrong, and how often it had to repeat."""

    told: list[Told] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    attempts: int = 0
    cuts: int = 0


class Client:
    """One client. ``bases`` are the FHIR bases it may speak to, one drawn for each attempt.

    ``patience`` is how many seconds an act is repeated; 503, a conflict in progress and a cut are repeated. The same
    number in another ``life`` does the same again, with the same keys.
    """

    def __init__(
        self,
        number: int,
        seed: int,
        bases: list[str],
        token: str,
        patient: dict[str, str],
        patience: float,
        life: int = 0,
    ) -> None:
        self.book = Book()
        self.number = number
        self._random = random.Random(f"{seed} {number}")  # noqa: S311 - a drill, not a secret
        self._bases = bases
        self._token = token
        self._patient = patient
        self._patience = patience
        self._life = life
        self._type = _TYPES[number % len(_TYPES)]
        self._session = requests.Session()
        self._session.trust_env = False
        self._count = 0

    def act(self) -> None:
        """Do the next act of the sequence."""
        kind = self._random.choices(list(_MIX), list(_MIX.values()))[0]
        live = [each for each in self.book.documents if each.id and "deleted" not in each.states]
        alone = {"publish": self.publish, "search": self._search, "consent": self.consent}
        on_one = {"read": self._read, "retrieve": self._retrieve, "patch": self._patch, "withdraw": self._withdraw}
        if kind in on_one and live:
            on_one[kind](self._random.choice(live))
        else:
            alone.get(kind, self.publish)()

    def publish(self) -> None:
        """Publish a document like no other."""
        title = f"Drill {self.number}-{len(self.book.documents)}"
        content = b"%PDF-1.4\n" + self._random.randbytes(300)
        resource = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": self._type}]},
            "subject": {"identifier": self._patient},
            "content": [
                {
                    "attachment": {
                        "contentType": "application/pdf",
                        "data": base64.b64encode(content).decode(),
                        "title": title,
                    }
                }
            ],
        }
        document = Document(title, content, json.dumps(resource).encode(), f"{self.number}-{len(self.book.documents)}")
        self.book.documents.append(document)
        answer = self._told("publish", "POST", "/DocumentReference", document.body, {"Idempotency-Key": document.key})
        if answer is not None:
            document.id = answer.json()["id"]

    def _search(self) -> None:
        asked = {"patient.identifier": f"{self._patient['system']}|{self._patient['value']}", "_count": "10"}
        self._told("search", "GET", "/DocumentReference", params={**asked, "type": f"http://loinc.org|{self._type}"})

    def _read(self, document: Document) -> None:
        self._told("read", "GET", f"/DocumentReference/{document.id}")

    def _retrieve(self, document: Document) -> None:
        answer = self._told("retrieve", "GET", f"/Binary/{document.id}")
        if answer is not None and answer.content != document.content:
            self.book.wrong.append(f"retrieve: other bytes than were published as {document.title}")

    def _patch(self, document: Document) -> None:
        masked = self._random.random() < 0.7 and document.states <= {"visible", "masked"}
        if masked:
            target = "visible" if document.states == {"masked"} else "masked"
            labels = [{"coding": [{"system": _LEVELS, "code": "N"}]}]
            labels += [{"coding": [{"system": _MASKS, "code": "MASQUE_PS"}]}] if target == "masked" else []
            patch = [{"op": "replace", "path": "/securityLabel", "value": labels}]
            self._change("patch", document, target, patch)
        elif document.states in ({"visible"}, {"archived"}):
            target = "archived" if document.states == {"visible"} else "visible"
            self._change("patch", document, target, _extension("archived", target == "archived"))
        else:
            self._read(document)

    def _withdraw(self, document: Document) -> None:
        withdrawn = [{"op": "replace", "path": "/status", "value": "superseded"}, *_extension("deleted", True)]
        self._change("withdraw", document, "deleted", withdrawn)

    def _change(self, act: str, document: Document, target: str, patch: list[dict[str, Any]]) -> None:
        """``states`` holds both until the client is told: a cut tells nothing."""
        document.states.add(target)
        headers = {"Content-Type": "application/json-patch+json"}
        gone = (404, 410) if target == "deleted" else ()
        body = json.dumps(patch).encode()
        if self._told(act, "PATCH", f"/DocumentReference/{document.id}", body, headers, done_by=gone) is not None:
            document.states = {target}

    def consent(self) -> None:
        """Record an opposition to a professional nobody else names."""
        consent = Consent(_professional(self.number * 100_000 + len(self.book.consents)))
        self.book.consents.append(consent)
        person = {"identifier": {"system": _PROFESSIONALS, "value": consent.professional}}
        actor = {"role": {"coding": [{"code": "PRCP"}]}, "reference": person}
        resource = {
            "resourceType": "Consent",
            "status": "active",
            "scope": _SCOPE,
            "category": [{"coding": [{"system": _CONSENTS, "code": "opposition-consultation"}]}],
            "patient": {"identifier": self._patient},
            "provision": {"type": "deny", "actor": [actor]},
        }
        key = {"Idempotency-Key": f"consent-{self.number}-{len(self.book.consents)}"}
        answer = self._told("consent", "POST", "/Consent", json.dumps(resource).encode(), key)
        if answer is not None:
            consent.id = answer.json()["id"]

    def _told(
        self,
        act: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
        done_by: tuple[int, ...] = (),
    ) -> requests.Response | None:
        """Repeat a request until it is answered; ``done_by`` are answers that mean an earlier attempt did it."""
        self._count += 1
        until, attempt = time.monotonic() + self._patience, 0
        while time.monotonic() < until:
            correlation = f"{self.number:04x}{self._life:02x}{self._count:06x}{attempt:04x}"
            answer = self._attempt(correlation, method, path, body, headers or {}, params)
            attempt += 1
            if answer is not None and answer.status_code in (200, 201):
                self.book.told.append(Told(act, correlation))
                return answer
            if answer is not None and answer.status_code in done_by and attempt > 1:
                return answer
            if answer is not None and answer.status_code not in _AGAIN:
                self.book.wrong.append(f"{act}: {answer.status_code} {codes(answer)}")
                return None
            time.sleep(_PAUSE)
        self.book.given_up.append(act)
        return None

    def _attempt(
        self,
        correlation: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        params: dict[str, str] | None,
    ) -> requests.Response | None:
        self.book.attempts += 1
        given = {"Authorization": f"Bearer {self._token}", "X-Request-Id": correlation, "Accept-Language": "en"}
        sent = {"Content-Type": FHIR_JSON, **given, **headers} if body else {**given, **headers}
        url = f"{self._random.choice(self._bases)}{path}"
        try:
            return self._session.request(method, url, headers=sent, data=body, params=params, timeout=30)
        except requests.RequestException:
            self.book.cuts += 1
            return None


def _professional(number: int) -> str:
    """An IdNat_PS nobody has: 8 and an RPPS number with its right key (Luhn)."""
    digits = f"9{number:09d}"
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return f"8{digits}{-sum(value - 9 if value > 9 else value for value in doubled) % 10}"


def _extension(name: str, value: bool) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/extension[url:'{_PDSM}/pdsm-ext-is-{name}']/valueBoolean", "value": value}]


def codes(answer: requests.Response) -> str:
    """The stable codes of a refusal."""
    try:
        return " ".join(issue["details"]["coding"][0]["code"] for issue in answer.json()["issue"])
    except (ValueError, KeyError, IndexError):
        return answer.text[:80]

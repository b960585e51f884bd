"""The nouns of the ledger of publications, and its four refusals."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from facade.domain.errors import Conflict, Problem
from facade.domain.ins import INS

_RETRY_AFTER = 5
_RULE = "publication.duplicate"
_BASIS = "EXI 05"


class State(StrEnum):
    """How far a publication got."""

    PENDING = "pending"
    STORED = "stored"
    UNKNOWN = "unknown"
    FAILED = "failed"


class NaturalForm(NamedTuple):
    """What was handed in for a document, before it was wrapped into a CDA: media type, SHA-1 in hex, bytes.

    ``stored_at`` is when the DMP was known to have it, None as long as it is not.
    """

    media_type: str
    sha1: str
    size: int
    stored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToSend:
    """One document about to be sent. ``sha1`` is that of the content as it was handed in, in lower-case hex.

    ``replaces`` is the uniqueId of the document it replaces: the same content may then be sent again, once.
    """

    patient: INS
    unique_id: str
    sha1: str
    type_code: str
    media_type: str
    size: int
    replaces: str = ""
    structure_id: str = ""

    @property
    def content(self) -> str:
        """A digest of what makes a document the same document of a structure: patient, content, type, what it replaces.

        Only within one structure: elsewhere the refusal would tell that somebody else's document exists.
        """
        patient = self.patient
        parts = (self.structure_id, patient.kind.value, patient.value, self.sha1, self.type_code, self.replaces)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def columns(self, submission_id: str, rank: int) -> dict[str, str | int]:
        """The row of a reserved document."""
        return {
            "submission_id": submission_id,
            "rank": rank,
            "patient_oid": self.patient.kind.value,
            "patient_value": self.patient.value,
            "unique_id": self.unique_id,
            "logical_id": "",
            "type_code": self.type_code,
            "sha1": self.sha1,
            "media_type": self.media_type,
            "size": self.size,
            "content": self.content,
            "live_unique_id": self.unique_id,
            "live_content": self.content,
        }


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, for which structure, and the Idempotency-Key if one was sent.

    ``fingerprint`` is a digest of the request (at most 64 characters); a key needs one. Raises ValueError otherwise.
    """

    caller_id: str
    structure_id: str
    idempotency_key: str = field(default="", repr=False)
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if self.idempotency_key and not self.fingerprint:
            raise ValueError("an Idempotency-Key is bound to the fingerprint of its request")

    @property
    def key_digest(self) -> str | None:
        """The Idempotency-Key, scoped to its caller; None without one."""
        if not self.idempotency_key:
            return None
        return hashlib.sha256(f"{self.caller_id}\n{self.idempotency_key}".encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """One document of a reservation. ``logical_id`` is empty until it is stored."""

    unique_id: str
    logical_id: str
    patient: INS


@dataclass(frozen=True, slots=True)
class Reservation:
    """One lot in the ledger, reserved when its request came in.

    ``replay``: the same request was already served, this is what it was answered with.
    """

    id: str
    state: State
    structure_id: str
    lot: str
    documents: tuple[Published, ...]
    reserved_at: datetime
    replay: bool = False


def repeatable_unique_id(request: Request, rank: int) -> str:
    """The uniqueId every repetition of a keyed request gives its document of this rank: 2.25 and a UUID as a number.

    That of another request with the same key is another. Nobody can tell the key or the caller from it (SHA-256;
    ITU-T X.667).
    """
    digest = hashlib.sha256(f"uniqueId\n{request.key_digest}\n{request.fingerprint}\n{rank}".encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def duplicate_unique_id(unique_id: str) -> Conflict:
    """A document with this uniqueId was already published."""
    values = {"unique_id": unique_id}
    return Conflict(Problem("publication.duplicate-unique-id", ("masterIdentifier",), values, rule=_RULE, basis=_BASIS))


def duplicate_content(unique_id: str) -> Conflict:
    """The same content was already published for the same patient and type, under this uniqueId."""
    values = {"unique_id": unique_id}
    return Conflict(Problem("publication.duplicate-content", ("content.attachment",), values, rule=_RULE, basis=_BASIS))


def in_progress() -> Conflict:
    """The same document, or the same request, is being published at this moment."""
    return Conflict(Problem("publication.in-progress", rule=_RULE, basis=_BASIS), retry_after=_RETRY_AFTER)


def key_mismatch() -> Conflict:
    """The Idempotency-Key was used before, for another request."""
    return Conflict(Problem("publication.idempotency-mismatch", ("Idempotency-Key",)))

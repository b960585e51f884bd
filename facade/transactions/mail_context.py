"""What is kept beside a message so that it can be judged again when it leaves: who asked, for which documents.

Plain JSON values, sealed in the outbox. No token is kept: the VIHF is made with the facade's own certificates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from facade.domain.access import Act, Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.document import Availability, Coded, DocumentEntry, XdsTime
from facade.domain.ins import INS
from facade.domain.masking import Flag, Level, Masking
from facade.transactions.actor import Actor

_CALLER = ("id", "name", "family", "given", "profession", "specialty", "regulator", "two_factors", "application")
_NOT_KEPT = Coded("", "")


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A document of a message as it was judged: ``entry_uuid`` and ``version`` name its metadata version."""

    unique_id: str
    logical_id: str
    entry_uuid: str
    version: int
    masking: Masking

    @classmethod
    def of(cls, entry: DocumentEntry) -> SentDocument:
        """What is kept of an entry."""
        return cls(entry.unique_id, entry.logical_id, entry.entry_uuid, entry.version, entry.masking)

    def entry(self, patient: INS, created: XdsTime) -> DocumentEntry:
        """An entry as far as sending is judged by it: its ids and its masking."""
        return DocumentEntry(
            unique_id=self.unique_id,
            patient=patient,
            type_code=_NOT_KEPT,
            class_code=_NOT_KEPT,
            format_code=_NOT_KEPT,
            facility=_NOT_KEPT,
            practice=_NOT_KEPT,
            authors=(),
            masking=self.masking,
            title="",
            creation_time=created,
            availability=Availability.APPROVED,
            entry_uuid=self.entry_uuid,
            logical_id=self.logical_id,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to send: its actor, act, sending box and documents. ``published``: with their publication.

    ``duties`` are those the message was queued for (codes of ``feeding-duty-code``).
    """

    actor: Actor
    act: Act
    sender: str
    documents: tuple[SentDocument, ...]
    published: bool
    duties: tuple[str, ...] = ()


def write_context(
    actor: Actor,
    act: Act,
    sender: str,
    entries: Iterable[DocumentEntry],
    *,
    published: bool,
    duties: Iterable[str] = (),
) -> dict[str, Any]:
    """The JSON values of a request."""
    caller = actor.caller
    structure = caller.structure
    return {
        "caller": {name: getattr(caller, name) for name in _CALLER} | {"kind": caller.kind.value},
        "token_id": caller.token_id,
        "structure": {
            "id": structure.id,
            "name": structure.name,
            "sector": structure.sector,
            "from": _day(structure.homologated_from),
            "until": _day(structure.homologated_until),
        },
        "correlation_id": actor.correlation_id,
        "secret": actor.secret,
        "act": act.value,
        "sender": sender,
        "published": published,
        "duties": list(duties),
        "documents": [_write_document(SentDocument.of(entry)) for entry in entries],
    }


def read_context(found: dict[str, Any]) -> Asked:
    """The request a context tells of."""
    place = found["structure"]
    structure = Structure(place["id"], place["name"], place["sector"], _date(place["until"]), _date(place["from"]))
    told = dict(found["caller"])
    caller = Caller(kind=CallerKind(told.pop("kind")), structure=structure, token_id=found["token_id"], **told)
    return Asked(
        Actor(caller, Purpose.NORMAL, found["correlation_id"], secret=found["secret"]),
        Act(found["act"]),
        found["sender"],
        tuple(_read_document(each) for each in found["documents"]),
        found["published"],
        tuple(found.get("duties", ())),
    )


def _write_document(document: SentDocument) -> dict[str, Any]:
    masking = document.masking
    words = {"level": masking.level.value, "flags": sorted(masking.flags), "unknown": sorted(masking.unknown)}
    return {name: value for name, value in asdict(document).items() if name != "masking"} | {"masking": words}


def _read_document(found: dict[str, Any]) -> SentDocument:
    words = found["masking"]
    masking = Masking(Level(words["level"]), frozenset(map(Flag, words["flags"])), frozenset(words["unknown"]))
    return SentDocument(**{**found, "masking": masking})


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None

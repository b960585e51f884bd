"""What the house asks of the DMP, in its own words: the session, the query, the answer, and the one door's shape.

``facade.dmp.gateway`` implements ``DmpGateway`` over SOAP; nothing else in the house knows that there is SOAP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from facade.domain.access import Purpose
from facade.domain.caller import Caller
from facade.domain.document import (
    Availability,
    Coded,
    DocumentEntry,
    ReferenceId,
    Submission,
    SubmissionSet,
    XdsTime,
)
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS


@dataclass(frozen=True, slots=True)
class DmpSession:
    """One caller, one patient, one purpose: what a VIHF is made for. ``traceparent`` is the W3C header, or empty."""

    caller: Caller
    patient: INS
    purpose: Purpose
    secret: bool = False
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """The parameters of FindDocuments (ITI TF-2 3.18.4.1.2.3.7.1). Times are inclusive lower, exclusive upper bounds.

    ``author_person`` is an XCN pattern (``^Family^Given`` with ``%``). ``references`` asks FindDocumentsByReferenceId.
    """

    statuses: tuple[Availability, ...] = (Availability.APPROVED,)
    type_codes: tuple[Coded, ...] = ()
    class_codes: tuple[Coded, ...] = ()
    format_codes: tuple[Coded, ...] = ()
    facilities: tuple[Coded, ...] = ()
    practices: tuple[Coded, ...] = ()
    events: tuple[Coded, ...] = ()
    confidentiality: tuple[Coded, ...] = ()
    author_person: str = ""
    creation_from: XdsTime | None = None
    creation_to: XdsTime | None = None
    service_start_from: XdsTime | None = None
    service_start_to: XdsTime | None = None
    service_stop_from: XdsTime | None = None
    service_stop_to: XdsTime | None = None
    references: tuple[ReferenceId, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """Document entries, and what the DMP said was missing (PartialSuccess)."""

    entries: tuple[DocumentEntry, ...]
    warnings: tuple[DmpRefused, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One document's bytes as the repository keeps them, already compared with what was asked for."""

    entry: DocumentEntry
    mime_type: str
    content: bytes | memoryview = field(repr=False)


class DmpGateway(Protocol):
    """The one door to the DMP. Every method raises DmpRefused or DmpUnavailable, nothing else.

    The authentication mode of the VIHF is chosen here from the transaction, never by the caller.
    """

    def check_access(self, session: DmpSession) -> Dossier:
        """TD0.2: state of the record and the user's authorisation."""

    def find_documents(self, session: DmpSession, query: DocumentQuery) -> DocumentAnswer:
        """TD3.1 FindDocuments (FindDocumentsByReferenceId where the query has references), LeafClass."""

    def get_documents(
        self,
        session: DmpSession,
        *,
        logical_ids: Sequence[str] = (),
        unique_ids: Sequence[str] = (),
        entry_uuids: Sequence[str] = (),
    ) -> DocumentAnswer:
        """TD3.1 GetDocuments by one of the three kinds of id, LeafClass. Unknown ids are simply absent."""

    def find_reference(self, session: DmpSession, unique_id: str) -> str | None:
        """TD3.1 reference search (ObjectRef, INDIRECTE): the current entryUUID of a uniqueId, None when unknown."""

    def retrieve(self, session: DmpSession, entries: Sequence[DocumentEntry]) -> tuple[Retrieved, ...]:
        """TD3.2: the documents of these entries, in their order, hash and size verified."""

    def publish(self, session: DmpSession, submission: Submission) -> None:
        """TD2.1: one signed lot. Raises DmpUnavailable(outcome_unknown=True) when it may have been stored."""

    def update_metadata(self, session: DmpSession, lot: SubmissionSet, updated: DocumentEntry) -> None:
        """TD3.3a/b: a new metadata version of ``updated.logical_id``; ``updated.version`` is the version replaced."""

    def update_status(
        self, session: DmpSession, lot: SubmissionSet, current: DocumentEntry, new_status: Availability
    ) -> None:
        """TD3.3c/d: availabilityStatus of ``current.entry_uuid`` from its present value to ``new_status``."""

    def certificate_expiry(self) -> dict[str, datetime]:
        """When each of our certificates ends, by its role."""

    def probe(self) -> str | None:
        """Whether the DMP's endpoint can be reached (TLS included): None when it can, else why not, in words."""

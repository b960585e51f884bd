"""What the house asks of the DMP, in its own words: the session, the query, the answer, and the one door's shape.

``facade.dmp.gateway`` implements ``DmpGateway`` over SOAP; nothing else in the house knows that there is SOAP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
    """One caller, one patient, one purpose: what a VIHF is made for."""

    caller: Caller
    patient: INS
    purpose: Purpose
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSession(DmpSession):
    """A session whose act is kept as an intent: the only kind anything of the DMP is changed with (EXI 18).

    ``intent`` is its id: should this process die, the change has its trace.
    """

    intent: str


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


class AuthorisationChange(StrEnum):
    """What TD0.3 can do: only ever on an explicit act of the user (EX_0.3-1010)."""

    DECLARE = "declare"  # AJOUT
    REMOVE = "remove"  # SUPPRESSION
    STOP_BEING_TREATING_DOCTOR = "stop-being-treating-doctor"  # SUPPRESSION with role MEDECIN_TRAITANT


class AuthorisationList(StrEnum):
    """Which professionals TD1.6 lists."""

    ACTIVE = "ACTIVE"
    BLOCKED = "INTERDITE"
    ALL = "TOUTE"


@dataclass(frozen=True, slots=True)
class ProfessionalAuthorisation:
    """One professional of TD1.6: IdNat_PS (empty for a structure), Struct_IdNat where given, state, since when."""

    person_id: str
    structure_id: str
    blocked: bool
    treating_doctor: bool = False
    since: XdsTime | None = None
    person_name: str = field(default="", repr=False)


class RecordDate(StrEnum):
    """The date TD0.4 filters by."""

    AUTHORISATION = "LASTAUTORIZATION"
    DOCUMENT = "LASTDOC"


@dataclass(frozen=True, slots=True)
class AuthorisedRecord:
    """One record of TD0.4. The traits the DMP returns are not kept: they must not be shown (EF TD0.2)."""

    patient: INS
    treating_doctor: bool = False
    last_access: XdsTime | None = None
    last_update: XdsTime | None = None
    last_addition: XdsTime | None = None


class AssociationType(StrEnum):
    """Associations of XDS (ITI TF-3 4.2.2.2)."""

    HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    REPLACES = "urn:ihe:iti:2007:AssociationType:RPLC"
    APPENDS = "urn:ihe:iti:2007:AssociationType:APND"
    TRANSFORMS = "urn:ihe:iti:2007:AssociationType:XFRM"
    REPLACES_BY_TRANSFORMING = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC"
    SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
    UPDATES_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"


@dataclass(frozen=True, slots=True)
class Association:
    """A link between two objects, by their entryUUIDs (bare). ``type`` is a URN; unknown ones are kept as they are."""

    type: str
    source: str
    target: str
    entry_uuid: str = ""


@dataclass(frozen=True, slots=True)
class LotQuery:
    """The parameters of FindSubmissionSets (ITI TF-2 3.18.4.1.2.3.7.2). ``submitted_to`` is exclusive."""

    statuses: tuple[Availability, ...] = (Availability.APPROVED,)
    submitted_from: XdsTime | None = None
    submitted_to: XdsTime | None = None
    author_person: str = ""
    content_types: tuple[Coded, ...] = ()
    source_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LotAnswer:
    """Submission sets, with what they hold where it was asked for, and what the DMP said was missing."""

    lots: tuple[SubmissionSet, ...]
    entries: tuple[DocumentEntry, ...] = ()
    associations: tuple[Association, ...] = ()
    warnings: tuple[DmpRefused, ...] = ()


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

    def find_lots(self, session: DmpSession, query: LotQuery) -> LotAnswer:
        """TD3.1 FindSubmissionSets, LeafClass."""

    def get_associations(self, session: DmpSession, entry_uuids: Sequence[str]) -> tuple[Association, ...]:
        """TD3.1 GetAssociations of objects by entryUUID."""

    def get_documents_and_associations(self, session: DmpSession, entry_uuids: Sequence[str]) -> LotAnswer:
        """TD3.1 GetDocumentsAndAssociations, in batches of 20 (DMP rule): entries and associations, no lots."""

    def get_lot(self, session: DmpSession, *, entry_uuid: str = "", unique_id: str = "") -> LotAnswer:
        """TD3.1 GetSubmissionSetAndContents by one of the two ids; no lot in the answer when it is unknown."""

    def change_authorisation(self, session: ChangeSession, change: AuthorisationChange) -> None:
        """TD0.3. Repeating it is not an error (the DMP answers DMPOk)."""

    def list_authorisations(
        self, session: DmpSession, which: AuthorisationList
    ) -> tuple[ProfessionalAuthorisation, ...]:
        """TD1.6: the professionals authorised or blocked on the record."""

    def list_records(self, session: DmpSession, since: XdsTime, by: RecordDate) -> tuple[AuthorisedRecord, ...]:
        """TD0.4: the records the user is authorised on. ``session.patient`` is not looked at."""

    def read_administrative_data(self, session: DmpSession) -> Dossier:
        """TD1.3a: as TD0.2, with all the traits the DMP has. For the CDA header only: never shown."""

    def find_reference(self, session: DmpSession, unique_id: str) -> str | None:
        """TD3.1 reference search (ObjectRef, INDIRECTE): the current entryUUID of a uniqueId, None when unknown."""

    def retrieve(self, session: DmpSession, entries: Sequence[DocumentEntry]) -> tuple[Retrieved, ...]:
        """TD3.2: the documents of these entries, in their order, hash and size verified."""

    def publish(self, session: ChangeSession, submission: Submission) -> None:
        """TD2.1: one signed lot. Raises DmpUnavailable(outcome_unknown=True) when it may have been stored."""

    def update_metadata(self, session: ChangeSession, lot: SubmissionSet, updated: DocumentEntry) -> None:
        """TD3.3a/b: a new metadata version of ``updated.logical_id``; ``updated.version`` is the version replaced."""

    def update_status(
        self, session: ChangeSession, lot: SubmissionSet, current: DocumentEntry, new_status: Availability
    ) -> None:
        """TD3.3c/d: availabilityStatus of ``current.entry_uuid`` from its present value to ``new_status``."""

    def certificate_expiry(self) -> dict[str, datetime]:
        """When each of our certificates ends, by its role."""

    def open_circuits(self) -> list[str]:
        """The services that are left alone now, because they did not answer."""

    def diagnose(self) -> list[str]:
        """Try certificates and every service endpoint; what is wrong, in words, empty when nothing is. Slow."""

    def probe(self) -> str | None:
        """Whether the DMP's endpoint can be reached (TLS included): None when it can, else why not, in words."""

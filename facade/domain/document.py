"""Document metadata as XDS knows it: DocumentEntry, SubmissionSet and the HL7 datatypes inside them.

Source: ITI TF-3 section 4.2 (XDS metadata); formats of the DMP as in CI-SIS "Partage de documents".
Times are timezone-aware UTC datetimes; a partial XDS time keeps its precision in ``XdsTime``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from facade.domain.content import Content
from facade.domain.ins import INS
from facade.domain.masking import Masking

_LENGTHS = (4, 6, 8, 10, 12, 14)
_FIRST = "00000101000000"  # what a time of less precision begins with


@dataclass(frozen=True, slots=True, order=True)
class XdsTime:
    """A DTM of XDS: UTC digits, ``YYYY[MM[DD[hh[mm[ss]]]]]`` (ITI TF-3 table 4.2.3.1.7-2). Precision is the length."""

    digits: str

    def __post_init__(self) -> None:
        if len(self.digits) not in _LENGTHS or not (self.digits.isascii() and self.digits.isdigit()):
            raise ValueError("an XDS time is YYYY[MM[DD[hh[mm[ss]]]]]")
        self.start  # noqa: B018 - an impossible date (month 13) is refused here

    @property
    def start(self) -> datetime:
        """The first instant the time stands for."""
        full = self.digits + _FIRST[len(self.digits) :]
        year, month, day = int(full[:4]), int(full[4:6]), int(full[6:8])
        return datetime(year, month, day, int(full[8:10]), int(full[10:12]), int(full[12:]), tzinfo=UTC)

    @classmethod
    def at(cls, moment: datetime) -> XdsTime:
        """The time of an aware datetime, to the second."""
        return cls(moment.astimezone(UTC).strftime("%Y%m%d%H%M%S"))


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with its coding scheme: an OID, or a URN where the DMP wants one. ``display`` is never trusted."""

    code: str
    scheme: str
    display: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Person:
    """An XCN: id (comp. 1), family (2), given (3), assigning authority OID (9), name type D or U (10), id type (13)."""

    id: str = ""
    family: str = ""
    given: str = ""
    authority: str = ""
    name_type: str = "D"
    id_type: str = "IDNPS"


@dataclass(frozen=True, slots=True)
class Institution:
    """An XON: name (comp. 1), assigning authority OID (6), id type (7), Struct_IdNat (10)."""

    name: str
    id: str = ""
    authority: str = ""
    id_type: str = "IDNST"


@dataclass(frozen=True, slots=True)
class Author:
    """The author classification of XDS. ``specialties`` are CE-like strings ``code^display^OID`` kept as Coded."""

    person: Person
    institutions: tuple[Institution, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[Coded, ...] = ()


class Availability(StrEnum):
    """availabilityStatus, JDV_J52."""

    APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
    ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
    DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


_STATUS_SUFFIX = {
    Availability.DEPRECATED: "-superseded",
    Availability.ARCHIVED: "-archived",
    Availability.DELETED: "-deleted",
}


@dataclass(frozen=True, slots=True)
class ReferenceId:
    """A CXi of referenceIdList: value (comp. 1), assigning authority OID (4.2), type URN (5; JDV_J231)."""

    value: str
    authority: str
    type: str


@dataclass(frozen=True, slots=True)
class SourcePatient:
    """sourcePatientId (CX text) and sourcePatientInfo (PID-5, 7, 8). Identity traits: never shown, never logged."""

    id: str = field(default="", repr=False)
    family: str = field(default="", repr=False)
    given: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document's metadata (XDS DocumentEntry).

    ``entry_uuid`` and ``logical_id`` are bare lower-case UUIDs. ``unique_id`` is an OID without prefix.
    ``hash`` is SHA-1 in hex, ``size`` bytes. ``patient`` is the INS the DMP holds the document under (EX_3.1-1055:
    it may differ from the one asked for). ``is_signature`` marks the signature entry of a lot: never shown.
    """

    unique_id: str
    patient: INS
    type_code: Coded
    class_code: Coded
    format_code: Coded
    facility: Coded
    practice: Coded
    authors: tuple[Author, ...]
    masking: Masking
    title: str
    creation_time: XdsTime
    language: str = "fr-FR"
    mime_type: str = "text/xml"
    service_start: XdsTime | None = None
    service_stop: XdsTime | None = None
    legal_authenticator: Person | None = None
    source_patient: SourcePatient = SourcePatient()
    comments: str = ""
    events: tuple[Coded, ...] = ()
    references: tuple[ReferenceId, ...] = ()
    availability: Availability = Availability.APPROVED
    entry_uuid: str = ""
    logical_id: str = ""
    version: int = 1
    hash: str = ""
    size: int | None = None
    repository: str = ""
    replaces: str = ""
    is_signature: bool = False

    @property
    def version_id(self) -> str:
        """What changes whenever the metadata do: the version, and the status where it is not Approved.

        A change of availabilityStatus makes no new version of an XDS entry (ITI TF-2 3.57).
        """
        return f"{self.version}{_STATUS_SUFFIX.get(self.availability, '')}"

    def has_author(self, person_id: str) -> bool:
        """Whether a person with this national id is among the authors."""
        return bool(person_id) and any(author.person.id == person_id for author in self.authors)

    def has_author_institution(self, structure_id: str) -> bool:
        """Whether a structure with this national id is among the authors' institutions."""
        return bool(structure_id) and any(
            institution.id == structure_id for author in self.authors for institution in author.institutions
        )


@dataclass(frozen=True, slots=True)
class SubmissionSet:
    """A lot (XDS SubmissionSet). ``source_id`` and ``unique_id`` are OIDs without prefix."""

    unique_id: str
    source_id: str
    patient: INS
    content_type: Coded
    authors: tuple[Author, ...]
    submission_time: XdsTime
    title: str = ""
    comments: str = ""
    entry_uuid: str = ""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document on its way to the DMP: its metadata and its bytes (a CDA)."""

    entry: DocumentEntry
    content: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """What one TD2.1 carries: a lot and its documents. A replacement names the current entryUUID in ``replaces``."""

    lot: SubmissionSet
    documents: tuple[NewDocument, ...]

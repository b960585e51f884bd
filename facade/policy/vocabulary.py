"""The words the tables of mappings/access are written in, and the names of the rules the engine itself decides by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Scope(StrEnum):
    """What a denial is about, hence how it may be told.

    ``RECORD``    about the record, the caller or the request: told plainly, does not depend on any stored document.
    ``DOCUMENT``  the document does not exist for this caller: told as "not found", never otherwise.
    ``RIGHT``     the document is visible, the act on it is not allowed: told plainly.
    ``NONE``      a permit.
    """

    NONE = ""
    RECORD = "record"
    DOCUMENT = "document"
    RIGHT = "right"


class Column(StrEnum):
    """The columns of Annexe 3, and the two readers who are not professionals."""

    ANY = "any"
    AUTHOR = "author"
    TREATING = "treating"
    EMERGENCY = "emergency"
    BLOCKED = "blocked"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"


class Cell(StrEnum):
    """A cell of the masking table. ``AUTHOR`` is "no, except its author"; ``NONE`` where the annex has a dash."""

    YES = "yes"
    NO = "no"
    AUTHOR = "author"
    NONE = "none"


class Origin(StrEnum):
    """Who created a document, as Annexe 3 distinguishes it."""

    PROFESSIONAL = "professional"
    HOLDER = "holder"
    APPLICATION = "application"


class Strength(StrEnum):
    """How far a metadata code proves the origin of a document.

    ``UNLESS_PROFESSIONAL``: only when no author is an identified professional.
    """

    CERTAIN = "certain"
    UNLESS_PROFESSIONAL = "unless-professional"


class Role(StrEnum):
    """The actors of the functional rights (PDT-INF-526, PDT-INF-606) and the callers that have no column there."""

    NON_DOCTOR = "non-doctor"
    DOCTOR = "doctor"
    TREATING_DOCTOR = "treating-doctor"
    OCCUPATIONAL_DOCTOR = "occupational-doctor"
    STAFF = "staff"
    STRUCTURE = "structure"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    APPLICATION = "application"


class Mode(StrEnum):
    """How the DMP is spoken to. ``MES`` is the assumed door of citizens, ``LOCAL`` the facade's own records."""

    AIR = "AIR"
    INDIRECT = "INDIRECTE"
    CITIZEN = "MES"
    LOCAL = "LOCAL"
    CPS = "CPS"
    CPE = "CPE"


class Right(StrEnum):
    """A cell of the functional rights: whether, and on whose documents."""

    YES = "yes"
    NO = "no"
    OWN = "own"
    OWN_STRUCTURE = "own-structure"
    OWN_OR_STRUCTURE = "own-or-structure"
    OWN_PATIENT = "own-patient"
    IF_NOT_OBJECTED = "if-not-objected"


class Habilitation(StrEnum):
    """How the partial habilitation matrix is applied to the cells it does not know."""

    KNOWN_DENIALS = "known-denials"
    STRICT = "strict"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class PreloadLimits:
    """How far a preload may go.

    ``window``     how long before the appointment data may be fetched.
    ``ahead``      how long before it the order may be placed.
    ``documents``  contents kept for one patient, ``patients`` of one professional in 24 hours, at most.
    """

    window: timedelta = timedelta(days=3)
    ahead: timedelta = timedelta(days=30)
    documents: int = 10
    patients: int = 50


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What an installation decides.

    ``citizens_enabled``           patients, representatives and referenced applications are accepted.
    ``on_behalf_required``         a professional who masks to professionals must state it is for the holder.
    ``suspension_stops_emergencies`` a suspended professional is not let in by an emergency either.
    ``homologation_warning_days``  how long before the end of an AIR self-homologation a warning is due.
    """

    habilitation: Habilitation = Habilitation.KNOWN_DENIALS
    citizens_enabled: bool = False
    on_behalf_required: bool = False
    homologation_warning_days: int = 60
    emergency_minutes: int = 60
    preload: PreloadLimits = PreloadLimits()
    suspension_stops_emergencies: bool = False


class Rule(StrEnum):
    """The rules the engine names itself. Others are named by the tables: permits of acts, cells of masking.csv."""

    CALLER_REFUSED = "caller.refused"
    SUSPENDED = "caller.suspended"
    NO_RPPS = "caller.professional.no-rpps"
    SINGLE_FACTOR = "caller.professional.single-factor"
    NOT_HOMOLOGATED = "caller.structure.not-homologated"
    HOMOLOGATION_ENDED = "caller.structure.homologation-ended"
    NOT_PAIRED = "caller.not-paired"
    CITIZENS_OFF = "caller.citizens-off"
    READING_NOT_CONSENTED = "pairing.reading-not-consented"
    FEEDING_NOT_CONSENTED = "pairing.feeding-not-consented"
    STRUCTURE_NEVER_READS = "structure.never-reads"
    APPLICATION_NEVER_READS = "application.never-reads"
    PROFESSIONALS_ONLY = "purpose.professionals-only"
    REASON_MISSING = "emergency.reason-missing"
    EMERGENCY_EXPIRED = "emergency.expired"
    NOT_A_REGULATOR = "emergency.regulation.not-a-regulator"
    REGULATION_ROLE = "emergency.regulation.role"
    EMERGENCY_OBJECTED = "emergency.objected"
    RECORD_ABSENT = "record.absent"
    RECORD_CLOSED = "record.closed"
    DECEASED = "record.deceased"
    BLOCKED = "blocked.by-holder"
    BLOCKED_OWN_ONLY = "blocked.own-documents-only"
    BLOCKED_OWN = "blocked.own-document"
    OPPOSITION_CONSULTATION = "opposition.consultation"
    OPPOSITION_FEEDING = "opposition.feeding"
    TREATING_DOCTOR = "professional.treating-doctor"
    NOT_AUTHORISED = "record.not-authorised"
    AUTHOR = "professional.author"
    AUTHORISED = "professional.authorised"
    HABILITATION_DENIED = "habilitation.denied"
    HABILITATION_UNKNOWN = "habilitation.unknown"
    WITHDRAWN = "document.withdrawn"
    SIGNATURE = "document.signature"
    PATIENT = "patient.own-record"
    REPRESENTATIVE = "representative.minor-record"
    OF_AGE = "representative.of-age"
    AGE_UNKNOWN = "representative.age-unknown"
    INSTITUTION_NOT_CALLERS = "publication.institution-not-callers"
    NOT_AS_PROFESSIONAL = "publication.not-as-professional"
    NOT_A_MINOR = "masking.representatives.not-a-minor"
    MINORITY_UNKNOWN = "masking.representatives.age-unknown"
    REPRESENTATIVES_PROFESSIONALS_ONLY = "masking.representatives.professionals-only"
    PATIENT_PROFESSIONALS_ONLY = "masking.patient.professionals-only"
    NOT_ON_BEHALF = "masking.professionals.not-on-behalf"
    MASK_NOT_BY_THIS_CALLER = "masking.professionals.not-by-this-caller"
    UNKNOWN_CODE = "masking.unknown-code"
    SECRET_NOT_A_MINOR = "secret.not-a-minor"  # noqa: S105 - the name of a rule
    SECRET_AGE_UNKNOWN = "secret.age-unknown"  # noqa: S105 - the name of a rule
    SECRET_PROFESSIONALS_ONLY = "secret.professionals-only"  # noqa: S105 - the name of a rule
    RIGHT_NOT_FOR_CALLER = "right.not-for-this-caller"
    RIGHT_NOT_IN_MODE = "right.not-in-this-mode"
    RIGHT_NOT_AUTHOR = "right.not-author"
    RIGHT_PATIENT_DOCUMENT = "right.patient-document"
    RIGHT_NOT_REPLACEABLE = "right.not-replaceable"
    PRELOAD_OVER = "preload.appointment-over"
    PRELOAD_TOO_EARLY = "preload.too-early"
    PRELOAD_TOO_FAR_AHEAD = "preload.too-far-ahead"
    PRELOAD_DOCUMENTS = "preload.too-many-documents"
    PRELOAD_PATIENTS = "preload.too-many-patients"
    NOT_ITS_DOCUMENT = "structure.not-its-document"
    REPLACE_NOT_ITS_DOCUMENT = "replace.not-its-document"
    NOTHING_MATCHES = "default.nothing-matches"

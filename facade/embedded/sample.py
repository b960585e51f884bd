"""The sample world: a legal entity and its sites, professionals, patients, authorisations, personas and pairings.

Everybody here is made up. FINESS numbers are in department 99, RPPS numbers start with 99700, and the INS are test
identities (1.2.250.1.213.1.4.10) with right keys; the adult is the test patient of the ANS document examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

INS_TEST_OID = "1.2.250.1.213.1.4.10"


@dataclass(frozen=True, slots=True)
class SampleStructure:
    """A structure of the embedded directory. ``id`` is a Struct_IdNat, ``legal_entity`` the one it belongs to."""

    id: str
    name: str
    sector: str
    legal_entity: str


@dataclass(frozen=True, slots=True)
class SampleProfessional:
    """A professional of the embedded directory: IdNat_PS, name, profession (TRE_G15), speciality, own structure."""

    id: str
    family: str
    given: str
    profession: str
    specialty: str
    structure: str
    regulator: bool = False


@dataclass(frozen=True, slots=True)
class SamplePatient:
    """A holder. ``birth_date`` None means fourteen years before the demonstration starts."""

    name: str
    ins: str
    family: str
    given: str
    sex: str
    birth_date: date | None
    exists: bool = True
    closed_on: date | None = None
    objects_to_emergency: bool = False


@dataclass(frozen=True, slots=True)
class SamplePairing:
    """One row for the facade's pairing table: an application, the external id of a person, and a record."""

    application: str
    external_id: str
    ins: str
    relation: str
    may_feed: bool
    may_read: bool


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody a token can be minted for. ``realm`` is the issuer, ``claims`` what the token says of the person."""

    name: str
    realm: str
    description: str
    claims: dict[str, object] = field(repr=False)


LEGAL_ENTITY = SampleStructure("1990000010", "CENTRE HOSPITALIER DE ROCHEVAL", "SA01", "1990000010")
HOSPITAL = SampleStructure("1990000028", "HOPITAL DE ROCHEVAL", "SA01", LEGAL_ENTITY.id)
HEALTH_CENTRE = SampleStructure("1990000036", "CENTRE DE SANTE DES TILLEULS", "SA05", LEGAL_ENTITY.id)
CLINIC = SampleStructure("1990000044", "CLINIQUE DU PARC", "SA04", LEGAL_ENTITY.id)
SAMU = SampleStructure("1990000051", "SAMU CENTRE 15 DE ROCHEVAL", "SA01", LEGAL_ENTITY.id)
STRANGER = SampleStructure("1990000069", "CLINIQUE DES GLYCINES", "SA04", "1990000077")
STRUCTURES = (LEGAL_ENTITY, HOSPITAL, HEALTH_CENTRE, CLINIC, SAMU, STRANGER)

TREATING_DOCTOR = SampleProfessional("899700000013", "MARCHAND", "ALICE", "10", "SM54", HEALTH_CENTRE.id)
AUTHOR_DOCTOR = SampleProfessional("899700000021", "BERTIN", "HUGO", "10", "SM26", HOSPITAL.id)
OTHER_DOCTOR = SampleProfessional("899700000039", "COLAS", "INES", "10", "SM26", CLINIC.id)
NURSE = SampleProfessional("899700000047", "DUMAS", "PAUL", "60", "", HOSPITAL.id)
UNAUTHORISED_DOCTOR = SampleProfessional("899700000054", "ESTEVE", "NADIA", "10", "SM26", CLINIC.id)
BLOCKED_DOCTOR = SampleProfessional("899700000062", "FAURE", "MARC", "10", "SM26", HOSPITAL.id)
REGULATOR = SampleProfessional("899700000070", "GARNIER", "LEA", "10", "SM26", SAMU.id, regulator=True)
PROFESSIONALS = (
    TREATING_DOCTOR,
    AUTHOR_DOCTOR,
    OTHER_DOCTOR,
    NURSE,
    UNAUTHORISED_DOCTOR,
    BLOCKED_DOCTOR,
    REGULATOR,
)

ADULT = SamplePatient("adult", "279035121518989", "PAT-TROIS", "DOMINIQUE", "F", date(1979, 3, 28))
MINOR = SamplePatient("minor", "112059999900268", "PAT-QUATORZE", "CAMILLE", "M", None)
CLOSED = SamplePatient(
    "closed", "263079999900372", "PAT-FERME", "SIMONE", "F", date(1963, 7, 14), closed_on=date(2024, 2, 1)
)
OBJECTOR = SamplePatient(
    "objector", "191109999900458", "PAT-OPPOSE", "KARIM", "M", date(1991, 10, 3), objects_to_emergency=True
)
ABSENT = SamplePatient("absent", "158029999900591", "PAT-ABSENT", "JEAN", "M", date(1958, 2, 20), exists=False)
PATIENTS = (ADULT, MINOR, CLOSED, OBJECTOR, ABSENT)
AUTHORISED = (TREATING_DOCTOR, AUTHOR_DOCTOR, OTHER_DOCTOR, NURSE)
OPEN_RECORDS = (ADULT, MINOR, OBJECTOR)

APPLICATION = "carnet-de-sante"
PATIENT_ADULT_ID = "idpe-5b1c6f0e-adult"
PATIENT_MINOR_ID = "idpe-9d27a4c1-minor"
REPRESENTATIVE_MINOR_ID = "idpe-31e8b7d2-parent"
PAIRINGS = (
    SamplePairing(APPLICATION, PATIENT_ADULT_ID, ADULT.ins, "holder", may_feed=True, may_read=True),
    SamplePairing(APPLICATION, PATIENT_MINOR_ID, MINOR.ins, "holder", may_feed=False, may_read=True),
    SamplePairing(APPLICATION, REPRESENTATIVE_MINOR_ID, MINOR.ins, "representative", may_feed=False, may_read=True),
    SamplePairing(APPLICATION, APPLICATION, ADULT.ins, "holder", may_feed=True, may_read=True),
)


def fourteen_years_before(day: date) -> date:
    """A date of birth that makes somebody fourteen on ``day`` (and fifteen six months later)."""
    start_of_month = day.replace(day=1)
    return start_of_month.replace(year=day.year - 14) - timedelta(days=183)


def birth_date(patient: SamplePatient, today: date) -> date:
    """The date of birth of a sample patient on a demonstration that starts ``today``."""
    return patient.birth_date or fourteen_years_before(today)


def structure(identifier: str) -> SampleStructure | None:
    """The directory's structure with this Struct_IdNat, None when there is none."""
    return next((known for known in STRUCTURES if known.id == identifier), None)


def professional(identifier: str) -> SampleProfessional | None:
    """The directory's professional with this IdNat_PS, None when there is none."""
    return next((known for known in PROFESSIONALS if known.id == identifier), None)


def works_in(person: SampleProfessional, structure_id: str) -> bool:
    """Whether the directory links a professional with a structure: own site, or the legal entity it belongs to."""
    own = structure(person.structure)
    return own is not None and structure_id in (own.id, own.legal_entity)

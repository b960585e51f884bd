"""People, patients, entries and requests for the tests of translation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from facade import knowledge
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.document import (
    Author,
    Coded,
    DocumentEntry,
    Institution,
    Person,
    SourcePatient,
    XdsTime,
)
from facade.domain.dossier import Traits
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS, InsKind, ins_key
from facade.domain.masking import Masking
from facade.translation.document_in import DocumentContext
from facade.translation.subject_in import Subject, SubjectRules
from facade.translation.tables import CodeTables

Json = dict[str, Any]

NOW = datetime(2026, 6, 12, 8, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
NOS = "https://mos.esante.gouv.fr/NOS/"
TRE_A07 = f"{NOS}TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
V3 = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PATIENT = INS(InsKind.TEST, "279035121518989")
_BODY = "1800175056001"
OTHER_PATIENT = INS(InsKind.TEST, f"{_BODY}{ins_key(_BODY):02d}")
TRAITS = Traits("PAT-TROIS", "PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "F", date(1979, 3, 28))
RULES = SubjectRules(test_identities=True)
HOSPITAL = Structure("1990000011", "CHU DE DEMONSTRATION", "SA01")
DOCTOR = Caller(
    CallerKind.PROFESSIONAL,
    "899700000015",
    "Anne MARTIN",
    HOSPITAL,
    family="MARTIN",
    given="ANNE",
    profession="10",
    specialty="SM26",
    two_factors=True,
)
UUID_ENTRY = "0b3f6a5e-54c1-4a0e-9a57-3a1f8f1b7d11"
UNIQUE_ID = "1.2.250.1.999.1.42"


@cache
def tables() -> CodeTables:
    """The tables of the repository."""
    return CodeTables.from_rows(knowledge.rows)


def context(caller: Caller = DOCTOR, **changes: Any) -> DocumentContext:
    """What a publication is read with."""
    made = DocumentContext(caller, tables(), NOW, UUID_ENTRY, UNIQUE_ID, TRAITS, subjects=RULES)
    return replace(made, **changes)


def subject(ins: INS = PATIENT) -> Subject:
    """The patient, named by INS alone."""
    return Subject(ins)


def author() -> Author:
    """The calling doctor as an author."""
    return Author(
        Person(DOCTOR.id, DOCTOR.family, DOCTOR.given, "1.2.250.1.71.4.2.1"),
        (Institution(HOSPITAL.name, HOSPITAL.id, "1.2.250.1.71.4.2.2"),),
        (),
        (Coded("G15_10/SM26", "1.2.250.1.213.1.1.4.5"),),
    )


def entry(**changes: Any) -> DocumentEntry:
    """A registered consultation report."""
    found = tables()
    made = DocumentEntry(
        unique_id="1.2.250.1.999.7",
        patient=PATIENT,
        type_code=known(found.types.find(LOINC, "11488-4")),
        class_code=known(found.classes.with_code("10")[0]),
        format_code=known(found.format_of_media("application/pdf")),
        facility=known(found.facility_of_sector("SA01")),
        practice=known(found.practice_of_sector("SA01")),
        authors=(author(),),
        legal_authenticator=author().person,
        masking=Masking(),
        title="Compte rendu de consultation",
        creation_time=XdsTime("20260612080000"),
        service_start=XdsTime("20260612073000"),
        source_patient=SourcePatient(PATIENT.cx, "PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "19790328", "F"),
        entry_uuid=UUID_ENTRY,
        logical_id=UUID_ENTRY,
        hash="da39a3ee5e6b4b0d3255bfef95601890afd80709",
        size=1234,
    )
    return replace(made, **changes)


def known(coded: Coded | None) -> Coded:
    """A code that the tables are known to hold."""
    assert coded is not None
    return coded


def publication(**changes: Any) -> Json:
    """The least a modern app sends to publish a PDF (ITI-105); a change to None removes an element."""
    resource: Json = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": "11488-4"}]},
        "subject": {"identifier": {"system": PATIENT.system, "value": PATIENT.value}},
        "content": [{"attachment": {"contentType": "application/pdf", "title": "Compte rendu"}}],
    }
    resource.update(changes)
    return {name: value for name, value in resource.items() if value is not None}


def codes_of(error: InvalidInput) -> list[str]:
    """The codes of all the problems of an error."""
    return [problem.code for problem in error.problems]


def examples(folder: str = "examples") -> Path | None:
    """The folder of published examples beside the checkout, None where there is none."""
    return next(iter(Path(__file__).parents[3].glob(f"*/data/{folder}")), None)

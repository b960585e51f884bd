"""The people of the demonstration as the samples name them, and the codes of their site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

NOS = "https://mos.esante.gouv.fr/NOS/"
LOINC = "http://loinc.org"
TRE_A05 = f"{NOS}TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
INS_TEST = "urn:oid:1.2.250.1.213.1.4.10"
PS_IDNAT = "urn:oid:1.2.250.1.71.4.2.1"
STRUCT_IDNAT = "urn:oid:1.2.250.1.71.4.2.2"


@dataclass(frozen=True)
class Doctor:
    """A persona of the demonstration who publishes, with its site and the codes that go with its sector."""

    persona: str
    id: str
    family: str
    given: str
    specialty: str
    site: str
    site_name: str
    sector: str
    setting: str
    stay: tuple[str, str]


@dataclass(frozen=True)
class Patient:
    """A holder of the demonstration; the minor's date of birth depends on the day and is left out."""

    ins: str
    family: str
    given: str
    gender: str
    birth_date: str = ""


HOSPITAL_DOCTOR = Doctor(
    "author-doctor",
    "899700000021",
    "BERTIN",
    "HUGO",
    "G15_10/SM26",
    "1990000028",
    "HOPITAL DE ROCHEVAL",
    "SA01",
    "ETABLISSEMENT",
    (f"{NOS}TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite", "03"),
)
TREATING_DOCTOR = Doctor(
    "treating-doctor",
    "899700000013",
    "MARCHAND",
    "ALICE",
    "G15_10/SM54",
    "1990000036",
    "CENTRE DE SANTE DES TILLEULS",
    "SA05",
    "AMBULATOIRE",
    (f"{NOS}TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA05"),
)
ADULT = Patient("279035121518989", "PAT-TROIS", "DOMINIQUE", "female", "1979-03-28")
MINOR = Patient("112059999900268", "PAT-QUATORZE", "CAMILLE", "male")


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def subject(patient: Patient) -> Json:
    return {"identifier": {"system": INS_TEST, "value": patient.ins}}


def contained(doctor: Doctor, patient: Patient) -> list[Json]:
    """The author (role, person, structure) and the patient as the source knows it, in PDSm's comprehensive shape."""
    source: Json = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"system": INS_TEST, "value": patient.ins}],
        "name": [{"use": "official", "family": patient.family, "given": [patient.given]}],
        "gender": patient.gender,
    }
    if patient.birth_date:
        source["birthDate"] = patient.birth_date
    specialty = f"{NOS}TRE_A02-ProfessionSavFaire-CISIS/FHIR/TRE-A02-ProfessionSavFaire-CISIS"
    return [
        source,
        {
            "resourceType": "Practitioner",
            "id": "practitioner",
            "identifier": [{"system": PS_IDNAT, "value": doctor.id}],
            "name": [{"family": doctor.family, "given": [doctor.given]}],
        },
        {
            "resourceType": "Organization",
            "id": "organization",
            "identifier": [{"system": STRUCT_IDNAT, "value": doctor.site}],
            "name": doctor.site_name,
        },
        {
            "resourceType": "PractitionerRole",
            "id": "author",
            "practitioner": {"reference": "#practitioner"},
            "organization": {"reference": "#organization"},
            "specialty": [concept(specialty, doctor.specialty)],
        },
    ]

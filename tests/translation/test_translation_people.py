"""Authors: completed from the token, and never somebody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.errors import InvalidInput
from facade.translation.document_in import DocumentDraft, read_document_reference
from facade.translation.people_in import sector_of
from facade.translation.vocabulary import AUTHOR_ORG
from tests.support.translation import DOCTOR, HOSPITAL, PATIENT, Json, codes_of, context, publication, subject

IDNAT = "urn:oid:1.2.250.1.71.4.2.1"
STRUCT = "urn:oid:1.2.250.1.71.4.2.2"
MACHINE = Caller(CallerKind.STRUCTURE, HOSPITAL.id, HOSPITAL.name, HOSPITAL)
HOLDER = Caller(CallerKind.PATIENT, "idpe-1", "", Structure("", "", ""), application="app")
APP = Caller(CallerKind.APPLICATION, "app", "Carnet", Structure("1.2.250.1.999", "EDITEUR", ""), application="Carnet")


def practitioner(number: str = DOCTOR.id, system: str = IDNAT, name: Json | None = None) -> Json:
    resource: Json = {"resourceType": "Practitioner", "id": "p", "identifier": [{"system": system, "value": number}]}
    return {**resource, "name": [name]} if name else resource


def role(**changes: Any) -> Json:
    return {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}, **changes}


def organization(number: str, system: str = STRUCT) -> Json:
    identifier = [{"system": system, "value": number}]
    return {"resourceType": "Organization", "id": "o", "identifier": identifier, "name": "Service A"}


def read(contained: list[Json], reference: str = "#p", caller: Caller = DOCTOR, **changes: Any) -> DocumentDraft:
    resource = publication(contained=contained or None, author=[{"reference": reference}], **changes)
    return read_document_reference(resource, subject(), context(caller))


def refused(contained: list[Json], reference: str = "#p", caller: Caller = DOCTOR) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        read(contained, reference, caller)
    assert "MARTIN" not in repr(error.value.problems)
    return codes_of(error.value)


OTHER_NAME = {"family": "DURAND", "given": ["Paul", "Henri"]}


def test_the_caller_with_an_id_only_is_named_by_the_token() -> None:
    draft = read([practitioner()])
    person = draft.entry.authors[0].person
    assert (person.id, person.family, person.given) == (DOCTOR.id, "MARTIN", "ANNE")
    assert ("DocumentReference.author[0].name", "the name of the token") in draft.filled


@pytest.mark.parametrize(("number", "system"), [(DOCTOR.id, IDNAT), (DOCTOR.id[1:], "https://rpps.esante.gouv.fr")])
def test_idnat_and_rpps_are_the_same_person(number: str, system: str) -> None:
    assert read([practitioner(number, system)]).entry.authors[0].person.id == DOCTOR.id


def test_a_logical_reference_is_enough() -> None:
    resource = publication(author=[{"identifier": {"system": IDNAT, "value": DOCTOR.id}}])
    entry = read_document_reference(resource, subject(), context()).entry
    assert entry.authors[0].person.family == "MARTIN"


def test_a_colleague_of_the_callers_structure() -> None:
    contained = [
        practitioner("899700000023", name=OTHER_NAME),
        role(organization={"reference": "#o"}),
        organization("990000011", "https://finess.esante.gouv.fr"),
    ]
    author = read(contained, "#r").entry.authors[0]
    assert (author.person.id, author.person.given) == ("899700000023", "Paul Henri")
    assert author.institutions[0].id == HOSPITAL.id
    assert author.institutions[0].name == "Service A"
    assert author.specialties == ()


@pytest.mark.parametrize(
    "contained",
    [
        [practitioner("899700000023", name=OTHER_NAME), role()],
        [
            practitioner("899700000023", name=OTHER_NAME),
            role(organization={"reference": "#o"}),
            organization("1990000999"),
        ],
        [practitioner(), role(organization={"reference": "#o"}), organization("1990000999")],
    ],
)
def test_nobody_publishes_for_another_structure(contained: list[Json]) -> None:
    assert refused(contained, "#r") == ["author.not-caller"]


def test_a_machine_names_the_persons_of_its_own_structure() -> None:
    author = read([practitioner("899700000023", name=OTHER_NAME)], caller=MACHINE).entry.authors[0]
    assert author.person.id == "899700000023"
    assert author.institutions[0].id == HOSPITAL.id


def test_a_name_is_compulsory() -> None:
    contained = [
        practitioner("899700000023", name={"family": "DURAND"}),
        role(organization={"reference": "#o"}),
        organization(HOSPITAL.id),
    ]
    assert refused(contained, "#r") == ["author.name-missing"]


def test_an_author_without_a_national_id() -> None:
    assert refused([practitioner("1011848351", "https://rpps.esante.gouv.fr")]) == ["author.id-missing"]


@pytest.mark.parametrize("reference", ["#nobody", "Practitioner/1", "urn:uuid:9"])
def test_the_facade_has_no_directory(reference: str) -> None:
    assert refused([], reference) == ["reference.unresolved"]


def test_an_organization_is_not_an_author() -> None:
    assert refused([organization(HOSPITAL.id)], "#o") == ["reference.wrong-type"]


def test_only_patients_are_patient_authors_and_only_machines_are_devices() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    device = {"resourceType": "Device", "id": "p"}
    assert refused([patient]) == ["author.not-caller"]
    assert refused([device]) == ["author.not-caller"]


def test_a_device_of_the_structure() -> None:
    device = {
        "resourceType": "Device",
        "id": "p",
        "identifier": [{"system": "urn:oid:1.2.3", "value": "automate-7"}],
        "deviceName": [{"name": "Analyseur", "type": "model-name"}],
    }
    person = read([device], caller=MACHINE).entry.authors[0].person
    assert (person.id, person.name_type, person.id_type, person.authority) == ("automate-7", "U", "RI", "1.2.3")


def test_the_holder_is_the_author_of_its_own_document() -> None:
    entry = read_document_reference(publication(), subject(), context(HOLDER)).entry
    person = entry.authors[0].person
    assert (person.id, person.id_type, person.authority) == (PATIENT.value, "NH", PATIENT.kind.value)
    assert (entry.facility.code, entry.practice.code) == ("EXP_PATIENT", "EXP_PATIENT")


def test_an_application_is_a_system_as_author() -> None:
    entry = read_document_reference(publication(), subject(), context(APP)).entry
    assert entry.authors[0].person.name_type == "U"
    assert entry.facility.code == "SNR"
    assert sector_of(APP) == "SNR"


def test_speciality_from_profession_and_savoir_faire_apart() -> None:
    contained = [
        practitioner("899700000023", name=OTHER_NAME),
        role(
            organization={"reference": "#o"},
            code=[
                {
                    "coding": [
                        {
                            "system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
                            "code": "10",
                        }
                    ]
                }
            ],
            specialty=[
                {
                    "coding": [
                        {
                            "system": "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale",
                            "code": "SM44",
                        }
                    ]
                }
            ],
        ),
        organization(HOSPITAL.id),
    ]
    assert [coded.code for coded in read(contained, "#r").entry.authors[0].specialties] == ["G15_10/SM44"]


def test_a_speciality_outside_the_value_set() -> None:
    a02 = "https://mos.esante.gouv.fr/NOS/TRE_A02-ProfessionSavFaire-CISIS/FHIR/TRE-A02-ProfessionSavFaire-CISIS"
    contained = [practitioner(), role(specialty=[{"coding": [{"system": a02, "code": "G15_10/XX99"}]}])]
    assert refused(contained, "#r") == ["code.unknown"]


def test_an_organization_as_authenticator_leaves_the_author() -> None:
    draft = read([practitioner(), organization(HOSPITAL.id)], authenticator={"reference": "#o"})
    assert draft.entry.legal_authenticator == draft.entry.authors[0].person
    assert ("DocumentReference.authenticator", "the first author") in draft.filled


def test_an_authenticator_is_held_to_the_rule_of_authors() -> None:
    other = {**practitioner("899700000023", name=OTHER_NAME), "id": "q"}
    resource = publication(
        contained=[practitioner(), other], author=[{"reference": "#p"}], authenticator={"reference": "#q"}
    )
    with pytest.raises(InvalidInput) as error:
        read_document_reference(resource, subject(), context())
    assert codes_of(error.value) == ["author.not-caller"]


def test_a_profession_without_its_pair_in_the_table_stands_alone() -> None:
    nurse = replace(DOCTOR, profession="60", specialty="SM26")
    entry = read_document_reference(publication(), subject(), context(nurse)).entry
    assert [coded.code for coded in entry.authors[0].specialties] == ["G15_60"]


def test_a_speciality_of_the_value_set_in_another_system_is_kept() -> None:
    a00 = "https://mos.esante.gouv.fr/NOS/TRE_A00-ProducteurDocNonPS/FHIR/TRE-A00-ProducteurDocNonPS"
    contained = [practitioner(), role(specialty=[{"coding": [{"system": a00, "code": "ALIM_AM"}]}])]
    found = read(contained, "#r").entry.authors[0].specialties
    assert [(coded.code, coded.scheme) for coded in found] == [("ALIM_AM", "1.2.250.1.213.1.1.4.6")]


def test_a_second_institution_is_held_to_the_rule_of_the_first() -> None:
    other = {**organization("1990000999"), "id": "o2"}
    second = {"url": AUTHOR_ORG, "valueReference": {"reference": "#o2"}}
    contained = [practitioner(), organization(HOSPITAL.id), other]
    assert refused([*contained, role(organization={"reference": "#o"}, extension=[second])], "#r") == [
        "author.not-caller"
    ]

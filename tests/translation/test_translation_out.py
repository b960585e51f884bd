"""What leaves: DocumentReference, Patient and List in the shapes of PDSm."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date

import pytest

from facade.domain.document import Author, Availability, Coded, Institution, Person, SubmissionSet, XdsTime
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.domain.masking import Flag, Level, Masking
from facade.translation.document_out import NaturalForm, document_reference
from facade.translation.list_out import submission_list
from facade.translation.patient_out import patient
from facade.translation.people_out import PeopleOfDocuments
from facade.translation.validation import validate_resource
from facade.translation.vocabulary import IS_ARCHIVED
from tests.support.translation import PATIENT, TRAITS, TRE_A07, UUID_ENTRY, V3, Json, author, entry, known, tables


def written(**changes: object) -> Json:
    resource = document_reference(
        entry(**changes), id="doc", patient_id="pat", base="https://example.org/fhir", tables=tables()
    )
    validate_resource(resource, "DocumentReference")
    return resource


def test_identifiers_and_version() -> None:
    resource = written(version=3)
    assert resource["id"] == "doc"
    assert resource["meta"]["versionId"] == "3"
    assert resource["masterIdentifier"] == {
        "use": "usual",
        "system": "urn:ietf:rfc:3986",
        "value": "urn:oid:1.2.250.1.999.7",
    }
    assert resource["identifier"][0]["value"] == f"urn:uuid:{UUID_ENTRY}"
    assert resource["identifier"][0]["use"] == "official"
    assert resource["subject"]["reference"] == "Patient/pat"
    assert resource["subject"]["identifier"]["value"] == PATIENT.value


@pytest.mark.parametrize(
    ("availability", "status", "archived"),
    [
        (Availability.APPROVED, "current", False),
        (Availability.ARCHIVED, "current", True),
        (Availability.DEPRECATED, "superseded", False),
        (Availability.DELETED, "superseded", False),
    ],
)
def test_status_of_each_availability(availability: Availability, status: str, archived: bool) -> None:
    resource = written(availability=availability)
    assert resource["status"] == status
    flags = {found["url"]: found["valueBoolean"] for found in resource["extension"]}
    assert flags[IS_ARCHIVED] is archived
    assert (len(flags) == 2) is (availability is Availability.DELETED)


def test_the_level_comes_first_then_each_flag() -> None:
    flags = frozenset({Flag.HIDDEN_FROM_PATIENT, Flag.MASKED_TO_PROFESSIONALS})
    labels = written(masking=Masking(Level.RESTRICTED, flags))["securityLabel"]
    pairs = [(label["coding"][0]["system"], label["coding"][0]["code"]) for label in labels]
    assert pairs == [(V3, "R"), (TRE_A07, "MASQUE_PS"), (TRE_A07, "INVISIBLE_PATIENT")]


def test_a_label_the_facade_does_not_know_is_not_swallowed() -> None:
    labels = written(masking=Masking(unknown=frozenset({"MASQUE_PT"})))["securityLabel"]
    assert labels[-1] == {"coding": [{"code": "MASQUE_PT"}]}


def test_attachment_describes_the_registered_cda() -> None:
    attachment = written()["content"][0]["attachment"]
    assert attachment["contentType"] == "text/xml"
    assert attachment["url"] == "https://example.org/fhir/Binary/doc"
    assert attachment["size"] == 1234
    assert attachment["hash"] == "2jmj7l5rSw0yVb/vlWAYkK/YBwk="


def test_attachment_describes_the_file_that_was_published() -> None:
    natural = NaturalForm("application/pdf", "aa" * 20, 9)
    resource = document_reference(entry(), id="d", patient_id="p", base="b", tables=tables(), natural=natural)
    attachment = resource["content"][0]["attachment"]
    assert attachment["contentType"] == "application/pdf"
    assert attachment["size"] == 9
    assert base64.b64decode(attachment["hash"]) == b"\xaa" * 20


def test_relates_to_is_written_only_when_known() -> None:
    assert "relatesTo" not in written()
    replaced = written(replaces=UUID_ENTRY)["relatesTo"][0]
    assert replaced["target"]["identifier"]["value"] == f"urn:uuid:{UUID_ENTRY}"
    named = document_reference(entry(), id="d", patient_id="p", base="b", tables=tables(), replaces_id="old")
    assert named["relatesTo"] == [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]


def test_author_role_carries_person_structure_and_specialty() -> None:
    resource = written()
    contained = {found["id"]: found for found in resource["contained"]}
    role = contained[resource["author"][0]["reference"].removeprefix("#")]
    practitioner = contained[role["practitioner"]["reference"].removeprefix("#")]
    organization = contained[role["organization"]["reference"].removeprefix("#")]
    assert practitioner["identifier"][0] == {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700000015"}
    assert organization["identifier"][0]["value"] == "1990000011"
    assert role["specialty"][0]["coding"][0]["code"] == "G15_10/SM26"
    assert resource["authenticator"] == role["practitioner"]
    assert resource["custodian"]["identifier"]["value"] == "1990000011"


def test_every_contained_resource_is_referred_to() -> None:
    resource = written()
    text = repr({name: value for name, value in resource.items() if name != "contained"}) + repr(
        [found for found in resource["contained"] if found["resourceType"] == "PractitionerRole"]
    )
    assert all(f"#{found['id']}'" in text for found in resource["contained"])


def test_a_system_and_the_patient_as_authors() -> None:
    device = Author(Person("app-1", "EDITEUR", "Carnet", "1.2.3", name_type="U", id_type="RI"))
    holder = Author(Person(PATIENT.value, "PAT-TROIS", "DOMINIQUE", PATIENT.kind.value, id_type="NH"))
    resource = written(authors=(device, holder), legal_authenticator=None)
    kinds = [found["resourceType"] for found in resource["contained"]]
    assert kinds == ["Device", "Patient"]
    assert "PAT-TROIS" not in repr(resource)


def test_every_institution_of_an_author_is_shown() -> None:
    places = tuple(Institution(name, id_type="") for name in ("SERVICE A", "SERVICE B"))
    system = Person("app-1", "EDITEUR", "Carnet", "1.2.3", name_type="U", id_type="RI")
    for person, place in ((author().person, "organization"), (system, "owner")):
        resource = written(authors=(Author(person, places),), legal_authenticator=person)
        contained = {f"#{found['id']}": found for found in resource["contained"]}
        by = contained[resource["author"][0]["reference"]]
        links = [by[place], *(each["valueReference"] for each in by["extension"])]
        assert [contained[link["reference"]]["name"] for link in links] == ["SERVICE A", "SERVICE B"]
        signatory = contained[resource["authenticator"]["reference"]]
        assert signatory["identifier"][0]["value"] == person.id


def test_nothing_is_invented_of_what_the_dmp_holds() -> None:
    person, place = Person("4711", id_type="EI"), Institution("CABINET", "12", id_type="")
    by = Author(person, (place,), (), (Coded("Infirmier", ""),))
    resource = written(authors=(by,), legal_authenticator=person)
    contained = {found["resourceType"]: found for found in resource["contained"]}
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "EI"}]}
    assert contained["Practitioner"]["identifier"] == [{"type": kind, "value": "4711"}]
    assert contained["Organization"]["identifier"] == [{"value": "12"}]
    assert contained["PractitionerRole"]["specialty"] == [{"coding": [{"code": "Infirmier"}]}]
    assert resource["custodian"]["identifier"] == {"value": "12"}


def test_open_record() -> None:
    resource = patient(Dossier(exists=True, treating_doctor=True, mes_link=True, traits=TRAITS), PATIENT, "pat")
    validate_resource(resource, "Patient")
    assert resource["active"] is True
    assert "name" not in resource
    assert "PAT-TROIS" not in repr(resource)


@pytest.mark.parametrize(
    ("reason", "part"),
    [("patient-demande", "motifFermeture"), ("Demande explicite du patient", "raisonFermeture"), ("", None)],
)
def test_closed_record(reason: str, part: str | None) -> None:
    dossier = Dossier(exists=True, closed=True, closure_date=date(2024, 3, 20), closure_reason=reason)
    resource = patient(dossier, PATIENT, "pat")
    validate_resource(resource, "Patient")
    assert resource["active"] is False
    closure = {found["url"]: found for found in resource["extension"][0]["extension"]}
    assert closure["dateFermeture"]["valueDate"] == "2024-03-20"
    assert (part in closure) if part else set(closure) == {"dateFermeture"}


def test_closed_record_of_which_nothing_is_said() -> None:
    resource = patient(Dossier(exists=True, closed=True), PATIENT, "pat")
    validate_resource(resource, "Patient")
    assert resource["active"] is False


def test_submission_set_as_list() -> None:
    lot = SubmissionSet(
        unique_id="1.2.3.9",
        source_id="1.2.3",
        patient=PATIENT,
        content_type=known(tables().content_type_of_sector("SA01")),
        authors=(author(),),
        submission_time=XdsTime("20260612080000"),
        title="Lot",
        comments="note",
        entry_uuid=UUID_ENTRY,
    )
    resource = submission_list(lot, id="l", patient_id="p", tables=tables(), documents=("d1", "d2"))
    validate_resource(resource, "List")
    assert [item["item"]["reference"] for item in resource["entry"]] == ["DocumentReference/d1", "DocumentReference/d2"]
    assert resource["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "97"
    bare = submission_list(replace(lot, authors=(), title="", comments=""), id="l", patient_id="p", tables=tables())
    validate_resource(bare, "List")


def test_documents_of_one_answer_share_their_people_and_nothing_else() -> None:
    """A code no table knows is written with the label its own document has, whoever else has the code."""
    people = PeopleOfDocuments(tables())
    first, second = (
        replace(entry(), authors=(replace(author(), specialties=(Coded("X", "1.2.3", label),)),))
        for label in ("one", "another")
    )
    assert people.of(first) is people.of(first)
    roles = [
        next(each for each in people.of(one).contained if each["resourceType"] == "PractitionerRole")
        for one in (first, second)
    ]
    assert [each["specialty"][0]["coding"][0]["display"] for each in roles] == ["one", "another"]
    other = replace(first, patient=INS.of("1.2.250.1.213.1.4.8", "155117512345674"))
    assert "155117512345674" not in str(people.of(first).contained)
    assert "155117512345674" in str(people.of(other).contained)

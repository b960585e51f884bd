"""TD0.3, TD0.4 and TD1.6."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from facade.embedded import sample, store
from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received
from tests.support.embedded_lot import Document
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, NS, TD03, TD03_WSDL, TD04, TD16, dtm

DENIED = "DMPAccessDeniedByRightsService"
SECRETARY = Vihf(roles=(("AUTOMATE", "1.2.250.1.213.1.1.4.6"),), name_id=f"3{sample.HOSPITAL.id[1:]}/42")
PATIENT = Vihf(name_id="idpe", roles=(("EXP_PATIENT", "1.2.250.1.213.1.1.4.6"),))
EVER = "20200101000000"


def _set(raw: RawClient, vihf: Vihf, action: str, role: str = "", soap_action: str = TD03) -> tuple[str, str]:
    inside = f"<action>{action}</action>" + (f"<role>{role}</role>" if role else "")
    body = f'<setAuthorization xmlns="urn:si-dmp-habilitations">{inside}</setAuthorization>'
    answer = raw.call("habilitations", soap_action, body, vihf)
    answered = answer.find("wsa:Action")
    assert answered is not None
    assert answered.text == f"{soap_action}Response"
    return answer.text("h:output/h:status"), answer.text("h:output/h:context")


def _list(raw: RawClient, vihf: Vihf, mode: str) -> Received:
    body = f'<listAuthorizationByPatient xmlns="urn:si-dmp-habilitations"><mode>{mode}</mode>'
    return raw.call("habilitations", TD16, f"{body}</listAuthorizationByPatient>", vihf)


def _states(answer: Received) -> dict[str, tuple[str, str]]:
    assert answer.text("h:output/h:status") == "DMPOk"
    return {
        node.findtext("h:professionalId", "", NS) or node.findtext("h:structureId", "", NS): (
            node.findtext("h:state", "", NS),
            node.findtext("h:role", "", NS),
        )
        for node in answer.all("h:output/h:authorization")
    }


@pytest.mark.parametrize("soap_action", [TD03, TD03_WSDL])
def test_declaring_and_withdrawing_are_idempotent(raw: RawClient, soap_action: str) -> None:
    vihf = Vihf(patient=sample.OBJECTOR.ins).of(sample.UNAUTHORISED_DOCTOR)
    assert _set(raw, vihf, "AJOUT", "", soap_action) == ("DMPOk", "Autorisation ajoutée")
    assert _set(raw, vihf, "AJOUT", "", soap_action)[0] == "DMPOk"
    assert "déjà présente" in _set(raw, vihf, "AJOUT", "", soap_action)[1]
    assert raw.find(vihf).outcome == "Success"
    assert _set(raw, vihf, "SUPPRESSION", "", soap_action) == ("DMPOk", "Autorisation supprimée")
    assert _set(raw, vihf, "SUPPRESSION", "", soap_action) == ("DMPOk", "Aucune autorisation, aucune action effectuée")
    assert raw.find(vihf).errors == [DENIED]


def test_a_doctor_becomes_a_treating_doctor_and_stops_being_one(raw: RawClient) -> None:
    vihf = Vihf(patient=sample.OBJECTOR.ins).of(sample.UNAUTHORISED_DOCTOR)
    assert _set(raw, vihf, "AJOUT", "MEDECIN_TRAITANT")[0] == "DMPOk"
    assert _states(_list(raw, vihf, "TOUTE"))[vihf.name_id] == ("VALIDE", "MEDECIN_TRAITANT")
    assert _set(raw, vihf, "SUPPRESSION", "MEDECIN_TRAITANT") == ("DMPOk", "Rôle de médecin traitant supprimé")
    assert _set(raw, vihf, "SUPPRESSION", "MEDECIN_TRAITANT")[1].endswith("aucune action effectuée")
    assert _states(_list(raw, vihf, "TOUTE"))[vihf.name_id] == ("VALIDE", ""), "the authorisation stays"
    assert _set(raw, vihf, "SUPPRESSION")[0] == "DMPOk"


def test_what_staff_declares_is_given_to_the_structure(raw: RawClient) -> None:
    patient = sample.OBJECTOR.ins
    staff = SECRETARY.but(patient=patient)
    blocked_elsewhere = Vihf(patient=patient).of(sample.BLOCKED_DOCTOR)
    assert raw.find(blocked_elsewhere).errors == [DENIED]
    assert _set(raw, staff, "AJOUT")[0] == "DMPOk"
    assert raw.find(blocked_elsewhere).outcome == "Success", "a doctor of that hospital"
    assert _states(_list(raw, Vihf(patient=patient), "ACTIVE"))[sample.HOSPITAL.id] == ("VALIDE", "")
    assert _set(raw, staff, "SUPPRESSION")[0] == DENIED
    assert _set(raw, blocked_elsewhere, "SUPPRESSION") == ("DMPOk", "Aucune autorisation, aucune action effectuée")
    records = raw.world.store()
    with records.writing() as db:
        db.execute(sa.delete(store.authorisations).where(store.authorisations.c.person == sample.HOSPITAL.id))
    records.close()


@pytest.mark.parametrize(
    ("vihf", "action", "role"),
    [
        (Vihf().of(sample.BLOCKED_DOCTOR), "AJOUT", ""),
        (Vihf().of(sample.BLOCKED_DOCTOR), "SUPPRESSION", ""),
        (Vihf(mode=INDIRECT), "AJOUT", ""),
        (Vihf(mode=INDIRECT), "SUPPRESSION", ""),
        (Vihf(purpose="bris_de_glace"), "AJOUT", ""),
        (Vihf(purpose="centre_15"), "SUPPRESSION", ""),
        (PATIENT, "AJOUT", ""),
        (Vihf(patient=sample.MINOR.ins).of(sample.NURSE), "AJOUT", "MEDECIN_TRAITANT"),
        (Vihf(patient=sample.MINOR.ins).of(sample.NURSE), "SUPPRESSION", "MEDECIN_TRAITANT"),
        (Vihf(purpose="bris_de_glace").of(sample.TREATING_DOCTOR), "SUPPRESSION", "MEDECIN_TRAITANT"),
    ],
)
def test_who_may_not_change_an_authorisation(raw: RawClient, vihf: Vihf, action: str, role: str) -> None:
    assert _set(raw, vihf, action, role)[0] == DENIED
    assert raw.lines()[-1]["result"] == DENIED


@pytest.mark.parametrize(("patient", "code"), [(sample.ABSENT, "XDSUnknownPatientId"), (sample.CLOSED, "DMPClosed")])
def test_the_record_must_be_open(raw: RawClient, patient: sample.SamplePatient, code: str) -> None:
    assert _set(raw, Vihf(patient=patient.ins), "AJOUT")[0] == code
    assert _list(raw, Vihf(patient=patient.ins), "TOUTE").text("h:output/h:status") == code


def test_an_unknown_action_is_refused(raw: RawClient) -> None:
    body = '<setAuthorization xmlns="urn:si-dmp-habilitations"><action>AUTRE</action></setAuthorization>'
    assert raw.call("habilitations", TD03, body, Vihf()).fault[0] == "Sender"
    assert raw.call("habilitations", TD16, body, Vihf()).fault[0] == "Sender"
    assert _list(raw, Vihf(), "AUTRE").fault[0] == "Sender"


def test_listing_the_authorised_and_the_blocked(raw: RawClient) -> None:
    everybody = {person.id: ("VALIDE", "") for person in sample.AUTHORISED}
    everybody[sample.TREATING_DOCTOR.id] = ("VALIDE", "MEDECIN_TRAITANT")
    blocked = {sample.BLOCKED_DOCTOR.id: ("INTERDIT", "")}
    assert _states(_list(raw, Vihf(), "ACTIVE")) == everybody
    assert _states(_list(raw, Vihf(), "INTERDITE")) == blocked
    assert _states(_list(raw, Vihf(), "TOUTE")) == everybody | blocked
    assert raw.lines()[-1]["transaction"] == "TD1.6"


def test_an_authorisation_has_its_fields_in_order(raw: RawClient) -> None:
    (blocked,) = _list(raw, Vihf(), "INTERDITE").all("h:output/h:authorization")
    fields = [(node.tag.split("}")[1], node.text or "") for node in blocked]
    person = sample.BLOCKED_DOCTOR
    assert fields == [
        ("professionalId", person.id),
        ("lastName", person.family),
        ("firstName", person.given),
        ("structureId", person.structure),
        ("state", "INTERDIT"),
        ("date", "20240102080000"),
    ]


@pytest.mark.parametrize(
    ("vihf", "allowed"),
    [
        (Vihf().of(sample.NURSE), True),
        (Vihf().of(sample.UNAUTHORISED_DOCTOR), True),
        (PATIENT, True),
        (Vihf(mode=INDIRECT), False),
        (Vihf(purpose="bris_de_glace"), False),
        (Vihf(purpose="centre_15"), False),
        (SECRETARY, False),
    ],
)
def test_who_may_list_authorisations(raw: RawClient, vihf: Vihf, allowed: bool) -> None:
    assert _list(raw, vihf, "TOUTE").text("h:output/h:status") == ("DMPOk" if allowed else DENIED)


def _records(
    raw: RawClient, vihf: Vihf, since: str = EVER, kind: str = "LASTAUTORIZATION", owner: str = ""
) -> Received:
    inside = f"<startDate>{since}</startDate><dateType>{kind}</dateType>"
    inside += f"<psOwnerId>{owner}</psOwnerId>" if owner else ""
    body = f'<patientList xmlns="urn:si-dmp-patients">{inside}</patientList>'
    return raw.call("patientsSpecific", TD04, body, vihf)


def _patients(answer: Received) -> dict[str, str]:
    assert answer.text("p:output/p:status") == "DMPOk"
    return {
        node.findtext("p:patientIdentifier/p:nationalId", "", NS): node.findtext("p:MT", "", NS)
        for node in answer.all("p:output/p:patientlistData")
    }


def test_a_professional_lists_the_records_open_to_him(raw: RawClient) -> None:
    mine = {patient.ins: "true" for patient in sample.OPEN_RECORDS}
    assert _patients(_records(raw, Vihf().of(sample.TREATING_DOCTOR))) == mine
    assert raw.lines()[-1]["transaction"] == "TD0.4"
    assert set(_patients(_records(raw, Vihf().of(sample.NURSE))).values()) == {"false"}
    assert _patients(_records(raw, Vihf().of(sample.BLOCKED_DOCTOR))) == {}
    without_patient = _records(raw, Vihf(patient="").of(sample.TREATING_DOCTOR))
    assert _patients(without_patient) == mine
    assert raw.lines()[-1]["patient"] == ""
    assert raw.find(Vihf(patient="")).fault[0] == "wsse:InvalidSecurityToken", "elsewhere a patient is named"


def test_the_list_goes_back_to_a_date(raw: RawClient) -> None:
    vihf = Vihf().of(sample.OTHER_DOCTOR)
    assert _patients(_records(raw, vihf, "20240102080001")) == {}
    before = dtm(-1)
    raw.provide(Document(patient=sample.MINOR.ins), vihf=Vihf(mode=INDIRECT, patient=sample.MINOR.ins))
    assert sample.MINOR.ins in _patients(_records(raw, vihf, before, "LASTDOC"))
    assert _patients(_records(raw, vihf, dtm(60), "LASTDOC")) == {}


def test_a_record_of_the_list_has_its_fields_in_order(raw: RawClient) -> None:
    raw.provide(Document())
    answer = _records(raw, Vihf().of(sample.TREATING_DOCTOR))
    (record,) = [
        node for node in answer.all("p:patientlistData") if node.findtext(".//p:nationalId", "", NS) == sample.ADULT.ins
    ]
    fields = {node.tag.split("}")[1]: node.text or "" for node in record}
    assert list(fields) == [
        "patientIdentifier",
        "lastName",
        "patronymicalName",
        "firstName",
        "civility",
        "dateOfBirth",
        "MT",
        "lastAccessDate",
        "lastUpdateDate",
        "lastAddDate",
    ]
    assert (fields["lastName"], fields["civility"], fields["dateOfBirth"]) == ("PAT-TROIS", "MME", "19790328")
    assert len(fields["lastAddDate"]) == 14


@pytest.mark.parametrize(
    ("vihf", "kind", "owner", "allowed"),
    [
        (Vihf(mode=INDIRECT), "LASTAUTORIZATION", "", True),
        (Vihf(mode=INDIRECT), "LASTDOC", "", False),
        (Vihf(mode=INDIRECT, purpose="centre_15"), "LASTAUTORIZATION", "", False),
        (Vihf(mode=INDIRECT), "LASTAUTORIZATION", sample.NURSE.id, True),
        (Vihf(mode=INDIRECT), "LASTAUTORIZATION", sample.OTHER_DOCTOR.id, False),
        (SECRETARY, "LASTDOC", sample.NURSE.id, True),
        (SECRETARY, "LASTDOC", sample.OTHER_DOCTOR.id, False),
        (Vihf(), "LASTDOC", sample.AUTHOR_DOCTOR.id, True),
        (Vihf(), "LASTDOC", sample.NURSE.id, False),
        (Vihf(purpose="bris_de_glace"), "LASTDOC", "", True),
        (PATIENT, "LASTDOC", "", False),
    ],
)
def test_who_may_list_whose_records(raw: RawClient, vihf: Vihf, kind: str, owner: str, allowed: bool) -> None:
    status = _records(raw, vihf, kind=kind, owner=owner).text("p:output/p:status")
    assert status == ("DMPOk" if allowed else DENIED)


def test_a_list_is_asked_for_as_it_must_be(raw: RawClient) -> None:
    assert _records(raw, Vihf(), "2024").fault[0] == "Sender"
    assert _records(raw, Vihf(), kind="LAST").fault[0] == "Sender"
    assert raw.call("patientsSpecific", TD04, '<x xmlns="urn:si-dmp-patients"/>', Vihf()).fault[0] == "Sender"
    assert raw.call("patients", TD04, "<x/>", Vihf()).fault[0] == "wsa:ActionNotSupported"

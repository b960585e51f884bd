"""TD0.2: the state of each sample record for each kind of user."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT


def _lines(answer: Received) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in answer.all("v3:attentionLine"):
        keyword, value = line.find("{*}keyWordText"), line.find("{*}value")
        assert keyword is not None
        assert value is not None
        assert keyword.get("codeSystem") == "1.2.250.1.213.4.1.2.6.1"
        found[keyword.get("code", "")] = value.get("code", "") or value.get("value", "")
    return found


def _observations(answer: Received) -> dict[str, str]:
    found = {}
    for node in answer.all("v3:administrativeObservation"):
        code, value = node.find("{*}code"), node.find("{*}value")
        assert code is not None
        assert value is not None
        found[code.get("code", "")] = value.get("value", "")
    return found


def _attribute(answer: Received, path: str, name: str) -> str:
    node = answer.find(path)
    assert node is not None
    return node.get(name, "")


@pytest.mark.parametrize(
    ("person", "patient", "state", "treating"),
    [
        (sample.TREATING_DOCTOR, sample.ADULT, "VALIDE", "true"),
        (sample.TREATING_DOCTOR, sample.MINOR, "VALIDE", "true"),
        (sample.NURSE, sample.OBJECTOR, "VALIDE", "false"),
        (sample.UNAUTHORISED_DOCTOR, sample.ADULT, "NON_EXISTE", "false"),
        (sample.BLOCKED_DOCTOR, sample.ADULT, "INTERDIT", "false"),
        (sample.BLOCKED_DOCTOR, sample.MINOR, "NON_EXISTE", "false"),
    ],
)
def test_the_authorisation_of_a_professional(
    raw: RawClient, person: sample.SampleProfessional, patient: sample.SamplePatient, state: str, treating: str
) -> None:
    answer = raw.existence(Vihf(patient=patient.ins).of(person))
    assert _attribute(answer, "v3:queryResponseCode", "code") == "OK"
    assert _attribute(answer, "v3:acknowledgement", "typeCode") == "AA"
    assert _lines(answer) == {"AUTORISATION": state, "STATUT_MT": treating}


def test_the_minor_has_its_traits_and_age(raw: RawClient) -> None:
    answer = raw.existence(Vihf(patient=sample.MINOR.ins))
    born = datetime.strptime(_attribute(answer, "v3:birthTime", "value"), "%Y%m%d").replace(tzinfo=UTC)
    assert 14 * 365 < (datetime.now(UTC) - born).days < 15 * 365 + 4
    families = [node.text for node in answer.all("v3:patientPerson/v3:name/v3:family")]
    assert families == [sample.MINOR.family, sample.MINOR.family]


def test_oppositions(raw: RawClient) -> None:
    assert _observations(raw.existence(Vihf(patient=sample.OBJECTOR.ins))) == {
        "COMPTE_INTERNET_OUVERT": "true",
        "RATTACHEMENT_ENS": "true",
        "OPPOSITION_BRIS_DE_GLACE": "true",
        "OPPOSITION_ACCES_URGENCE": "true",
    }
    assert _observations(raw.existence())["OPPOSITION_BRIS_DE_GLACE"] == "false"


def test_a_closed_record_is_ok_and_terminated(raw: RawClient) -> None:
    answer = raw.existence(Vihf(patient=sample.CLOSED.ins))
    assert _attribute(answer, "v3:queryResponseCode", "code") == "OK"
    assert _attribute(answer, "v3:patient/v3:statusCode", "code") == "terminated"
    assert _attribute(answer, "v3:patient/v3:effectiveTime/v3:high", "value") == "20240201"


@pytest.mark.parametrize("vihf", [Vihf(patient=sample.ABSENT.ins), Vihf(patient_oid="1.2.250.1.213.1.4.8")])
def test_no_record_is_nf(raw: RawClient, vihf: Vihf) -> None:
    answer = raw.existence(vihf)
    assert _attribute(answer, "v3:queryResponseCode", "code") == "NF"
    assert _attribute(answer, "v3:acknowledgement", "typeCode") == "AA"
    assert answer.find("v3:subject") is None


def test_another_patient_than_the_vihf_s_is_refused(raw: RawClient) -> None:
    answer = raw.existence(asked=sample.MINOR.ins)
    assert _attribute(answer, "v3:acknowledgement", "typeCode") == "AE"
    assert _attribute(answer, "v3:acknowledgementDetail/v3:code", "code") == "XDSPatientIdDoesNotMatch"
    assert raw.lines()[-1]["result"] == "XDSPatientIdDoesNotMatch"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("TEST_EXST", "OTHER", "SYN103"),
        ('acceptAckCode code="AL"', 'acceptAckCode code="NE"', "SYN103"),
        ("1.2.250.1.213.4.1.1.1", "1.2.3", "SYN103"),
        ("Patient.id", "Patient", "SYN103"),
        ('<queryId root="2.25.99"/>', "", "SYN100"),
        ('ITSVersion="XML_1.0"', 'ITSVersion="2"', "SYN103"),
        ('statusCode code="new"', 'statusCode code="old"', "SYN103"),
    ],
)
def test_the_frame_of_the_message_is_checked(raw: RawClient, old: str, new: str, code: str) -> None:
    answer = raw.existence(change=(old, new))
    assert _attribute(answer, "v3:acknowledgement", "typeCode") == "AE"
    assert _attribute(answer, "v3:acknowledgementDetail/v3:code", "code") == code


@pytest.mark.parametrize(
    "vihf",
    [
        Vihf(),
        Vihf(mode=INDIRECT),
        Vihf(mode=INDIRECT, purpose="centre_15"),
        Vihf(purpose="bris_de_glace").of(sample.NURSE),
    ],
)
def test_administrative_data_are_asked_for_by_their_reason(raw: RawClient, vihf: Vihf) -> None:
    answer = raw.existence(vihf, change=("TEST_EXST", "CNSLT_DATA"))
    assert _attribute(answer, "v3:queryResponseCode", "code") == "OK"
    assert answer.text("v3:patientPerson/v3:name/v3:given") == sample.ADULT.given
    assert raw.lines()[-1]["transaction"] == "TD1.3a"


def test_administrative_data_are_refused_by_the_rights_service(raw: RawClient) -> None:
    """Break glass does not exist in plain indirect authentication (PDT-INF-526)."""
    vihf = Vihf(mode=INDIRECT, purpose="bris_de_glace")
    for reason in ("TEST_EXST", "CNSLT_DATA"):
        answer = raw.existence(vihf, change=("TEST_EXST", reason))
        assert _attribute(answer, "v3:acknowledgement", "typeCode") == "AE"
        assert _attribute(answer, "v3:acknowledgementDetail/v3:code", "code") == "DMPAccessDeniedByRightsService"
    absent = raw.existence(Vihf(patient=sample.ABSENT.ins), change=("TEST_EXST", "CNSLT_DATA"))
    assert _attribute(absent, "v3:queryResponseCode", "code") == "NF"

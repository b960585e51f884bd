from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from facade.dmp import hl7v3
from facade.dmp.config import DmpConfig
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS
from facade.xmlsafe import parse
from tests.support.dmp_callers import PATIENT

ASKED = hl7v3.Asked(PATIENT)
IDS = f'<id root="{PATIENT.kind.value}" extension="{PATIENT.value}"/>'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def observation(code: str, value: str) -> str:
    return (
        f'<subjectOf><administrativeObservation><code code="{code}"/><value xsi:type="BL" {value}/>'
        "</administrativeObservation></subjectOf>"
    )


def attention(code: str, value: str) -> str:
    return f'<attentionLine><keyWordText code="{code}"/><value {value}/></attentionLine>'


PERSON = (
    '<patientPerson><name><prefix>M</prefix><family qualifier="SP">USAGE</family><family qualifier="BR">NAISSANCE'
    '</family><given>ANNE</given><given>MARIE</given></name><administrativeGenderCode code="F"/>'
    '<birthTime value="19790301"/><deceasedInd value="false"/></patientPerson>'
)


def answer(
    *,
    code: str = "OK",
    ack: str = '<acknowledgement typeCode="AA"/>',
    lines: str = attention("AUTORISATION", 'xsi:type="CE" code="VALIDE"') + attention("STATUT_MT", 'value="true"'),
    patient: str = f'<statusCode code="active"/>{PERSON}',
    ids: str = IDS,
    query_id: str = "",
) -> bytes:
    subject = f"<subject1><patient>{ids}{patient}</patient></subject1>"
    subject = f"<subject><registrationEvent>{subject}</registrationEvent></subject>"
    return (
        f'<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3" {XSI}>{ack}{lines}<controlActProcess>'
        f"{subject if patient else ''}<queryAck>{query_id}"
        f'<queryResponseCode code="{code}"/></queryAck></controlActProcess>'
        "</PRPA_IN201308UV02>"
    ).encode()


def read(**changes: str) -> Dossier:
    return hl7v3.read_existence(parse(answer(**changes)), ASKED)


def test_an_open_record_with_authorisation() -> None:
    dossier = read()
    assert (dossier.exists, dossier.closed, dossier.treating_doctor) == (True, False, True)
    assert dossier.authorisation is Authorisation.VALID
    assert not dossier.deceased


def test_the_traits_are_read_and_not_shown() -> None:
    traits = read().traits
    assert (traits.family, traits.birth_family, traits.given, traits.sex) == ("USAGE", "NAISSANCE", "ANNE", "F")
    assert traits.birth_date == date(1979, 3, 1)
    assert "NAISSANCE" not in repr(traits)


def test_names_not_known_are_empty() -> None:
    unknown = PERSON.replace("USAGE", "NON RENSEIGNE").replace("ANNE</", "NON RENSEIGNE</")
    traits = read(patient=f'<statusCode code="active"/>{unknown}').traits
    assert (traits.family, traits.birth_family, traits.given) == ("NAISSANCE", "NAISSANCE", "MARIE")


@pytest.mark.parametrize("text", ["1979", "19790230", "", "x"])
def test_a_birth_date_that_is_none(text: str) -> None:
    assert read(patient=PERSON.replace("19790301", text)).traits.birth_date is None


@pytest.mark.parametrize(
    ("code", "authorisation"),
    [
        ("VALIDE", Authorisation.VALID),
        ("NON_EXISTE", Authorisation.NONE),
        ("INTERDIT", Authorisation.BLOCKED),
        ("EXPIRE", Authorisation.EXPIRED),
        ("AUTRE", Authorisation.NONE),
    ],
)
def test_authorisation(code: str, authorisation: Authorisation) -> None:
    assert read(lines=attention("AUTORISATION", f'code="{code}"')).authorisation is authorisation


def test_without_attention_lines_nothing_is_granted() -> None:
    dossier = read(lines="")
    assert dossier.authorisation is Authorisation.NONE
    assert not dossier.treating_doctor


def test_no_record() -> None:
    assert read(code="NF", patient="") == Dossier(exists=False)
    assert read(code="NF", patient="", ack='<acknowledgement typeCode="AE"/>') == Dossier(exists=False)


def test_a_closed_record() -> None:
    dossier = read(
        patient='<statusCode code="terminated"/><effectiveTime><high value="20250131120000"/></effectiveTime>' + PERSON
    )
    assert (dossier.exists, dossier.closed, dossier.closure_date) == (True, True, date(2025, 1, 31))


@pytest.mark.parametrize(
    ("value", "objects"), [('value="true"', True), ('value="false"', False), ('nullFlavor="UNK"', True), (None, False)]
)
def test_oppositions_to_emergency_access(value: str | None, objects: bool) -> None:
    shown = observation("OPPOSITION_BRIS_DE_GLACE", value) if value else ""
    dossier = read(patient=PERSON + shown)
    assert (dossier.objects_bris_de_glace, dossier.objects_centre_15) == (objects, False)
    shown = observation("OPPOSITION_ACCES_URGENCE", value) if value else ""
    dossier = read(patient=PERSON + shown)
    assert (dossier.objects_bris_de_glace, dossier.objects_centre_15) == (False, objects)


def test_mes_link_and_death() -> None:
    dossier = read(
        patient=PERSON.replace('deceasedInd value="false"', 'deceasedInd value="true"')
        + observation("RATTACHEMENT_ENS", 'value="true"')
    )
    assert dossier.mes_link
    assert dossier.deceased


def test_an_application_error() -> None:
    ack = (
        '<acknowledgement typeCode="AE"><acknowledgementDetail><code code="DMPAccessDeniedByRightsService"/>'
        "<text>refusé</text><location>here</location></acknowledgementDetail></acknowledgement>"
    )
    with pytest.raises(DmpRefused) as caught:
        read(ack=ack, code="AE", patient="")
    assert (caught.value.code, caught.value.text, caught.value.channel) == (
        "DMPAccessDeniedByRightsService",
        "refusé",
        "hl7",
    )


def test_an_error_without_detail_has_the_kind_of_acknowledgement_as_its_code() -> None:
    with pytest.raises(DmpRefused) as caught:
        read(ack='<acknowledgement><typeCode code="AR"/></acknowledgement>', code="AE", patient="")
    assert caught.value.code == "AR"


@pytest.mark.parametrize("broken", [{"ack": ""}, {"patient": ""}, {"code": "QE"}, {"code": ""}])
def test_an_answer_that_says_nothing_is_not_believed(broken: dict[str, str]) -> None:
    with pytest.raises(DmpUnavailable, match=r"dmp\.answer-invalid"):
        read(**broken)
    with pytest.raises(DmpUnavailable):
        hl7v3.read_existence(parse(b"<other/>"), ASKED)


OTHER = hl7v3.Asked(INS.of("1.2.250.1.213.1.4.10", "155117512345674"))


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": f'<id root="{PATIENT.kind.value}" extension="{OTHER.patient.value}"/>'},
        {"ids": f'<id root="1.2.250.1.213.1.4.8" extension="{PATIENT.value}"/>'},
        {"ids": ""},
        {"query_id": f'<queryId root="{OTHER.query_id}"/>'},
        {"ack": f'<acknowledgement typeCode="AA"><targetMessage><id root="{OTHER.message_id}"/></targetMessage>'
         "</acknowledgement>"},
        {"query_id": f'<queryId root="{OTHER.query_id}"/>', "code": "NF", "patient": ""},
    ],
)  # fmt: skip
def test_the_answer_to_another_question_is_not_believed(changes: dict[str, str]) -> None:
    with pytest.raises(DmpUnavailable, match=r"dmp\.answer-mismatched"):
        read(**changes)


def test_a_record_held_under_another_ins_by_now() -> None:
    ids = f'<id root="{PATIENT.kind.value}" extension="{OTHER.patient.value}"/>'
    assert read(ids=ids, query_id=f'<queryId root="{ASKED.query_id}"/>').exists


def test_an_old_ins_c_beside_the_ins() -> None:
    assert read(ids=f'<id root="1.2.250.1.213.1.4.2" extension="1234567890123456789012"/>{IDS}').exists


def test_the_request(config: DmpConfig) -> None:
    root = parse(hl7v3.existence_request(config, ASKED, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)).encode())
    ns = {"h": "urn:hl7-org:v3"}

    def one(path: str) -> str:
        found = root.xpath(path, namespaces=ns)
        assert isinstance(found, list)
        assert len(found) == 1
        return str(found[0])

    assert one("h:creationTime/@value") == "20260102030405+0000"
    assert one("//h:patientIdentifier/h:value/@root") == "1.2.250.1.213.1.4.10"
    assert one("//h:patientIdentifier/h:value/@extension") == PATIENT.value
    assert one("//h:reasonCode/@code") == "TEST_EXST"
    assert one("h:receiver/h:device/h:id/@root") == "1.2.250.1.213.4.1.1.1"
    assert one("h:sender/h:device/h:id/@root") == "1.2.250.1.999.1"

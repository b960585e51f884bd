"""TD0.3, TD1.6, TD0.4 and TD1.3a over a real HTTPS connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
import structlog
from lxml import etree

from facade.dmp.gateway import SoapGateway
from facade.domain.caller import CallerKind
from facade.domain.dmp import (
    AuthorisationChange,
    AuthorisationList,
    AuthorisedRecord,
    ProfessionalAuthorisation,
    RecordDate,
)
from facade.domain.document import XdsTime
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS
from tests.support import dmp_answers as answers
from tests.support.dmp_callers import PATIENT, session
from tests.support.dmp_observer import ToldObserver
from tests.support.dmp_server import DmpServer, Reply
from tests.support.dmp_wire import body, mode

HABILITATIONS, PATIENTS = "urn:si-dmp-habilitations", "urn:si-dmp-patients"
SET_ACTION = "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization"
Make = Callable[..., SoapGateway]


def output(name: str, inner: str = "", status: str = "DMPOk", *, namespace: str = HABILITATIONS) -> str:
    return (
        f'<o:{name}Response xmlns:o="{namespace}"><o:output>{inner}<o:status>{status}</o:status>'
        f"<o:context>explication</o:context></o:output></o:{name}Response>"
    )


def canonical(element: etree._Element) -> str:
    return etree.tostring(element, method="c14n", exclusive=True).decode()


@pytest.mark.parametrize(
    ("change", "inner"),
    [
        (AuthorisationChange.DECLARE, "<action>AJOUT</action>"),
        (AuthorisationChange.REMOVE, "<action>SUPPRESSION</action>"),
        (
            AuthorisationChange.STOP_BEING_TREATING_DOCTOR,
            "<action>SUPPRESSION</action><role>MEDECIN_TRAITANT</role>",
        ),
    ],
)
def test_change_authorisation(server: DmpServer, gateway: SoapGateway, change: AuthorisationChange, inner: str) -> None:
    server.respond = answers.plain(output("setAuthorization"))
    gateway.change_authorisation(session(), change)
    [seen] = server.seen
    assert seen.path == "/si-dmp-server/v2/services/habilitations"
    assert mode(seen) == "INDIRECTE_RENFORCEE"
    assert f'action="{SET_ACTION}"' in seen.headers["Content-Type"]
    assert f">{SET_ACTION}</wsa:Action>".encode() in seen.message
    assert canonical(body(seen)) == f'<setAuthorization xmlns="{HABILITATIONS}">{inner}</setAuthorization>'


def test_the_action_of_a_transaction_is_a_setting(server: DmpServer, make_gateway: Make) -> None:
    server.respond = answers.plain(output("setAuthorization"))
    gateway = make_gateway(actions={"TD0.3": "urn:hl7-org:v3:setAuthorization"})
    gateway.change_authorisation(session(), AuthorisationChange.DECLARE)
    assert 'action="urn:hl7-org:v3:setAuthorization"' in server.seen[0].headers["Content-Type"]
    assert b">urn:hl7-org:v3:setAuthorization</wsa:Action>" in server.seen[0].message


def declare(gateway: SoapGateway) -> object:
    gateway.change_authorisation(session(), AuthorisationChange.DECLARE)
    return None


def list_all(gateway: SoapGateway) -> object:
    return gateway.list_authorisations(session(), AuthorisationList.ALL)


def list_records(gateway: SoapGateway) -> object:
    return gateway.list_records(session(), XdsTime("2025"), RecordDate.DOCUMENT)


SERVICES: list[tuple[Callable[[SoapGateway], object], str, str, bool]] = [
    (declare, "setAuthorization", HABILITATIONS, True),
    (list_all, "listAuthorizationByPatient", HABILITATIONS, False),
    (list_records, "patientList", PATIENTS, False),
]


@pytest.mark.parametrize(("act", "name", "namespace", "changes"), SERVICES)
def test_any_other_status_is_a_refusal(
    server: DmpServer,
    gateway: SoapGateway,
    act: Callable[[SoapGateway], object],
    name: str,
    namespace: str,
    changes: bool,
) -> None:
    server.respond = answers.plain(output(name, "", "DMPAccessDeniedByRightsService", namespace=namespace))
    with pytest.raises(DmpRefused) as caught:
        act(gateway)
    error = caught.value
    assert (error.code, error.text, error.channel) == ("DMPAccessDeniedByRightsService", "explication", "status")


@pytest.mark.parametrize(("act", "name", "namespace", "changes"), SERVICES)
def test_an_answer_without_status_is_none(
    server: DmpServer,
    gateway: SoapGateway,
    act: Callable[[SoapGateway], object],
    name: str,
    namespace: str,
    changes: bool,
) -> None:
    whole = output(name, namespace=namespace)
    for wrong in (
        output(name, "", "", namespace=namespace),
        output("other", namespace=namespace),
        whole.replace("o:output", "o:input"),
        f'<o:{name}Response xmlns:o="{namespace}"/>',
        answers.registry(),
    ):
        server.respond = answers.plain(wrong)
        with pytest.raises(DmpUnavailable) as caught:
            act(gateway)
        assert caught.value.problems[0].code == "dmp.answer-invalid"
        assert caught.value.outcome_unknown is changes


def test_only_the_reads_are_tried_again(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda _: Reply(hang_up=True)
    for act, times in ((declare, 1), (list_all, 3), (list_records, 5)):
        with pytest.raises(DmpUnavailable) as caught:
            act(gateway)
        assert caught.value.outcome_unknown is (act is declare)
        assert len(server.seen) == times


OFFICIAL = (
    "<o:listOfAuthorizationByPatient><o:nationalId>899700000015</o:nationalId>"
    "<o:nationalIdType>1.2.250.1.71.4.2.1</o:nationalIdType><o:firstName>ALICE</o:firstName>"
    "<o:lastName>MARTIN</o:lastName><o:codeSpeciality>G15_10/SM26</o:codeSpeciality>"
    "<o:startOfAuthorization>20210601135804</o:startOfAuthorization><o:mode>ACTIVE</o:mode>"
    "<o:specificRight>MEDECIN_TRAITANT</o:specificRight></o:listOfAuthorizationByPatient>"
)
STRUCTURE = (
    "<o:listOfAuthorizationByPatient><o:nationalId>1750712184</o:nationalId>"
    "<o:nationalIdType>1.2.250.1.71.4.2.2</o:nationalIdType><o:lastName>HOPITAL TEST</o:lastName>"
    "<o:mode>INTERDITE</o:mode></o:listOfAuthorizationByPatient>"
)
PLAIN = (
    '<authorization xmlns=""><professionalId>899700000023</professionalId><lastName>DURAND</lastName>'
    "<firstName>BRUNO</firstName><structureId>1750712184</structureId><state>INTERDIT</state>"
    "<role>AUTRE</role><role>MEDECIN_TRAITANT</role><date>20260101</date></authorization>"
)
ALICE = ProfessionalAuthorisation(
    "899700000015", "", False, True, XdsTime("20210601135804"), person_name="MARTIN ALICE"
)
HOSPITAL = ProfessionalAuthorisation("", "1750712184", True, person_name="HOPITAL TEST")
BRUNO = ProfessionalAuthorisation(
    "899700000023", "1750712184", True, True, XdsTime("20260101"), person_name="DURAND BRUNO"
)


@pytest.mark.parametrize("which", AuthorisationList)
def test_list_authorisations(server: DmpServer, gateway: SoapGateway, which: AuthorisationList) -> None:
    server.respond = answers.plain(output("listAuthorizationByPatient", OFFICIAL + STRUCTURE + OFFICIAL + PLAIN))
    assert gateway.list_authorisations(session(), which) == (ALICE, HOSPITAL, BRUNO)
    [seen] = server.seen
    assert seen.path == "/si-dmp-server/v2/services/habilitations"
    assert mode(seen) == "INDIRECTE_RENFORCEE"
    expected = f'<listAuthorizationByPatient xmlns="{HABILITATIONS}"><mode>{which}</mode></listAuthorizationByPatient>'
    assert canonical(body(seen)) == expected


def test_names_are_not_in_a_repr() -> None:
    assert "MARTIN" not in repr(ALICE)


@pytest.mark.parametrize(
    ("which", "blocked"),
    [(AuthorisationList.ACTIVE, False), (AuthorisationList.BLOCKED, True), (AuthorisationList.ALL, None)],
)
def test_a_state_that_is_not_said_is_that_of_the_list(
    server: DmpServer, gateway: SoapGateway, which: AuthorisationList, blocked: bool | None
) -> None:
    stateless = OFFICIAL.replace("<o:mode>ACTIVE</o:mode>", "")
    server.respond = answers.plain(output("listAuthorizationByPatient", stateless))
    if blocked is None:
        with pytest.raises(DmpUnavailable, match="answer-invalid"):
            gateway.list_authorisations(session(), which)
    else:
        [found] = gateway.list_authorisations(session(), which)
        assert found.blocked is blocked


def test_an_expired_authorisation_is_neither_and_an_unknown_state_is_not_guessed(
    server: DmpServer, gateway: SoapGateway
) -> None:
    expired = OFFICIAL.replace(">ACTIVE<", ">EXPIRE<")
    server.respond = answers.plain(output("listAuthorizationByPatient", expired + STRUCTURE))
    assert list_all(gateway) == (HOSPITAL,)
    server.respond = answers.plain(output("listAuthorizationByPatient", OFFICIAL.replace(">ACTIVE<", ">PEUT-ETRE<")))
    with pytest.raises(DmpUnavailable, match="answer-invalid"):
        list_all(gateway)


def identifier(value: str, kind: str) -> str:
    return (
        f"<o:patientIdentifier><o:nationalId>{value}</o:nationalId><o:nationalIdType>{kind}</o:nationalIdType>"
        "</o:patientIdentifier>"
    )


def record(*identifiers: str, inner: str = "") -> str:
    traits = "<o:lastName>PAT-TROIS</o:lastName><o:firstName>DOMINIQUE</o:firstName><o:dateOfBirth>1979</o:dateOfBirth>"
    return f"<o:patientlistData>{''.join(identifiers)}{traits}{inner}</o:patientlistData>"


OWN = identifier(PATIENT.value, PATIENT.kind.value)
OLD = identifier("0740724093302701701806", "1.2.250.1.213.1.4.2")


def test_list_records(server: DmpServer, gateway: SoapGateway) -> None:
    inner = (
        "<o:MT>true</o:MT><o:message>false</o:message><o:lastAccessDate>20210601094105</o:lastAccessDate>"
        "<o:lastUpdateDate>20210525134738</o:lastUpdateDate><o:lastAddDate>20210525134735</o:lastAddDate>"
    )
    other = identifier("155117512345674", "1.2.250.1.213.1.4.8")
    records = record(OLD, OWN, inner=inner) + record(other, OLD, inner="<o:MT>false</o:MT>") + record(OLD)
    server.respond = answers.plain(output("patientList", records, namespace=PATIENTS))
    with structlog.testing.capture_logs() as logs:
        found = gateway.list_records(session(), XdsTime("202503"), RecordDate.AUTHORISATION)
    times = (XdsTime("20210601094105"), XdsTime("20210525134738"), XdsTime("20210525134735"))
    assert found == (
        AuthorisedRecord(PATIENT, True, *times),
        AuthorisedRecord(INS.of("1.2.250.1.213.1.4.8", "155117512345674")),
    )
    assert [log["records"] for log in logs if log["event"] == "dmp.records-without-ins"] == [1]
    assert not {"PAT-TROIS", PATIENT.value} & set(str(logs).split("'"))
    [seen] = server.seen
    assert seen.path == "/si-dmp-server/v2/services/patientsSpecific"
    assert mode(seen) == "INDIRECTE_RENFORCEE"
    assert 'action="urn:si-dmp-patients:PatientSpecificEndPoint:patientList"' in seen.headers["Content-Type"]
    assert canonical(body(seen)) == (
        f'<patientList xmlns="{PATIENTS}"><startDate>20250301000000</startDate>'
        "<dateType>LASTAUTORIZATION</dateType></patientList>"
    )


@pytest.mark.parametrize(
    ("since", "start"),
    [("2025", "20250101000000"), ("20250310", "20250310000000"), ("20250310080910", "20250310080910")],
)
def test_the_first_second_of_a_partial_time(server: DmpServer, gateway: SoapGateway, since: str, start: str) -> None:
    server.respond = answers.plain(output("patientList", namespace=PATIENTS))
    assert gateway.list_records(session(), XdsTime(since), RecordDate.DOCUMENT) == ()
    assert f"<startDate>{start}</startDate><dateType>LASTDOC</dateType>".encode() in server.seen[0].message


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(CallerKind.PROFESSIONAL, "INDIRECTE_RENFORCEE"), (CallerKind.STRUCTURE, "INDIRECTE")],
)
def test_administrative_data(server: DmpServer, make_gateway: Make, kind: CallerKind, expected: str) -> None:
    observer = ToldObserver()
    gateway = make_gateway(observer=observer)
    server.respond = answers.plain(
        '<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><acknowledgement typeCode="AA"/><controlActProcess><subject>'
        f'<registrationEvent><subject1><patient><id root="{PATIENT.kind.value}" extension="{PATIENT.value}"/>'
        "<statusCode code='active'/><patientPerson><name>"
        '<given>DOMINIQUE</given><family qualifier="SP">PAT-TROIS</family></name><birthTime value="19790328"/>'
        "</patientPerson></patient></subject1></registrationEvent></subject><queryAck>"
        '<queryResponseCode code="OK"/></queryAck></controlActProcess></PRPA_IN201308UV02>'
    )
    dossier = gateway.read_administrative_data(session(kind))
    assert dossier.exists
    assert (dossier.traits.family, dossier.traits.birth_date) == ("PAT-TROIS", date(1979, 3, 28))
    [seen] = server.seen
    assert seen.path.endswith("/patients")
    assert mode(seen) == expected
    assert b'<reasonCode code="CNSLT_DATA" codeSystem="1.2.250.1.213.1.1.4.11"/>' in seen.message
    assert observer.ended_as == [("TD1.3a", "ok")]

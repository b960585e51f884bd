"""Each transaction over a real HTTPS connection: what is sent, in which mode, and what becomes of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog

from facade.dmp import xds
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_write import extrinsic_object
from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import CallerKind
from facade.domain.dmp import DmpGateway, DocumentQuery
from facade.domain.document import Availability, Coded, DocumentEntry, ReferenceId
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError
from facade.domain.ins import INS
from facade.observability.dmp import DmpObserver
from tests.support import dmp_answers as answers
from tests.support.dmp_callers import PATIENT, session
from tests.support.dmp_entries import CDA, ENTRY, LOT, SUBMISSION
from tests.support.dmp_observer import ToldObserver
from tests.support.dmp_server import DmpServer, Reply, envelope
from tests.support.dmp_wire import body, mode, purpose, slots

EXISTENCE = (
    '<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><acknowledgement typeCode="AA"/><controlActProcess><queryAck>'
    '<queryResponseCode code="NF"/></queryAck></controlActProcess></PRPA_IN201308UV02>'
)
Make = Callable[..., SoapGateway]


def on_the_wire(entry: DocumentEntry) -> str:
    return extrinsic_object(entry, xds.uuid_urn(entry.entry_uuid), Ids(), status=True)


def test_it_is_the_gateway_of_the_house(gateway: SoapGateway) -> None:
    door: DmpGateway = gateway
    assert door.probe() is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (CallerKind.PROFESSIONAL, "INDIRECTE_RENFORCEE"),
        (CallerKind.PATIENT, "INDIRECTE_RENFORCEE"),
        (CallerKind.REPRESENTATIVE, "INDIRECTE_RENFORCEE"),
        (CallerKind.STRUCTURE, "INDIRECTE"),
        (CallerKind.APPLICATION, "INDIRECTE"),
    ],
)
def test_check_access(server: DmpServer, gateway: SoapGateway, kind: CallerKind, expected: str) -> None:
    server.respond = answers.plain(EXISTENCE)
    assert not gateway.check_access(session(kind)).exists
    [seen] = server.seen
    assert seen.path == "/si-dmp-server/v2/services/patients"
    assert mode(seen) == expected
    assert seen.headers["Content-Type"].startswith("application/soap+xml")
    assert 'action="urn:hl7-org:v3:PRPA_IN201307UV02"' in seen.headers["Content-Type"]


def test_the_mode_of_every_other_transaction(server: DmpServer, gateway: SoapGateway) -> None:
    emergency = session(purpose=Purpose.BREAK_GLASS)
    server.respond = answers.plain(answers.search())
    gateway.find_documents(emergency, DocumentQuery())
    gateway.get_documents(emergency, unique_ids=["1.2.3"])
    gateway.find_reference(emergency, "1.2.3")
    server.respond = answers.plain(answers.registry())
    gateway.publish(emergency, SUBMISSION)
    gateway.update_metadata(emergency, LOT, ENTRY)
    gateway.update_status(emergency, LOT, ENTRY, Availability.ARCHIVED)
    server.respond = answers.with_parts(answers.retrieved({ENTRY.unique_id: answers.include("d")}), {"d": CDA})
    gateway.retrieve(emergency, [ENTRY])
    reinforced = ("INDIRECTE_RENFORCEE", "bris_de_glace")
    assert [(mode(seen), purpose(seen)) for seen in server.seen] == [
        reinforced,
        reinforced,
        ("INDIRECTE", "normal"),
        ("INDIRECTE", "normal"),
        reinforced,
        reinforced,
        reinforced,
    ]


def test_a_read_reuses_the_assertion_and_a_change_does_not(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search())
    for _ in range(2):
        gateway.find_documents(session(), DocumentQuery())
    server.respond = answers.plain(answers.registry())
    for _ in range(2):
        gateway.update_metadata(session(), LOT, ENTRY)
    ids = [re.findall(rb'<saml2:Assertion[^>]* ID="([^"]+)"', seen.message)[0] for seen in server.seen]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert len({seen.message_id for seen in server.seen}) == 4


def test_the_trace_context_goes_along(server: DmpServer, make_gateway: Make) -> None:
    server.respond = answers.plain(answers.search())
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "vendor=value"}
    make_gateway(observer=ToldObserver(trace)).find_documents(session(), DocumentQuery())
    make_gateway().find_documents(session(), DocumentQuery())
    told = [(seen.headers.get("traceparent"), seen.headers.get("tracestate")) for seen in server.seen]
    assert told == [tuple(trace.values()), (None, None)]


def test_find_returns_every_entry_once_also_those_of_another_ins_and_counts_them(
    server: DmpServer, gateway: SoapGateway
) -> None:
    own = replace(ENTRY, logical_id=ENTRY.entry_uuid)
    ids = [f"{number}1111111-2222-4333-8444-555555555555" for number in (2, 3)]
    others = tuple(
        replace(own, patient=INS.of("1.2.250.1.213.1.4.8", "155117512345674"), entry_uuid=each, logical_id=each)
        for each in ids
    )
    objects = "".join(map(on_the_wire, (own, *others, *others)))
    server.respond = answers.plain(answers.search(objects))
    with structlog.testing.capture_logs() as logs:
        answer = gateway.find_documents(session(), DocumentQuery())
    assert answer.entries == (own, *others)
    assert answer.warnings == ()
    assert [log["entries"] for log in logs if log["event"] == "dmp.entries-of-another-ins"] == [2]
    assert "155117512345674" not in str(logs)


def test_a_comment_does_not_cut_a_value_in_two(server: DmpServer, gateway: SoapGateway) -> None:
    text = on_the_wire(replace(ENTRY, authors=())).replace(">20260101120000<", "><!-- a -->2026<!-- b -->0101120000<")
    server.respond = answers.plain(answers.search(f"<!-- before -->{text}"))
    [entry] = gateway.find_documents(session(), DocumentQuery()).entries
    assert entry.creation_time == ENTRY.creation_time


def test_partial_success_returns_what_there_is_and_says_what_is_missing(
    server: DmpServer, gateway: SoapGateway
) -> None:
    objects = on_the_wire(ENTRY) + on_the_wire(ENTRY).replace('name="creationTime"', 'name="x"')
    server.respond = answers.plain(answers.search(objects, answers.PARTIAL, "XDSUnavailableCommunity"))
    answer = gateway.find_documents(session(), DocumentQuery())
    assert len(answer.entries) == 1
    assert [each.code for each in answer.warnings] == ["XDSUnavailableCommunity", "dmp.entry-unreadable"]


def test_a_failed_search_is_a_refusal(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search("", answers.FAILURE, "DMPAccessDeniedByRightsService"))
    with pytest.raises(DmpRefused) as caught:
        gateway.find_documents(session(), DocumentQuery())
    assert (caught.value.code, caught.value.channel) == ("DMPAccessDeniedByRightsService", "registry")


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("related", [True, False])
@pytest.mark.parametrize(
    ("code", "subcode", "expected"),
    [
        ("env:DMPInvalidCertificate", "", "DMPInvalidCertificate"),
        ("env:Sender", "wsse:FailedAuthentication", "FailedAuthentication"),
        ("env:Receiver", "", "Receiver"),
    ],
)
def test_a_fault_is_a_refusal(
    server: DmpServer, gateway: SoapGateway, status: int, related: bool, code: str, subcode: str, expected: str
) -> None:
    fault = answers.fault(code, "PS et Structure non liés", subcode)
    server.respond = lambda seen: Reply(envelope(fault, seen.message_id if related else None), status=status)
    with pytest.raises(DmpRefused) as caught:
        gateway.publish(session(), SUBMISSION)
    assert (caught.value.code, caught.value.text, caught.value.channel) == (
        expected,
        "PS et Structure non liés",
        "fault",
    )


def test_search_by_reference(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search())
    reference = ReferenceId("ACC1", "1.2.3", "urn:ihe:iti:xds:2013:accession")
    gateway.find_documents(session(), DocumentQuery(references=(reference,)))
    request = body(server.seen[0])
    assert request.find(f"{{{xds.RIM}}}AdhocQuery").get("id") == xds.FIND_DOCUMENTS_BY_REFERENCE  # type: ignore[union-attr]
    assert slots(request)["$XDSDocumentEntryReferenceIdList"] == [
        "('ACC1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession')"
    ]


def test_get_documents_by_each_kind_of_id(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search())
    gateway.get_documents(session(), logical_ids=["a", "b"])
    gateway.get_documents(session(), unique_ids=["1.2"])
    gateway.get_documents(session(), entry_uuids=["c"])
    assert [slots(body(seen)) for seen in server.seen] == [
        {"$XDSDocumentEntryLogicalID": ["('urn:uuid:a')", "('urn:uuid:b')"], "$MetadataLevel": ["2"]},
        {"$XDSDocumentEntryUniqueId": ["('1.2')"]},
        {"$XDSDocumentEntryEntryUUID": ["('urn:uuid:c')"]},
    ]
    assert gateway.get_documents(session()).entries == ()
    assert len(server.seen) == 3
    with pytest.raises(ValueError, match="one kind"):
        gateway.get_documents(session(), unique_ids=["1"], entry_uuids=["2"])


def test_find_reference(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search('<rim:ObjectRef id="urn:uuid:AB-1"/>'))
    assert gateway.find_reference(session(), "1.2.3") == "ab-1"
    assert b'returnType="ObjectRef"' in server.seen[0].message
    server.respond = answers.plain(answers.search())
    assert gateway.find_reference(session(), "1.2.3") is None
    server.respond = answers.plain(answers.search("", answers.PARTIAL, "XDSRegistryBusy"))
    with pytest.raises(DmpRefused):  # "not there" is only said when the whole registry was looked at
        gateway.find_reference(session(), "1.2.3")


def test_the_observer_is_told_each_result(server: DmpServer, make_gateway: Make) -> None:
    observer = ToldObserver()
    gateway = make_gateway(observer=observer)
    server.respond = answers.plain(answers.search())
    gateway.find_documents(session(), DocumentQuery())
    server.respond = answers.plain(answers.search("", answers.FAILURE, "XDSTooManyResults"))
    with pytest.raises(DmpRefused):
        gateway.find_documents(session(), DocumentQuery())
    server.respond = lambda _: Reply(b"", status=404)
    with pytest.raises(DmpUnavailable):
        gateway.publish(session(), SUBMISSION)
    assert observer.ended_as == [("TD3.1", "ok"), ("TD3.1", "XDSTooManyResults"), ("TD2.1", "dmp.answer-invalid")]
    assert observer.message_ids == [seen.message_id for seen in server.seen]


def test_the_services_left_alone_are_told(server: DmpServer, make_gateway: Make) -> None:
    observer = ToldObserver()
    gateway = make_gateway(observer=observer, circuit_failures=2, circuit_seconds=60)
    server.respond = lambda _: Reply(b"", status=404)
    for _ in range(3):
        with pytest.raises(DmpUnavailable):
            gateway.find_documents(session(), DocumentQuery())
    assert observer.circuits == [("registry", True)]
    assert gateway.open_circuits() == ["registry"]


def test_no_patient_name_token_or_content_is_logged_or_raised(
    server: DmpServer, make_gateway: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = make_gateway(observer=DmpObserver(["XDSUnknownPatientId"], []))
    secrets = [PATIENT.value, "MARTIN", "PAT-TROIS", "SECRET-HOMOLOGATION", "Accentu", "899700000015", ENTRY.title]
    raised: list[FacadeError] = []
    with structlog.testing.capture_logs() as logs:
        for respond in (
            answers.plain(answers.fault("env:Sender", "refus pour MARTIN")),
            answers.plain(answers.registry(answers.FAILURE, "XDSUnknownPatientId")),
            lambda _: Reply(b"MARTIN", status=500),
        ):
            server.respond = respond
            with pytest.raises(FacadeError) as caught:
                gateway.publish(session(), SUBMISSION)
            raised.append(caught.value)
    assert [line["result"] for line in logs] == ["other", "XDSUnknownPatientId", "other"]
    shown = f"{logs} {[(str(each), repr(each), each.problems) for each in raised]} {capsys.readouterr()}"
    assert not [secret for secret in secrets if secret in shown]
    assert not [secret for secret in secrets if secret in repr(gateway)]


def test_many_codes_are_spread_over_values_a_registry_can_hold(server: DmpServer, gateway: SoapGateway) -> None:
    """rim.xsd: a Value is a LongName, 256 characters at most; several of a code are alternatives."""
    codes = tuple(Coded(f"{number}-1", "2.16.840.1.113883.6.1") for number in range(80))
    server.respond = answers.plain(answers.search())
    gateway.find_documents(session(), DocumentQuery(type_codes=codes))
    values = slots(body(server.seen[0]))["$XDSDocumentEntryTypeCode"]
    assert max(map(len, values)) <= 256
    assert ",".join(value[1:-1] for value in values) == ",".join(f"'{each.code}^^{each.scheme}'" for each in codes)
    assert len(values) < len(codes) / 5

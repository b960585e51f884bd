"""The gateway against the embedded DMP, over mutual TLS, for what no FHIR call reaches yet: lots, links, TD0.4."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import AssociationType, DmpSession, LotQuery, RecordDate
from facade.domain.document import XdsTime
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS
from tests.support.demo import RunningDemo

HOSPITAL = Structure("1990000028", "HOPITAL DE ROCHEVAL", "SA01")
CLINIC = Structure("1990000044", "CLINIQUE DU PARC", "SA04")
NURSE = Caller(CallerKind.PROFESSIONAL, "899700000047", "PAUL DUMAS", HOSPITAL, "DUMAS", "PAUL", "60")
STRANGER = Caller(CallerKind.PROFESSIONAL, "899700000054", "NADIA ESTEVE", CLINIC, "ESTEVE", "NADIA", "10", "SM26")


def session(demo: RunningDemo, caller: Caller, patient: str = "adult") -> DmpSession:
    identity = demo.patients[patient]
    return DmpSession(caller, INS.of(identity["system"], identity["value"]), Purpose.NORMAL)


def test_nothing_is_wrong_with_the_demonstration(gateway: SoapGateway) -> None:
    assert gateway.diagnose() == []


def test_lots_their_members_and_a_replacement(demo: RunningDemo, gateway: SoapGateway) -> None:
    old = demo.publish("author-doctor", "adult")
    new = demo.publish(
        "author-doctor",
        "adult",
        relatesTo=[{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}],
    )
    uuids = [_entry_uuid(each) for each in (old, new)]
    asking = session(demo, NURSE)
    links = gateway.get_associations(asking, uuids)
    assert (uuids[1], uuids[0]) in [
        (each.source, each.target) for each in links if each.type == AssociationType.REPLACES
    ]
    lot = next(each.source for each in links if each.type == AssociationType.HAS_MEMBER and each.target == uuids[1])
    since = XdsTime.at(datetime.now(UTC) - timedelta(minutes=5))
    assert lot in [each.entry_uuid for each in gateway.find_lots(asking, LotQuery(submitted_from=since)).lots]
    contents = gateway.get_lot(asking, entry_uuid=lot)
    assert [each.entry_uuid for each in contents.lots] == [lot]
    assert uuids[1] in [each.entry_uuid for each in contents.entries]
    both = gateway.get_documents_and_associations(asking, uuids)
    assert {each.entry_uuid for each in both.entries} >= set(uuids)


def test_more_than_twenty_documents_are_asked_for_in_batches(demo: RunningDemo, gateway: SoapGateway) -> None:
    uuids = [_entry_uuid(demo.publish("author-doctor", "adult")) for _ in range(21)]
    found = gateway.get_documents_and_associations(session(demo, NURSE), uuids)
    assert {each.entry_uuid for each in found.entries} >= set(uuids)


def test_a_stranger_to_the_record_is_refused_its_lots(demo: RunningDemo, gateway: SoapGateway) -> None:
    with pytest.raises(DmpRefused) as refused:
        gateway.find_lots(session(demo, STRANGER), LotQuery())
    assert refused.value.code == "DMPAccessDeniedByRightsService"


def test_the_records_a_professional_is_authorised_on(
    shared_demo: RunningDemo, demo: RunningDemo, gateway: SoapGateway
) -> None:
    since = XdsTime("20240101000000")
    mine = {each.patient.value for each in gateway.list_records(session(demo, NURSE), since, RecordDate.AUTHORISATION)}
    open_ones = ("adult", "minor", "objector")
    assert mine == {each.patients[name]["value"] for each in (shared_demo, demo) for name in open_ones}
    assert gateway.list_records(session(demo, STRANGER), since, RecordDate.AUTHORISATION) == ()


def test_administrative_data_of_an_open_and_of_no_record(demo: RunningDemo, gateway: SoapGateway) -> None:
    found = gateway.read_administrative_data(session(demo, NURSE))
    assert (found.exists, found.traits.birth_family) == (True, "PAT-TROIS")
    assert not gateway.read_administrative_data(session(demo, NURSE, "absent")).exists


def _entry_uuid(resource: dict[str, list[dict[str, str]]]) -> str:
    value = next(each["value"] for each in resource["identifier"] if each.get("use") == "official")
    return value.removeprefix("urn:uuid:")

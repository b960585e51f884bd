"""Submission sets and associations: how they are asked for, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.dmp import ebrim_write, xds
from facade.dmp.ebrim_lots import read_associations, read_lots
from facade.dmp.ebrim_parts import Ids, association
from facade.dmp.gateway import SoapGateway
from facade.domain.dmp import Association, AssociationType, LotQuery
from facade.domain.document import Availability, Coded, SubmissionSet, XdsTime
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS
from facade.xmlsafe import parse
from tests.support import dmp_answers as answers
from tests.support import dmp_entries as make
from tests.support.dmp_callers import PATIENT, session
from tests.support.dmp_entries import ENTRY, LOT
from tests.support.dmp_server import DmpServer
from tests.support.dmp_wire import body, mode, slots

STORED = replace(LOT, entry_uuid="44444444-2222-4333-8444-555555555555", comments="Remarque")
ENTRY_STORED = replace(ENTRY, logical_id=ENTRY.entry_uuid)
NODE = f'<rim:Classification id="n" classificationNode="{xds.SUBMISSION_SET_NODE}" classifiedObject="x"/>'


def package(lot: SubmissionSet) -> str:
    """A RegistryPackage as a registry returns it: its classification as a submission set inside."""
    written = ebrim_write.registry_package(lot, xds.uuid_urn(lot.entry_uuid), Ids())
    return written[: written.index("</rim:RegistryPackage>")] + NODE + "</rim:RegistryPackage>"


def folder() -> str:
    return package(STORED).replace(xds.SUBMISSION_SET_NODE, xds.FOLDER_NODE)


def document() -> str:
    return ebrim_write.extrinsic_object(ENTRY, xds.uuid_urn(ENTRY.entry_uuid), Ids(), status=True)


def member(number: int = 1, kind: str = xds.HAS_MEMBER) -> str:
    source, target = xds.uuid_urn(STORED.entry_uuid), xds.uuid_urn(ENTRY.entry_uuid)
    written = association(kind, source, target, {"SubmissionSetStatus": "Original"}, Ids())
    return written.replace('id="as1"', f'id="urn:uuid:{number}0000000-0000-4000-8000-000000000000"')


MEMBER = Association(
    AssociationType.HAS_MEMBER, STORED.entry_uuid, ENTRY.entry_uuid, "10000000-0000-4000-8000-000000000000"
)


def registry_list(*objects: str) -> bytes:
    return f'<rim:RegistryObjectList xmlns:rim="{xds.RIM}">{"".join(objects)}</rim:RegistryObjectList>'.encode()


lots = st.builds(
    SubmissionSet,
    unique_id=make.oids,
    source_id=make.oids,
    patient=make.patients,
    content_type=make.codes,
    authors=st.lists(make.authors, max_size=2).map(tuple),
    submission_time=make.times,
    title=make.texts,
    comments=make.texts,
    entry_uuid=make.uuids,
)


@settings(max_examples=60, deadline=None)
@given(lots)
def test_what_is_written_is_read_back_the_same(lot: SubmissionSet) -> None:
    assert read_lots(parse(registry_list(package(lot))), PATIENT) == ([lot], 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (xds.LOT_UNIQUE_ID, "urn:uuid:other"),
        (xds.LOT_CONTENT_TYPE, "urn:uuid:other"),
        ('name="submissionTime"', 'name="other"'),
        pytest.param(STORED.submission_time.digits, "today", id="submissionTime"),
        (PATIENT.cx.replace("&", "&amp;"), "^^^&amp;1.2&amp;ISO"),
    ],
)
def test_a_lot_without_what_it_must_have_is_left_out_and_counted(old: str, new: str) -> None:
    whole, other = package(STORED), replace(STORED, entry_uuid="54444444-2222-4333-8444-555555555555")
    assert old in whole
    found = read_lots(parse(registry_list(whole.replace(old, new), package(other), package(other))), PATIENT)
    assert found == ([other], 1)


def test_a_folder_is_no_lot() -> None:
    other = package(STORED).replace(NODE, "").replace(xds.LOT_UNIQUE_ID, xds.FOLDER_UNIQUE_ID)
    assert read_lots(parse(registry_list(folder(), other)), PATIENT) == ([], 0)


def test_a_lot_of_another_ins_is_kept() -> None:
    other = replace(STORED, patient=INS.of("1.2.250.1.213.1.4.8", "155117512345674"))
    assert read_lots(parse(registry_list(package(other))), PATIENT)[0] == [other]


def test_associations() -> None:
    unknown, broken = member(2, "urn:x:Other"), member(3).replace("targetObject", "other")
    found = read_associations(parse(registry_list(member(), member(), unknown, broken)))
    assert found == (
        MEMBER,
        replace(MEMBER, type="urn:x:Other", entry_uuid="20000000-0000-4000-8000-000000000000"),
    )


def test_find_lots(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search(package(STORED) + document()))
    answer = gateway.find_lots(
        session(),
        LotQuery(
            statuses=(Availability.APPROVED, Availability.ARCHIVED),
            submitted_from=XdsTime("2025"),
            submitted_to=XdsTime("202602"),
            author_person="^O'NEIL%",
            content_types=(Coded("04", "1.2.250.1.213.2.2"),),
            source_ids=("1.2.3", "1.2.4"),
        ),
    )
    assert (answer.lots, answer.entries, answer.warnings) == ((STORED,), (ENTRY_STORED,), ())
    [seen] = server.seen
    assert mode(seen) == "INDIRECTE_RENFORCEE"
    assert b'returnType="LeafClass"' in seen.message
    assert body(seen).find(f"{{{xds.RIM}}}AdhocQuery").get("id") == xds.FIND_LOTS  # type: ignore[union-attr]
    assert slots(body(seen)) == {
        "$XDSSubmissionSetPatientId": [f"'{PATIENT.cx}'"],
        "$XDSSubmissionSetStatus": [
            "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')",
            "('urn:asip:ci-sis:2010:StatusType:Archived')",
        ],
        "$XDSSubmissionSetSubmissionTimeFrom": ["2025"],
        "$XDSSubmissionSetSubmissionTimeTo": ["202602"],
        "$XDSSubmissionSetAuthorPerson": ["'^O''NEIL%'"],
        "$XDSSubmissionSetContentType": ["('04^^1.2.250.1.213.2.2')"],
        "$XDSSubmissionSetSourceId": ["('1.2.3')", "('1.2.4')"],
    }


def test_partial_and_unreadable_lots_are_said(server: DmpServer, gateway: SoapGateway) -> None:
    broken = package(STORED).replace('name="submissionTime"', 'name="other"')
    server.respond = answers.plain(answers.search(broken, answers.PARTIAL, "XDSRegistryBusy"))
    answer = gateway.find_lots(session(), LotQuery())
    assert answer.lots == ()
    assert [each.code for each in answer.warnings] == ["XDSRegistryBusy", "dmp.lot-unreadable"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"entry_uuid": STORED.entry_uuid}, {"$XDSSubmissionSetEntryUUID": [f"'urn:uuid:{STORED.entry_uuid}'"]}),
        ({"unique_id": STORED.unique_id}, {"$XDSSubmissionSetUniqueId": [f"'{STORED.unique_id}'"]}),
    ],
)
def test_get_lot(server: DmpServer, gateway: SoapGateway, ids: dict[str, str], expected: dict[str, list[str]]) -> None:
    server.respond = answers.plain(answers.search(package(STORED) + document() + member() + folder()))
    answer = gateway.get_lot(session(), **ids)
    assert (answer.lots, answer.entries, answer.associations) == ((STORED,), (ENTRY_STORED,), (MEMBER,))
    assert slots(body(server.seen[0])) == expected
    server.respond = answers.plain(answers.search())
    assert gateway.get_lot(session(), **ids).lots == ()


@pytest.mark.parametrize("ids", [{}, {"entry_uuid": "a", "unique_id": "1.2"}])
def test_get_lot_takes_one_id(gateway: SoapGateway, ids: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one id"):
        gateway.get_lot(session(), **ids)


def test_get_associations(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search(member()))
    assert gateway.get_associations(session(), ["a", "b"]) == (MEMBER,)
    assert slots(body(server.seen[0])) == {"$uuid": ["('urn:uuid:a')", "('urn:uuid:b')"]}
    assert gateway.get_associations(session(), []) == ()
    assert len(server.seen) == 1


def test_associations_that_are_not_all_there_are_a_refusal(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search(member(), answers.PARTIAL, "XDSRegistryBusy"))
    with pytest.raises(DmpRefused) as caught:
        gateway.get_associations(session(), ["a"])
    assert caught.value.code == "XDSRegistryBusy"


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (20, [20]), (21, [20, 1]), (45, [20, 20, 5])])
def test_documents_and_associations_in_batches(
    server: DmpServer, gateway: SoapGateway, count: int, sizes: list[int]
) -> None:
    server.respond = answers.plain(answers.search(document() + member()))
    wanted = [ENTRY_STORED.entry_uuid, *(f"{number}" for number in range(1, count))][:count]
    answer = gateway.get_documents_and_associations(session(), [*wanted, *wanted[:3]])
    asked = [slots(body(seen))["$XDSDocumentEntryEntryUUID"] for seen in server.seen]
    assert [len(each) for each in asked] == sizes
    assert [value for each in asked for value in each] == [f"('urn:uuid:{each}')" for each in wanted]
    assert answer.lots == ()
    assert answer.entries == ((ENTRY_STORED,) if count else ())
    assert answer.associations == ((MEMBER,) if count else ())


def test_a_lot_or_a_document_that_was_not_asked_for_is_not_believed(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search(package(STORED) + document() + member()))
    asked: list[Callable[[], object]] = [
        lambda: gateway.get_lot(session(), unique_id="1.2.3"),
        lambda: gateway.get_documents_and_associations(session(), ["another"]),
        lambda: gateway.get_documents(session(), entry_uuids=["another"]),
        lambda: gateway.get_documents(session(), logical_ids=["another"]),
        lambda: gateway.get_documents(session(), unique_ids=["1.2.3"]),
    ]
    for ask in asked:
        with pytest.raises(DmpUnavailable, match=r"dmp\.answer-mismatched"):
            ask()

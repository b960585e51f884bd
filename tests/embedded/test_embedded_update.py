"""TD3.3: masking, showing, archiving, withdrawing; versions, statuses and rights."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received
from tests.support.embedded_lot import HAS_MEMBER, Document, Lot, association
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, TD33

DENIED = ["DMPAccessDeniedByRightsService"]
NORMAL = ("N", "2.16.840.1.113883.5.25")
MASK = ("MASQUE_PS", "1.2.250.1.213.1.1.4.13")
INVISIBLE = ("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13")
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"
AUTOMATON = Vihf(mode=INDIRECT, name_id=sample.HOSPITAL.id, roles=(("AUTOMATE", "1.2.250.1.213.1.1.4.6"),))
PATIENT = Vihf(name_id="idpe", roles=(("EXP_PATIENT", "1.2.250.1.213.1.1.4.6"),))


def _fed(raw: RawClient, **changes: Any) -> Document:
    document = Document(**changes)
    assert raw.provide(document).outcome == "Success"
    return document


def _next(document: Document, *codes: tuple[str, str], **changes: Any) -> Document:
    return document.but(id=uuid.uuid4().urn, lid=document.lid or document.id, confidentiality=codes, **changes)


def _status(raw: RawClient, document: Document) -> tuple[str, str]:
    (entry,) = raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject")
    info = entry.find("{*}VersionInfo")
    assert info is not None
    return entry.get("status", ""), info.get("versionName", "")


def test_a_new_version_deprecates_the_one_before(raw: RawClient) -> None:
    first = _fed(raw)
    second = _next(first, NORMAL, MASK)
    assert raw.mask(second, 1).outcome == "Success"
    assert raw.lines()[-1]["transaction"] == "TD3.3a"
    third = _next(second, NORMAL, INVISIBLE)
    assert raw.mask(third, 2).outcome == "Success"
    versions = raw.get(LogicalID=f"('{first.id}')", MetadataLevel="2").all("rim:ExtrinsicObject")
    found = [(node.get("id"), node.get("lid"), node.get("status")) for node in versions]
    assert found == [
        (first.id, first.id, DEPRECATED),
        (second.id, first.id, DEPRECATED),
        (third.id, first.id, APPROVED),
    ]
    assert raw.retrieve([first.unique_id]).documents == {first.unique_id: first.bytes}


@pytest.mark.parametrize(
    ("before", "after", "transaction"),
    [
        ((NORMAL,), (NORMAL, MASK), "TD3.3a"),
        ((NORMAL, MASK), (NORMAL,), "TD3.3a"),
        ((NORMAL, INVISIBLE), (NORMAL,), "TD3.3b"),
        ((NORMAL,), (NORMAL, INVISIBLE), "TD3.3b"),
        ((NORMAL, INVISIBLE), (NORMAL, MASK), "TD3.3a"),
    ],
)
def test_the_transaction_follows_the_flags(
    raw: RawClient, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...], transaction: str
) -> None:
    document = _fed(raw, confidentiality=before)
    assert raw.mask(_next(document, *after), 1).outcome == "Success"
    assert raw.lines()[-1]["transaction"] == transaction


def test_an_archived_document_stays_archived_when_masked(raw: RawClient) -> None:
    document = _fed(raw)
    raw.change_status(document.id, APPROVED, ARCHIVED)
    assert raw.mask(_next(document, NORMAL, MASK), 1).outcome == "Success"
    assert _status(raw, document) == (ARCHIVED, "2")


def test_the_previous_version_must_be_the_current_one(raw: RawClient) -> None:
    document = _fed(raw)
    for version in ("2", "0"):
        answer = raw.mask(_next(document, NORMAL, MASK), int(version))
        assert answer.errors == ["XDSMetadataVersionError"]
    assert raw.mask(_next(document, NORMAL, MASK), 1).outcome == "Success"
    assert raw.mask(_next(document, NORMAL), 1).errors == ["XDSMetadataVersionError"]
    assert raw.lines()[-1]["result"] == "XDSMetadataVersionError"


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Autre"},
        {"type_code": ("11490-0", "2.16.840.1.113883.6.1")},
        {"author": sample.NURSE.id},
        {"institution": sample.CLINIC.id},
        {"created": "2020"},
        {"slots": (("serviceStopTime", "20240510"),)},
        {"unique_id": "1.2.3.4.5"},
    ],
)
def test_nothing_but_the_confidentiality_changes(raw: RawClient, changes: dict[str, Any]) -> None:
    document = _fed(raw)
    answer = raw.mask(_next(document, NORMAL, MASK, **changes), 1)
    assert answer.errors == ["XDSMetadataUpdateError"]
    assert _status(raw, document) == (APPROVED, "1")


def test_the_new_metadata_are_checked(raw: RawClient) -> None:
    document = _fed(raw)
    assert raw.mask(_next(document, MASK), 1).errors == ["XDSRegistryMetadataError"]
    assert raw.mask(_next(document, NORMAL, ("X", "1")), 1).errors == ["XDSRegistryMetadataError"]
    assert raw.mask(_next(document, NORMAL, MASK).but(lid=uuid.uuid4().urn), 1).errors == [
        "UnresolvedReferenceException"
    ]
    assert raw.mask(_next(document, NORMAL, MASK).but(id=document.id), 1).errors == ["XDSMetadataIdentifierError"]
    assert raw.update(_next(document, NORMAL, MASK).xml()).errors == ["XDSMetadataUpdateError"]
    assert raw.call("registry", TD33, "<x/>", Vihf()).errors == ["XDSRegistryError"]


def test_a_document_of_another_record_is_unknown(raw: RawClient) -> None:
    document = _fed(raw)
    vihf = Vihf(patient=sample.MINOR.ins)
    assert raw.change_status(document.id, APPROVED, ARCHIVED, vihf).errors == ["UnresolvedReferenceException"]
    other = _next(document, NORMAL, MASK).but(patient=sample.MINOR.ins)
    assert raw.mask(other, 1, vihf).errors == ["UnresolvedReferenceException"]


@pytest.mark.parametrize(
    ("vihf", "mask", "unmask", "show"),
    [
        (Vihf(), True, True, True),
        (Vihf().of(sample.TREATING_DOCTOR), True, True, True),
        (Vihf().of(sample.OTHER_DOCTOR), True, False, True),
        (Vihf().of(sample.NURSE), True, False, True),
        (Vihf().of(sample.UNAUTHORISED_DOCTOR), False, False, False),
        (Vihf().of(sample.BLOCKED_DOCTOR), False, False, False),
        (Vihf(purpose="bris_de_glace"), False, False, False),
        (Vihf(mode=INDIRECT), False, False, False),
        (AUTOMATON, False, False, False),
        (PATIENT, True, True, True),
    ],
)
def test_who_may_change_visibility(raw: RawClient, vihf: Vihf, mask: bool, unmask: bool, show: bool) -> None:
    for before, after, allowed in (
        ((NORMAL,), (NORMAL, MASK), mask),
        ((NORMAL, MASK), (NORMAL,), unmask),
        ((NORMAL, INVISIBLE), (NORMAL,), show),
    ):
        document = _fed(raw, confidentiality=before)
        assert raw.mask(_next(document, *after), 1, vihf).errors == ([] if allowed else DENIED)
        assert _status(raw, document)[1] == ("2" if allowed else "1")


def test_archiving_and_back_then_withdrawing(raw: RawClient) -> None:
    document = _fed(raw)
    steps = [(APPROVED, ARCHIVED, "TD3.3d"), (ARCHIVED, APPROVED, "TD3.3d"), (APPROVED, DELETED, "TD3.3c")]
    for old, new, transaction in steps:
        assert raw.change_status(document.id, old, new).outcome == "Success"
        assert _status(raw, document) == (new, "1")
        assert raw.lines()[-2]["transaction"] == transaction
    assert raw.change_status(document.id, DELETED, APPROVED).errors == ["XDSMetadataUpdateError"]
    assert raw.mask(_next(document, NORMAL, MASK), 1).errors == ["XDSMetadataUpdateError"]


def test_the_original_status_must_be_the_present_one(raw: RawClient) -> None:
    document = _fed(raw)
    assert raw.change_status(document.id, ARCHIVED, DELETED).errors == ["XDSMetadataUpdateError"]
    assert raw.change_status(document.id, APPROVED, DEPRECATED).errors == ["XDSMetadataUpdateError"]
    assert raw.change_status(uuid.uuid4().urn, APPROVED, DELETED).errors == ["UnresolvedReferenceException"]


def test_a_stale_entry_uuid_changes_no_status(raw: RawClient) -> None:
    document = _fed(raw)
    raw.mask(_next(document, NORMAL, MASK), 1)
    assert raw.change_status(document.id, APPROVED, DELETED).errors == ["XDSMetadataUpdateError"]


@pytest.mark.parametrize(
    ("vihf", "archive", "withdraw"),
    [
        (Vihf(), True, True),
        (Vihf().of(sample.TREATING_DOCTOR), True, False),
        (Vihf().of(sample.OTHER_DOCTOR), True, False),
        (Vihf().of(sample.NURSE), False, False),
        (Vihf().of(sample.UNAUTHORISED_DOCTOR), False, False),
        (Vihf(purpose="bris_de_glace").of(sample.OTHER_DOCTOR), True, False),
        (Vihf(purpose="bris_de_glace").of(sample.NURSE), False, False),
        (AUTOMATON, False, True),
        (Vihf(mode=INDIRECT), False, True),
        (Vihf(mode=INDIRECT).of(sample.OTHER_DOCTOR), False, False),
        (PATIENT, False, False),
    ],
)
def test_who_may_archive_and_withdraw(raw: RawClient, vihf: Vihf, archive: bool, withdraw: bool) -> None:
    for new, allowed in ((ARCHIVED, archive), (DELETED, withdraw)):
        document = _fed(raw)
        assert raw.change_status(document.id, APPROVED, new, vihf).errors == ([] if allowed else DENIED)


def test_a_document_of_the_patient_is_withdrawn_by_the_patient_or_the_treating_doctor(raw: RawClient) -> None:
    own = {"class_code": ("90", "1.2.250.1.213.1.1.4.1"), "type_code": ("DOCPAT01", "1.2.250.1.213.1.1.4.12")}
    for vihf, allowed in ((Vihf(), False), (Vihf().of(sample.TREATING_DOCTOR), True), (PATIENT, True)):
        document = _fed(raw, **own)
        assert raw.change_status(document.id, APPROVED, DELETED, vihf).errors == ([] if allowed else DENIED)


def test_the_lot_of_an_update_is_checked_and_kept(raw: RawClient) -> None:
    document, lot = _fed(raw), Lot()
    change = association(
        "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
        "SubmissionSet01",
        document.id,
        OriginalStatus=APPROVED,
        NewStatus=ARCHIVED,
    )
    assert raw.update(change, lot=lot.but(institution=sample.CLINIC.id)).errors == ["XDSRegistryMetadataError"]
    assert raw.update(change.replace("SubmissionSet01", "other"), lot=lot).errors == ["XDSRegistryMetadataError"]
    assert raw.update(change, lot=lot).outcome == "Success"
    back = (
        change.replace(f"<rim:Value>{APPROVED}", "<rim:Value>x")
        .replace(ARCHIVED, APPROVED)
        .replace(">x<", f">{ARCHIVED}<")
    )
    assert raw.update(back, lot=lot).errors == ["XDSDuplicateUniqueIdInRegistry"]
    assert _status(raw, document) == (ARCHIVED, "1"), "a refused submission changes nothing"


def _both(raw: RawClient, document: Document) -> Received:
    second = _next(document, NORMAL, MASK)
    change = association(
        "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
        "SubmissionSet01",
        document.id,
        OriginalStatus=APPROVED,
        NewStatus=ARCHIVED,
    )
    member = association(HAS_MEMBER, "SubmissionSet01", second.id, SubmissionSetStatus="Original", PreviousVersion="1")
    return raw.update(second.xml() + member + change)


def test_metadata_and_status_do_not_change_together(raw: RawClient) -> None:
    document = _fed(raw)
    assert _both(raw, document).errors == ["XDSMetadataUpdateError"]
    assert _status(raw, document) == (APPROVED, "1")

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings

from facade.dmp import ebrim_write, xds
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_read import read_entries, read_masking, read_references
from facade.domain.document import Coded, DocumentEntry
from facade.domain.ins import INS
from facade.domain.masking import Flag, Level, Masking
from facade.xmlsafe import parse
from tests.support import dmp_entries as make
from tests.support.dmp_entries import ENTRY, PATIENT


def registry_list(*objects: str) -> bytes:
    return f'<rim:RegistryObjectList xmlns:rim="{xds.RIM}">{"".join(objects)}</rim:RegistryObjectList>'.encode()


def written(entry: DocumentEntry) -> str:
    return ebrim_write.extrinsic_object(entry, xds.uuid_urn(entry.entry_uuid), Ids(), status=True)


@settings(max_examples=60, deadline=None)
@given(make.entries)
def test_what_is_written_is_read_back_the_same(entry: DocumentEntry) -> None:
    read, unreadable = read_entries(parse(registry_list(written(entry))), PATIENT)
    assert read == [entry]
    assert unreadable == 0
    assert [code.display for code in read[0].events] == [code.display for code in entry.events]


def test_control_characters_cannot_break_the_message() -> None:
    entry = replace(ENTRY, title="a\x00b\ud800c\n\"<&>'", comments="\x0b")
    [read] = read_entries(parse(registry_list(written(entry))), PATIENT)[0]
    assert read.title == "a\ufffdb\ufffdc\n\"<&>'"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (xds.DOC_UNIQUE_ID, "urn:uuid:other"),
        (xds.DOC_TYPE, "urn:uuid:other"),
        (xds.DOC_CLASS, "urn:uuid:other"),
        (xds.DOC_FORMAT, "urn:uuid:other"),
        (xds.DOC_FACILITY, "urn:uuid:other"),
        (xds.DOC_PRACTICE, "urn:uuid:other"),
        ('name="creationTime"', 'name="other"'),
        ("20260101120000", "yesterday"),
        (PATIENT.cx.replace("&", "&amp;"), "^^^&amp;1.2&amp;ISO"),
        ('status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"', 'status="urn:x:Lost"'),
    ],
)
def test_an_entry_without_what_it_must_have_is_left_out_and_counted(old: str, new: str) -> None:
    whole = written(ENTRY)
    assert old in whole
    other = replace(ENTRY, entry_uuid="21111111-2222-4333-8444-555555555555")
    read, unreadable = read_entries(parse(registry_list(whole.replace(old, new), written(other))), PATIENT)
    assert [entry.entry_uuid for entry in read] == [other.entry_uuid]
    assert unreadable == 1


def test_the_signature_of_a_lot_is_no_entry() -> None:
    signature = replace(
        ebrim_write.signature_entry(make.LOT, ENTRY, "2.25.1"), entry_uuid="31111111-2222-4333-8444-555555555555"
    )
    read, unreadable = read_entries(parse(registry_list(written(ENTRY), written(signature))), PATIENT)
    assert ([entry.entry_uuid for entry in read], unreadable) == ([ENTRY.entry_uuid], 0)
    other_language = written(signature).replace(xds.SIGNATURE_LANGUAGE, "fr-FR")
    [marked] = read_entries(parse(registry_list(other_language)), PATIENT)[0]
    assert marked.is_signature
    assert signature.masking.flags == {Flag.MASKED_TO_PROFESSIONALS, Flag.HIDDEN_FROM_PATIENT}
    for broken in (written(signature), other_language):
        incomplete = broken.replace(xds.DOC_FACILITY, "urn:uuid:other")
        assert read_entries(parse(registry_list(incomplete)), PATIENT) == ([], 0)


def test_what_one_answer_calls_a_document_and_a_signature_is_not_shown() -> None:
    signature = written(ENTRY).replace("fr-FR", xds.SIGNATURE_LANGUAGE)
    for both in ((written(ENTRY), signature), (signature, written(ENTRY))):
        assert read_entries(parse(registry_list(*both)), PATIENT) == ([], 1)


def test_an_entry_of_another_ins_is_kept_as_it_is() -> None:
    other = INS.of("1.2.250.1.213.1.4.8", "155117512345674")
    [read] = read_entries(parse(registry_list(written(replace(ENTRY, patient=other)))), PATIENT)[0]
    assert read.patient == other


def test_an_entry_under_an_old_ins_c_is_the_asked_patients() -> None:
    old = written(ENTRY).replace("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.2")
    [read] = read_entries(parse(registry_list(old)), PATIENT)[0]
    assert read.patient == PATIENT


@pytest.mark.parametrize(("version", "number"), [("3", 3), ("1.1", 1), ("", 1), ("x", 1), ("²", 1), ("12", 12)])
def test_version(version: str, number: int) -> None:
    text = written(ENTRY).replace(
        "<rim:Classification", f'<rim:VersionInfo versionName="{version}"/><rim:Classification', 1
    )
    [read] = read_entries(parse(registry_list(text)), PATIENT)[0]
    assert read.version == number


def test_missing_lid_is_the_entry_uuid() -> None:
    [read] = read_entries(parse(registry_list(written(replace(ENTRY, logical_id="")))), PATIENT)[0]
    assert read.logical_id == read.entry_uuid == ENTRY.entry_uuid


NORMAL = Coded("N", xds.CONFIDENTIALITY_SCHEME)
MASKED = Coded("MASQUE_PS", xds.MASK_SCHEME)


@pytest.mark.parametrize(
    ("codes", "masking"),
    [
        ([NORMAL], Masking()),
        ([NORMAL, MASKED], Masking(flags=frozenset({Flag.MASKED_TO_PROFESSIONALS}))),
        ([MASKED], Masking(flags=frozenset({Flag.MASKED_TO_PROFESSIONALS}))),
        ([Coded("MASQUE_PS", "")], Masking(flags=frozenset({Flag.MASKED_TO_PROFESSIONALS}))),
        ([NORMAL, Coded("V", "x")], Masking(Level.VERY_RESTRICTED)),
        ([NORMAL, Coded("MASQUE_TOUS", "x")], Masking(unknown=frozenset({"MASQUE_TOUS"}))),
        ([Coded("N", "1.2.3")], Masking(unknown=frozenset({"N"}))),
        ([], Masking(unknown=frozenset({""}))),
    ],
)
def test_masking(codes: list[Coded], masking: Masking) -> None:
    assert read_masking(codes) == masking


def test_an_entry_without_label_is_hidden_from_everyone() -> None:
    text = written(ENTRY).replace(xds.DOC_CONFIDENTIALITY, "urn:uuid:other")
    [read] = read_entries(parse(registry_list(text)), PATIENT)[0]
    assert all(read.masking.has(flag) for flag in Flag)


def test_a_metadata_update_keeps_unknown_labels() -> None:
    masking = Masking(Level.RESTRICTED, frozenset({Flag.HIDDEN_FROM_PATIENT}), frozenset({"X9"}))
    assert [code.code for code in ebrim_write.confidentiality(masking)] == ["R", "INVISIBLE_PATIENT", "X9"]


def test_references() -> None:
    body = f'<r xmlns:rim="{xds.RIM}"><rim:ObjectRef id="urn:uuid:AB"/><rim:ObjectRef id="urn:uuid:cd"/></r>'
    assert read_references(parse(body.encode())) == ["ab", "cd"]


def many(count: int) -> bytes:
    one = written(ENTRY)
    return registry_list(*(one.replace(ENTRY.entry_uuid, str(uuid.UUID(int=number))) for number in range(count)))


def seconds_to_read(data: bytes, count: int) -> float:
    best = 60.0
    for _ in range(3):
        began = time.process_time()
        entries, unreadable = read_entries(parse(data), PATIENT)
        best = min(best, time.process_time() - began)
        assert (len(entries), unreadable) == (count, 0)
    return best


def test_a_hundred_entries_are_read_quickly_and_two_thousand_in_proportion() -> None:
    hundred = seconds_to_read(many(100), 100)
    assert hundred < 0.15, "reading is single-pass; this is ten times what it takes"
    assert seconds_to_read(many(2000), 2000) < hundred * 20 * 3


def test_an_entry_that_is_repeated_counts_once() -> None:
    other = replace(ENTRY, entry_uuid="21111111-2222-4333-8444-555555555555", logical_id="")
    read, unreadable = read_entries(parse(registry_list(*[written(ENTRY), written(other)] * 3)), PATIENT)
    assert [entry.entry_uuid for entry in read] == [ENTRY.entry_uuid, other.entry_uuid]
    assert unreadable == 0


def test_entries_that_contradict_each_other_under_one_id_are_all_left_out() -> None:
    masked = replace(ENTRY, masking=Masking(flags=frozenset({Flag.MASKED_TO_PROFESSIONALS})))
    other = replace(ENTRY, entry_uuid="21111111-2222-4333-8444-555555555555")
    for texts in ([masked, ENTRY, other], [ENTRY, masked, other, ENTRY], [ENTRY, other, ENTRY, masked, masked]):
        read, unreadable = read_entries(parse(registry_list(*map(written, texts))), PATIENT)
        assert [entry.entry_uuid for entry in read] == [other.entry_uuid]
        assert unreadable == 1

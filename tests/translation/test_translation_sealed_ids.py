"""Sealed ids: always the same, opened only as what they are, impossible to make up."""

from __future__ import annotations

import re
import string
import uuid

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from facade.domain.ins import INS, InsKind, ins_key
from facade.translation import sealed_ids
from facade.translation.sealed_ids import SealedIds, derive_key

FHIR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}", re.ASCII)
OLD, NEW = derive_key(b"the old secret of this facade ..."), derive_key(b"the new secret of this facade ...")
SEALED = SealedIds([OLD])
LOGICAL = "0d5d1d60-6f2a-4d51-9d3c-0f7e3f0a9b11"


def matricule(kind: InsKind, first: str, department: str, last: str, key: int | None = None) -> INS:
    body = first + department + last
    return INS(kind, f"{body}{ins_key(body) if key is None else key:02d}")


matricules = st.builds(
    matricule,
    st.sampled_from(InsKind),
    st.from_regex(r"[0-9]{5}", fullmatch=True).filter(str.isascii),
    st.one_of(st.from_regex(r"[0-9]{2}", fullmatch=True).filter(str.isascii), st.sampled_from(["2A", "2B"])),
    st.from_regex(r"[0-9]{6}", fullmatch=True).filter(str.isascii),
    st.one_of(st.none(), st.integers(0, 99)),
)
logical_ids = st.uuids().map(str)
PATIENT = matricule(InsKind.TEST, "27901", "75", "000001")
CORSICA = matricule(InsKind.NIR, "27901", "2B", "000001")
LEADING_ZEROS = INS(InsKind.NIR, "000000000000000")


@given(ins=matricules, logical_id=logical_ids)
@example(ins=CORSICA, logical_id=LOGICAL)
@example(ins=LEADING_ZEROS, logical_id=str(uuid.UUID(int=0)))
def test_what_was_sealed_opens_to_the_same(ins: INS, logical_id: str) -> None:
    assert SEALED.open_document(SEALED.seal_document(ins, logical_id)) == (ins, logical_id)
    assert SEALED.open_lot(SEALED.seal_lot(ins, logical_id)) == (ins, logical_id)
    assert SEALED.open_patient(SEALED.seal_patient(ins)) == ins


@given(ins=matricules, logical_id=logical_ids)
def test_an_id_is_a_fhir_id_always_the_same_and_says_nothing(ins: INS, logical_id: str) -> None:
    same = SealedIds([OLD])
    for text, again in (
        (SEALED.seal_document(ins, logical_id), same.seal_document(ins, logical_id)),
        (SEALED.seal_lot(ins, logical_id), same.seal_lot(ins, logical_id)),
        (SEALED.seal_patient(ins), same.seal_patient(ins)),
    ):
        assert FHIR_ID.fullmatch(text)
        assert text == again
        assert ins.value not in text
        assert logical_id not in text


@given(one=st.tuples(matricules, logical_ids), other=st.tuples(matricules, logical_ids))
def test_different_documents_have_different_ids(one: tuple[INS, str], other: tuple[INS, str]) -> None:
    assume(one != other)
    assert SEALED.seal_document(*one) != SEALED.seal_document(*other)


def test_the_kind_of_identity_makes_another_patient() -> None:
    ids = {SEALED.seal_patient(INS(kind, PATIENT.value)) for kind in InsKind}
    ids |= {
        SEALED.seal_patient(matricule(InsKind.NIR, "27901", letters, "000001", 7)) for letters in ("2A", "2B", "00")
    }
    assert len(ids) == 7


def test_one_kind_of_id_never_opens_as_another() -> None:
    document, lot, patient = (
        SEALED.seal_document(PATIENT, LOGICAL),
        SEALED.seal_lot(PATIENT, LOGICAL),
        SEALED.seal_patient(PATIENT),
    )
    assert len({document[2:], lot[2:], patient[2:]}) == 3
    assert SEALED.open_document(lot) is SEALED.open_document(patient) is None
    assert SEALED.open_lot(document) is SEALED.open_lot(patient) is None
    assert SEALED.open_patient(document) is SEALED.open_patient(lot) is None


@given(data=st.data())
def test_an_id_with_one_character_changed_does_not_open(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([SEALED.seal_document(PATIENT, LOGICAL), SEALED.seal_patient(PATIENT)]))
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + ".-"))
    assume(letter != text[place])
    forged = text[:place] + letter + text[place + 1 :]
    assert SEALED.open_document(forged) is None
    assert SEALED.open_patient(forged) is None


@given(cut=st.integers(1, 53))
def test_an_id_that_was_cut_or_shifted_does_not_open(cut: int) -> None:
    text = SEALED.seal_document(PATIENT, LOGICAL)
    for forged in (text[:-cut], text[cut:], text + "A" * min(cut, 10), text[cut:] + text[:cut]):
        assert SEALED.open_document(forged) is None
        assert SEALED.open_patient(forged) is None


def test_a_document_cannot_be_moved_to_another_patient() -> None:
    mine = SEALED.seal_document(PATIENT, LOGICAL)
    other = SEALED.seal_document(CORSICA, str(uuid.UUID(int=1)))
    for at in range(3, len(mine)):
        assert SEALED.open_document(mine[:at] + other[at:]) is None


@given(text=st.text(max_size=80))
@example(text="")
@example(text="é" * 54)
@example(text=SEALED.seal_patient(PATIENT) + "\n")
@example(text=" " + SEALED.seal_patient(PATIENT))
@example(text=SEALED.seal_patient(PATIENT) + "=")
def test_anything_else_does_not_open(text: str) -> None:
    assert (SEALED.open_document(text), SEALED.open_lot(text), SEALED.open_patient(text)) == (None, None, None)


def test_an_id_has_one_spelling_only() -> None:
    text = SEALED.seal_patient(PATIENT)
    spellings = {text[:-1] + letter for letter in string.ascii_letters + string.digits + ".-"}
    assert [one for one in spellings if SEALED.open_patient(one)] == [text]


def test_keys_rotate_and_old_ids_still_open() -> None:
    old = SEALED.seal_document(PATIENT, LOGICAL)
    rotated = SealedIds([NEW, OLD])
    assert rotated.open_document(old) == (PATIENT, LOGICAL)
    new = rotated.seal_document(PATIENT, LOGICAL)
    assert new != old
    assert new[:2] != old[:2]
    assert SEALED.open_document(new) is None
    assert SealedIds([NEW]).open_document(old) is None
    assert SealedIds([OLD, NEW]).open_document(new) == (PATIENT, LOGICAL)


def test_two_keys_with_the_same_number_are_both_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_ids, "_number", lambda _: "k0")
    old = SealedIds([OLD]).seal_patient(PATIENT)
    assert SealedIds([NEW, OLD]).open_patient(old) == PATIENT
    assert SealedIds([NEW]).open_patient(old) is None


@pytest.mark.parametrize(
    "logical_id", ["", "x", LOGICAL.upper(), f"urn:uuid:{LOGICAL}", f"{{{LOGICAL}}}", LOGICAL.replace("-", "")]
)
def test_only_a_bare_lower_case_uuid_is_sealed(logical_id: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        SEALED.seal_document(PATIENT, logical_id)


def test_keys_and_secrets_that_are_too_short_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_key(b"x" * 31)
    for keys in ([], [b"x" * 32], [OLD, b""]):
        with pytest.raises(ValueError, match="64 bytes"):
            SealedIds(keys)


def test_the_layout_does_not_change_under_ids_that_were_given_out() -> None:
    assert SEALED.seal_patient(PATIENT) == KNOWN_PATIENT
    assert SEALED.seal_document(PATIENT, LOGICAL) == KNOWN_DOCUMENT


KNOWN_PATIENT = "ysfr9BTznYLyuMCdsy7TzUX-IGlo-qGSs"
KNOWN_DOCUMENT = "ysvsJiAUaoXT80fXy8pHF2XB55qJprSpFKjFaVH3EnPjEOZ0xGGp-j"

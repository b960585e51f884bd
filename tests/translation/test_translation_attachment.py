"""Bytes taken out of a body, decoded strictly, and compared with what is said of them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.domain.errors import InvalidInput
from facade.translation.attachment import check_attachment, decode, take_out
from facade.translation.base64_file import Base64File
from tests.support.translation import codes_of

HELLO = b"Hello"
SHA1 = hashlib.sha1(HELLO, usedforsecurity=False)


def test_texts_are_taken_out_in_place() -> None:
    single = {"resourceType": "DocumentReference", "content": [{"attachment": {"data": "QQ==", "title": "t"}}]}
    assert take_out(single) == {0: "QQ=="}
    assert single["content"] == [{"attachment": {"title": "t"}}]
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": {"resourceType": "List"}},
            {"resource": {"resourceType": "Binary", "data": "QQ=="}},
            {"resource": {"resourceType": "DocumentReference", "content": [{"attachment": {"data": 42}}]}},
            "nonsense",
        ],
    }
    assert take_out(bundle) == {1: "QQ==", 2: 42}
    assert take_out({"resourceType": "Patient"}) == {}
    assert take_out({"resourceType": "Bundle", "entry": "x"}) == {}


@given(st.binary(min_size=1, max_size=200))
def test_base64_comes_back(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    assert bytes(decode(text)) == content
    assert bytes(decode(f" {text[:4]}\n{text[4:]}\r\n")) == content


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("SGVsbG8", "attachment.not-base64"),
        ("data:application/pdf;base64,SGVsbG8=", "attachment.not-base64"),
        ("SGVs_G8=", "attachment.not-base64"),
        (42, "attachment.not-base64"),
        ("é", "attachment.not-base64"),
        ("", "attachment.empty"),
    ],
)
def test_data_that_are_refused(data: object, code: str) -> None:
    with pytest.raises(InvalidInput) as error:
        decode(data)
    assert codes_of(error.value) == [code]


@pytest.mark.parametrize(
    "given_hash",
    [
        base64.b64encode(SHA1.digest()).decode(),
        SHA1.hexdigest(),
        SHA1.hexdigest().upper(),
        base64.b64encode(SHA1.hexdigest().encode()).decode(),
    ],
)
def test_the_three_spellings_of_a_hash(given_hash: str) -> None:
    assert check_attachment({"hash": given_hash, "size": 5}, Base64File.of(HELLO)) == (SHA1.hexdigest(), 5)


def test_nothing_stated_is_nothing_to_compare() -> None:
    assert check_attachment({}, Base64File.of(HELLO)) == (SHA1.hexdigest(), 5)


@pytest.mark.parametrize(
    ("attachment", "codes"),
    [
        ({"hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, ["attachment.hash-mismatch"]),
        ({"hash": "x"}, ["attachment.hash-mismatch"]),
        ({"size": 6}, ["attachment.size-mismatch"]),
        ({"size": 6, "hash": ""}, ["attachment.hash-mismatch", "attachment.size-mismatch"]),
    ],
)
def test_disagreements(attachment: dict[str, object], codes: list[str]) -> None:
    with pytest.raises(InvalidInput) as error:
        check_attachment(attachment, Base64File.of(HELLO))
    assert codes_of(error.value) == codes

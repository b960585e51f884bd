"""Base64 that is never decoded whole, and long texts cut out of a body: the same as when it is read the plain way."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.domain.errors import InvalidInput
from facade.translation import base64_file, cda_read, cut
from facade.translation.attachment import put_back, take_out
from facade.translation.base64_file import Base64File
from facade.translation.cda_write import wrap
from tests.support.translation import entry

FILE = hashlib.shake_128(b"file").digest(100_000)
TEXT = base64.b64encode(FILE).decode()


@given(st.binary(max_size=100), st.booleans())
def test_a_file_is_what_its_text_says(content: bytes, hashed: bool) -> None:
    for text in (base64.b64encode(content), base64.b64encode(content).decode(), memoryview(base64.b64encode(content))):
        file = Base64File.read(text, hashed=hashed)
        assert (bytes(file), len(file), b"".join(file)) == (content, len(content), content)
        assert file.digest("sha1") == hashlib.sha1(content, usedforsecurity=False).digest()
        assert bytes(file.text) == base64.b64encode(content)


@pytest.mark.parametrize("text", ["QQ", "QQ=", "Q===", "QQ==QQ==", "Q\nQ=", "QQ==\n", "é===", "QUJD=", "-_-_", "QQ=A"])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own subclass
        Base64File.read(text)


@pytest.mark.parametrize("size", [3, 4, 5, 6, 7, 8, 11, 12, 13])
def test_blocks_hide_no_padding(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(base64_file, "_BLOCK", 4)
    content = bytes(range(size))
    text = base64.b64encode(content)
    file = Base64File.read(text, hashed=True)
    assert bytes(file) == content
    assert file.sha1 == hashlib.sha1(content, usedforsecurity=False).digest()
    with pytest.raises(ValueError, match="padding before the end"):
        Base64File.read(b"QQ==" + text)


def test_bits_nobody_reads_are_cleared() -> None:
    file = Base64File.read("QUJDQR==", hashed=True)
    assert (bytes(file), bytes(file.text)) == (b"ABCA", b"QUJDQQ==")
    assert file.sha1 == hashlib.sha1(b"ABCA", usedforsecurity=False).digest()


def _plainly(body: bytes) -> tuple[Any, dict[int, Any]]:
    resource = json.loads(body)
    return resource, take_out(resource)


BODIES = {
    "an attachment": b'{"resourceType":"DocumentReference","content":[{"attachment":{"title":"a","data" :\n"%s"}}]}',
    "a Bundle": b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Binary","data":"%s"}},'
    b'{"resource":{"resourceType":"DocumentReference","content":[{"attachment":{"data":"%s"}}]}}]}',
}
ELSEWHERE = {
    "another member": b'{"resourceType":"DocumentReference","title":"%s"}',
    "a member whose name ends like it": b'{"resourceType":"Binary","my\\"data":"%s"}',
    "where no file is taken": b'{"resourceType":"Patient","photo":[{"data":"%s"}]}',
    "given twice": b'{"resourceType":"Binary","data":"%s","data":"%s"}',
    "a list": b'{"resourceType":"Binary","data":["%s"]}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_text_is_cut_out_of_a_body(name: str) -> None:
    body = BODIES[name].replace(b"%s", TEXT.encode())
    rest, files = cut.cut(bytearray(body))
    assert len(files) == BODIES[name].count(b"%s")
    assert len(rest) < 1000
    resource = json.loads(rest)
    found = put_back(take_out(resource), files)
    plain_resource, plain = _plainly(body)
    assert resource == plain_resource
    assert found is not None
    assert {number: bytes(file.text).decode() for number, file in found.items()} == plain


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_text_that_is_no_file_is_put_back_or_left(name: str) -> None:
    body = ELSEWHERE[name].replace(b"%s", TEXT.encode())
    rest, files = cut.cut(body)
    assert not files or put_back(take_out(json.loads(rest)), files) is None


@pytest.mark.parametrize("text", [TEXT[:-1] + "*", TEXT[:40] + "\\n" + TEXT[40:], TEXT[1:], "QQ==" + TEXT])
def test_a_text_that_is_no_base64_is_left_to_the_parser(text: str) -> None:
    body = BODIES["an attachment"].replace(b"%s", text.encode())
    assert cut.cut(body) == (body, {})


def test_a_text_is_cut_out_of_xml() -> None:
    body = b'<Binary xmlns="http://hl7.org/fhir"><contentType value="a/b"/><data  value= "%s" /></Binary>'
    rest, files = cut.cut(body.replace(b"%s", TEXT.encode()), xml=True)
    [(mark, file)] = files.items()
    assert rest == body.replace(b"%s", mark.encode())
    assert bytes(file) == FILE


_pieces = st.sampled_from(['"data"', ":", '"', "\\", "{", "}", ",", " ", "a", '"data":"%s"', "%s", '"%s"', '\\"data":'])


@settings(max_examples=300, deadline=None)
@given(st.lists(_pieces, max_size=8))
def test_no_arrangement_makes_another_resource(pieces: list[str]) -> None:
    template = '{"resourceType":"Binary",' + "".join(pieces) + "}"
    body = template.replace("%s", TEXT).encode()
    rest, files = cut.cut(body)
    if not files:
        return
    try:
        expected = _plainly(body)
    except json.JSONDecodeError:
        # What is no JSON stays none without its texts.
        with pytest.raises(json.JSONDecodeError):
            json.loads(rest)
        return
    resource = json.loads(rest)
    found = put_back(take_out(resource), files)
    if found is not None:
        assert resource == expected[0]
        assert {number: bytes(file.text).decode() for number, file in found.items()} == expected[1]


def test_the_file_of_a_large_cda_is_cut_out() -> None:
    document = bytes(wrap(entry(), Base64File.of(FILE), "application/pdf"))
    found = cda_read.unwrap(memoryview(document))
    assert found is not None
    assert isinstance(found[1], Base64File)
    # The text is a view of the document itself: nothing was copied.
    assert isinstance(found[1].text, memoryview)
    assert found[1].text.obj is document
    assert bytes(found[1]) == FILE
    assert cda_read.read_header(document) == cda_read.read_header(
        bytes(wrap(entry(), Base64File.of(b"A"), "application/pdf"))
    )


HIDING = {
    "a comment before": (b"<component>", b"<!--<nonXMLBody><text a='b'>QUJD--><component>"),
    "a comment inside": (b"</text>", b"<!-- x --></text>"),
    "a section": (b'"B64">', b'"B64"><![CDATA[]]>'),
    "blanks around": (b"</text>", b"\n </text>"),
    "a long tail": (b"</ClinicalDocument>", b"<!--" + b" " * 20_000 + b"--></ClinicalDocument>"),
    "no namespace prefix to be fooled by": (b"<nonXMLBody>", b"<nonXMLBody >"),
}


@pytest.mark.parametrize("name", HIDING)
def test_however_a_body_stands_it_is_found(name: str) -> None:
    document = bytes(wrap(entry(), Base64File.of(FILE), "application/pdf")).replace(*HIDING[name])
    found = cda_read.unwrap(document)
    assert found is not None
    assert bytes(found[1]) == FILE


def test_a_body_in_a_comment_is_none() -> None:
    document = bytes(wrap(entry(), Base64File.of(FILE), "application/pdf"))
    document = document.replace(b"<component>", b"<!--<component>").replace(b"</component></Cl", b"</component>--></Cl")
    assert cda_read.unwrap(document) is None


def test_a_large_broken_cda_is_refused() -> None:
    document = bytes(wrap(entry(), Base64File.of(FILE), "application/pdf")).replace(b"</nonXMLBody>", b"")
    with pytest.raises(InvalidInput):
        cda_read.unwrap(document)

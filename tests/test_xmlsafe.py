from __future__ import annotations

import pytest
from lxml import etree

from facade.xmlsafe import MalformedXml, UnsafeXml, parse

BOMB = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("keep", [False, True])
def test_any_buffer_is_read_and_any_doctype_refused(kind: type, keep: bool) -> None:
    options = {"keep_instructions": keep, "keep_comments": keep}
    assert parse(kind(b"<a>x</a>"), **options).text == "x"
    for prolog in (b"", b"\xef\xbb\xbf", b"<?xml version='1.0'?>\n", b"<!-- a --><?b c?> "):
        with pytest.raises(UnsafeXml):
            parse(kind(prolog + BOMB), **options)


@pytest.mark.parametrize("data", [b"", b"text", b"<a>", b"<a></b>", b"<a/><b/>", b"\xff\xfe<\x00a\x00/\x00>\x00"])
def test_what_is_not_xml(data: bytes) -> None:
    with pytest.raises(MalformedXml):
        parse(data)


def test_only_encodings_that_spell_a_doctype_alike() -> None:
    assert parse("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".encode("latin-1")).text == "é"
    with pytest.raises(UnsafeXml):
        parse(b"<?xml version='1.0' encoding='utf-7'?><a/>")
    for encoding in ("utf-16-le", "utf-32-le"):
        with pytest.raises(UnsafeXml):
            parse("<?xml version='1.0'?><a/>".encode(encoding))


def test_size() -> None:
    assert parse(b"<a/>", max_bytes=4).tag == "a"
    with pytest.raises(UnsafeXml):
        parse(b"<a/>", max_bytes=3)
    big = b"<a>" + b"x" * 10_000_001 + b"</a>"
    with pytest.raises(MalformedXml):
        parse(big)
    assert len(parse(big, huge_text=True).text or "") == 10_000_001


def test_nothing_of_the_content_is_in_the_error() -> None:
    with pytest.raises(MalformedXml) as caught:
        parse(b"<a>DUPONT</b>")
    assert "DUPONT" not in str(caught.value)


def test_instructions_and_comments() -> None:
    data = b"<?p q?><!--c--><a>x<?r s?>y<!--d-->z</a>"

    def text(**options: bool) -> bytes:
        return etree.tostring(parse(data, **options).getroottree())

    assert text() == b"<!--c--><a>xy<!--d-->z</a>"
    assert text(keep_instructions=True) == b"<?p q?><!--c--><a>x<?r s?>y<!--d-->z</a>"
    assert text(keep_comments=False) == b"<a>xyz</a>"
    assert parse(data, keep_comments=False).text == "xyz"

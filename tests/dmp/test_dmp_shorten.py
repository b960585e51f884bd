"""Lot signatures are left out of an answer before it is parsed: what is understood of it stays the same."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.dmp import ebrim_write, xds
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_read import read_entries
from facade.dmp.ebrim_shorten import without_signatures
from facade.domain.content import Buffer
from facade.domain.document import DocumentEntry
from facade.xmlsafe import MalformedXml, parse
from tests.support import dmp_entries as make
from tests.support.dmp_entries import ENTRY, PATIENT

_BETWEEN = re.compile(r"(?<=>)(?=<)")
_TITLES = ("Lettre", "art", ">art<", "<!-- non -->", "]]>", "languageCode", "ExtrinsicObject !", 'name="languageCode"')
# What stands between two tags without changing what an answer says.
_NOISE = ("", "", "", " ", "\n\t", "<!-- </rim:ExtrinsicObject> -->", "<!--<rim:Value>art</rim:Value>-->", "<?art ?>")
_SPELLINGS = (
    (">art<", "> art\n<"),
    (">art<", ">&#97;rt<"),
    (">art<", "><![CDATA[art]]><"),
    (">art<", ">art</rim:Value><rim:Value>fr-FR<"),
    (">art<", ">fr-FR</rim:Value><rim:Value>art<"),
    ('"languageCode"', "'languageCode'"),
    ('name="languageCode"', 'slotType="a&gt;b" name = "languageCode"'),
    ('name="languageCode"', 'slotType="a>b" name="languageCode"'),
    ("<rim:ExtrinsicObject ", '<rim:ExtrinsicObject home="x>y" '),
    ("<rim:ExtrinsicObject ", '<rim:ExtrinsicObject\n home=" id=" '),
    ("</rim:ExtrinsicObject>", "</rim:ExtrinsicObject >"),
    ("rim:", "r-1.m:"),
    ("rim:", ""),
)


def _uuid(number: int) -> str:
    return f"{number:08d}-2222-4333-8444-555555555555"


@st.composite
def _entries(draw: st.DrawFn) -> str:
    """One entry of an answer, document or signature, written in one of the ways XML allows."""
    number, title = draw(st.integers(1, 6)), draw(st.sampled_from(_TITLES))
    document = replace(ENTRY, entry_uuid=_uuid(number), title=title, comments=draw(st.sampled_from(_TITLES)))
    if draw(st.booleans()):
        signature = ebrim_write.signature_entry(make.LOT, document, "2.25.1")
        document = replace(signature, entry_uuid=_uuid(number), title=title)
    text = _written(document)
    chosen = st.lists(st.sampled_from(_SPELLINGS), max_size=3, unique_by=lambda each: each[1][:20])
    # In the order of the table: prefixes last.
    for old, new in sorted(draw(chosen), key=_SPELLINGS.index):
        text = text.replace(old, new)
    if draw(st.booleans()):
        text = _BETWEEN.sub(lambda _: draw(st.sampled_from(_NOISE)), text)
    return text


@settings(max_examples=150, deadline=None)
@given(st.lists(_entries(), max_size=4), st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>', "<!-- ! -->"]))
def test_what_is_understood_stays_the_same(entries: list[str], prolog: str) -> None:
    answer = prolog.encode() + _answer(*entries)
    given_bytes = bytearray(answer)
    assert _understood(without_signatures(given_bytes)) == _understood(answer)
    assert given_bytes == answer, "the answer itself is not touched"


def test_what_nobody_reads_is_left_out() -> None:
    answer = bytearray(_answer(_written(ENTRY), _SIGNATURE, _written(ENTRY)))
    shortened = bytes(without_signatures(answer))
    assert len(shortened) < len(answer) - len(_SIGNATURE) // 2
    assert shortened.count(b"</rim:ExtrinsicObject>") == 3
    assert without_signatures(bytearray(_answer(_written(ENTRY)))) == _answer(_written(ENTRY))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">art<", ">&#97;rt<"),
        ("<rim:Name>", "<!-- --><rim:Name>"),
        ("<rim:Name>", "<?a b?><rim:Name>"),
        ("<rim:Name>", '<rim:ExtrinsicObject id="urn:uuid:1"/><rim:Name>'),
        ("<rim:ExtrinsicObject ", '<rim:ExtrinsicObject home="a>b" '),
    ],
)
def test_what_is_not_beyond_doubt_stays_as_it_is(old: str, new: str) -> None:
    answer = _answer(_SIGNATURE.replace(old, new, 1))
    assert new.encode() in answer
    assert bytes(without_signatures(bytearray(answer))) == answer


def test_a_language_of_anything_but_the_entry_makes_no_signature_of_it() -> None:
    """Attack: a slot of a classification that says ``art`` makes the entry disappear."""
    slot = '<rim:Slot name="languageCode"><rim:ValueList><rim:Value>art</rim:Value></rim:ValueList></rim:Slot>'
    first = re.compile(r"(<rim:Classification [^>]*>)")
    answer = bytearray(_answer(first.sub(rf"\1{slot}", _written(ENTRY), count=1)))
    entries, unreadable = _understood(without_signatures(answer))
    assert ([entry.entry_uuid for entry in entries], unreadable) == ([ENTRY.entry_uuid], 0)


def test_what_is_broken_stays_broken() -> None:
    """Attack: what is left out makes a message well-formed that was not."""
    for broken in (
        _SIGNATURE.replace("</rim:ExtrinsicObject>", ""),
        _SIGNATURE.replace("<rim:ExtrinsicObject ", "<x "),
    ):
        with pytest.raises(MalformedXml):
            parse(without_signatures(bytearray(_answer(_written(ENTRY), broken, _SIGNATURE))))


def _written(entry: DocumentEntry) -> str:
    return ebrim_write.extrinsic_object(entry, xds.uuid_urn(entry.entry_uuid), Ids(), status=True)


def _answer(*entries: str) -> bytes:
    """With the namespace under each prefix an entry may have here."""
    bindings = f'xmlns:rim="{xds.RIM}" xmlns:r-1.m="{xds.RIM}" xmlns="{xds.RIM}"'
    return f"<rim:RegistryObjectList {bindings}>{''.join(entries)}</rim:RegistryObjectList>".encode()


def _understood(answer: Buffer) -> tuple[list[DocumentEntry], int]:
    return read_entries(parse(answer, keep_comments=False), PATIENT)


_SIGNATURE = _written(replace(ebrim_write.signature_entry(make.LOT, ENTRY, "2.25.1"), entry_uuid=_uuid(9)))

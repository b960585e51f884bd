"""Lot signatures are left out of an answer before it is parsed: what is understood of it stays the same."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.dmp import ebrim_write, xds
from facade.dmp.ebrim_lots import read_associations, read_lots
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_read import read_entries, read_references
from facade.dmp.ebrim_shorten import without_signatures
from facade.domain.content import Buffer
from facade.domain.dmp import Association
from facade.domain.document import DocumentEntry, SubmissionSet
from facade.xmlsafe import MalformedXml, UnsafeXml, parse
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
_SLOT = '<rim:Slot name="languageCode"><rim:ValueList><rim:Value>art</rim:Value></rim:ValueList></rim:Slot>'
_OTHER = 'name="Other"'
# Each says ``art``, and not of the entry it is in.
_LOOK_ALIKES = (
    f"<rim:Classification>{_SLOT}</rim:Classification>",
    f"<rim:ExternalIdentifier>{_SLOT}</rim:ExternalIdentifier>",
    f"<rim:Name>{_SLOT}</rim:Name>",
    f'<rim:Name home="/>">{_SLOT}</rim:Name>',
    f"<x>{_SLOT}</x>",
    f"<rim:Slot {_OTHER}>{_SLOT}</rim:Slot>",
    _SLOT.replace("languageCode", "languagecode"),
    _SLOT.replace('name="languageCode"', f"""{_OTHER} slotType=" name='languageCode'" """),
    _SLOT.replace('name="languageCode"', f'{_OTHER} my-name="languageCode"'),
    _SLOT.replace('name="languageCode"', f'{_OTHER} r-1.m:name="languageCode"'),
    _SLOT.replace("<rim:Slot ", '<rim:Slot xmlns:rim="urn:x" '),
    _SLOT.replace("rim:", "x:").replace("<x:Slot ", '<x:Slot xmlns:x="urn:x" '),
    _SLOT.replace("rim:", "").replace("<Slot ", '<Slot xmlns="urn:x" '),
)
# What is read wherever it is.
_WITHIN = (
    '<rim:Association id="a" associationType="t" sourceObject="s" targetObject="t"/>',
    '<rim:ObjectRef id="urn:uuid:1"/>',
    ebrim_write.registry_package(make.LOT, "lot", Ids()),
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


@st.composite
def _strange(draw: st.DrawFn) -> str:
    """An entry with something between two of its tags that seems to make a signature of it, or that is lost with it."""
    text: str = draw(_entries())
    more: str = draw(st.sampled_from(_LOOK_ALIKES + _WITHIN))
    places = [found.start() for found in _BETWEEN.finditer(text)]
    place: int = draw(st.sampled_from(places))
    return text[:place] + more + text[place:]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_entries() | _strange(), max_size=4),
    st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>', "<!-- ! -->"]),
)
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


@pytest.mark.parametrize("slot", _LOOK_ALIKES, ids=range(len(_LOOK_ALIKES)))
def test_a_language_of_anything_but_the_entry_makes_no_signature_of_it(slot: str) -> None:
    """Attack: a slot that says ``art``, and not of the entry, makes the entry disappear."""
    answer = bytearray(_answer(_with(slot, _written(ENTRY))))
    entries, unreadable = read_entries(parse(without_signatures(answer)), PATIENT)
    assert ([entry.entry_uuid for entry in entries], unreadable) == ([ENTRY.entry_uuid], 0)


@pytest.mark.parametrize("within", _WITHIN, ids=["association", "reference", "lot"])
def test_what_is_read_wherever_it_is_is_not_left_out(within: str) -> None:
    """Attack: the link that says a document was replaced lies in the entry of a signature."""
    answer = bytearray(_answer(_SIGNATURE.replace("<rim:Name>", f"{within}<rim:Name>")))
    assert within.encode() in bytes(without_signatures(answer))


def test_an_answer_in_which_a_tag_is_no_tag_is_refused() -> None:
    """Attack: the characters of a title in UTF-16 are the bytes of a tag, and what they surround is left out."""
    tags = '<?xml version="1.0" encoding="UTF-16"?>'.encode("utf-16-le")
    answer = tags + _answer(_SIGNATURE).decode().encode("utf-16-le")
    with pytest.raises(UnsafeXml):
        parse(without_signatures(bytearray(answer)))


@pytest.mark.parametrize(
    "answer",
    [
        b"languageCode " * 1_000_000,
        _SLOT.encode() * 100_000,
        b"<rim:ExtrinsicObject id='1'>" + _SLOT.encode() * 100_000,
        b"<rim:ExtrinsicObject id='1'><rim:Slot" + b' name="languageCode"' * 5_000,
    ],
    ids=["word", "slots", "entry", "attributes"],
)
def test_an_answer_full_of_marks_is_read_once(answer: bytes) -> None:
    """Attack: an answer in which every mark is looked for from one end to the other holds the process for hours."""
    assert without_signatures(bytearray(b"<a>" + answer)) == b"<a>" + answer


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


def _with(slot: str, entry: str) -> str:
    """The entry with a slot before its first."""
    start, tag, rest = entry.partition("<rim:Slot ")
    assert tag
    return start + slot + tag + rest


_Understood = tuple[
    tuple[list[DocumentEntry], int], tuple[list[SubmissionSet], int], tuple[Association, ...], list[str]
]


def _understood(answer: Buffer) -> _Understood:
    body = parse(answer, keep_comments=False)
    return read_entries(body, PATIENT), read_lots(body, PATIENT), read_associations(body), read_references(body)


_SIGNATURE = _written(replace(ebrim_write.signature_entry(make.LOT, ENTRY, "2.25.1"), entry_uuid=_uuid(9)))

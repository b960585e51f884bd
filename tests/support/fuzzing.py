"""What every parser must do with whatever comes: answer, or raise what it says it raises, soon, repeating nothing.

A fuzz target starts from a message that is read, spoils it, and reads it again.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from lxml import etree

from facade.domain.errors import FacadeError

# Processor time, which a busy machine does not lengthen.
_SECONDS = 2.0
_HOSTILE = (
    *(b"<", b">", b"</", b"/>", b"&", b"&lt;", b"&#0;", b"&#xD800;", b"&x;", b"]]>", b"<![CDATA[", b"<!--", b"<?x "),
    *(b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"xmlns=''", b"xsi:nil='true'", b'"', b"'", b"\\", b"\\u0000", b"\\ud800"),
    *(b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"-0", b"1e999", b"NaN", b"9" * 40, b"", b" ", b"\x00"),
    *(b"\r\n", b"\n", b"\r\n\r\n", b"--", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"%00"),
    *(b"^", b"&ISO", b"^^^", b"urn:uuid:", b"urn:oid:", b"2026", b"99999999999999", b"0001-01-01", b"~", b"|"),
)
_PLACE = st.integers(0, 1_000_000)


def _cut(data: bytes, place: int, length: int, _: bytes) -> bytes:
    start = place % (len(data) + 1)
    return data[:start] + data[start + length :]


def _end(data: bytes, place: int, _: int, __: bytes) -> bytes:
    return data[: place % (len(data) + 1)]


def _insert(data: bytes, place: int, _: int, token: bytes) -> bytes:
    start = place % (len(data) + 1)
    return data[:start] + token + data[start:]


def _replace(data: bytes, place: int, length: int, token: bytes) -> bytes:
    start = place % (len(data) + 1)
    return data[:start] + token + data[start + length :]


def _flip(data: bytes, place: int, length: int, _: bytes) -> bytes:
    if not data:
        return data
    start = place % len(data)
    return data[:start] + bytes([data[start] ^ (1 << length % 8)]) + data[start + 1 :]


def _many(data: bytes, place: int, length: int, token: bytes) -> bytes:
    return _insert(data, place, length, (token or b" ") * 3000)


_OPERATION = st.tuples(
    st.sampled_from([_cut, _end, _insert, _replace, _flip, _many]),
    _PLACE,
    st.integers(0, 40),
    st.sampled_from(_HOSTILE) | st.binary(max_size=6),
)


def spoiled(*messages: bytes) -> st.SearchStrategy[bytes]:
    """One of these messages, changed in one to four places. Nothing of it is moved elsewhere."""

    def apply(message: bytes, operations: Sequence[tuple[Callable[..., bytes], int, int, bytes]]) -> bytes:
        for operation, place, length, token in operations:
            message = operation(message, place, length, token)
        return message

    return st.builds(apply, st.sampled_from(messages), st.lists(_OPERATION, min_size=1, max_size=4))


def check(read: Callable[[], object], *declared: type[Exception], secrets: Sequence[str]) -> None:
    """Read: only the ``declared`` exceptions, within a bounded time, and none of the ``secrets`` in what they say."""
    begun = time.process_time()
    try:
        read()
    except declared as error:
        told = _told(error)
        assert not [secret for secret in secrets if secret in told], told
    assert time.process_time() - begun < _SECONDS


def _told(error: Exception) -> str:
    """Everything of an error that can reach a client, but for the DMP's own words, which are cleaned on their way."""
    if isinstance(error, FacadeError):
        return str(error) + repr(error.problems)
    return str(error)


_WORDS = st.sampled_from(
    [
        *("", " ", "x", "-1", "0", "9" * 40, "1e9", "true", "null", "²", "é" * 300, "\u202e", "^^^", "&", "urn:uuid:"),
        *(
            "urn:oid:",
            "urn:oid:1.2",
            "2026",
            "20260230",
            "00010101",
            "99991231235959",
            "2026-02-30T99:99:99Z",
            "|",
            "~",
        ),
        *("cid:", "#", "#p", "Patient/x", "data:,", "1.2.3^x", "&1.2.3&ISO", "^a^b^^^^^^&1.2&ISO^D^^^EI", "PD94bWw="),
    ]
)


def _drop(element: etree._Element, _: str) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(element: etree._Element, _: str) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.append(copy.deepcopy(element))


def _empty(element: etree._Element, _: str) -> None:
    for child in list(element):
        element.remove(child)
    element.attrib.clear()
    element.text = None


def _attributes(element: etree._Element, word: str) -> None:
    for name in element.attrib:
        element.set(name, word)


def _text(element: etree._Element, word: str) -> None:
    element.text = word


def _rename(element: etree._Element, word: str) -> None:
    element.tag = f"{{{etree.QName(element).namespace or ''}}}{'other' if word else 'id'}"


_CHANGE = st.tuples(st.sampled_from([_drop, _double, _empty, _attributes, _text, _rename]), _PLACE, _WORDS)


def restructured(*messages: bytes) -> st.SearchStrategy[bytes]:
    """One of these XML messages, still well formed, with one to four of its elements changed in place."""

    def apply(message: bytes, changes: Sequence[tuple[Callable[..., None], int, str]]) -> bytes:
        root = etree.fromstring(message)
        for change, place, word in changes:
            elements = [each for each in root.iter() if isinstance(each.tag, str)]
            change(elements[place % len(elements)], word)
        return etree.tostring(root)

    return st.builds(apply, st.sampled_from(messages), st.lists(_CHANGE, min_size=1, max_size=4))

"""Lot signatures shortened before an answer is parsed.

Every lot of a record has a signature document, so up to half of what a search answers are entries nobody reads. Of such
an entry the start tag and the languageCode ``art`` (CI-SIS) are kept: enough to know what it is, and which.

Only what is beyond doubt in the bytes is shortened. Any other entry stays as it is and is recognised once it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from facade.dmp import xds
from facade.domain.content import Buffer

_PREFIX = rb"(?:[\w.-]+:)?"
_START = re.compile(rb"<(" + _PREFIX + rb"ExtrinsicObject)\s[^<>]*[\"']\s*>\s*")
# The other attributes of a slot, which may hold quotes of the other kind: never a namespace, and not more than it has.
_ATTRIBUTES = rb"(?:\s+(?!xmlns)[\w.:-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*')){0,3}?"
_SLOT = re.compile(
    rb"<(" + _PREFIX + rb")Slot" + _ATTRIBUTES + rb"\s+name\s*=\s*(?:\"languageCode\"|'languageCode')" + _ATTRIBUTES
    + rb"\s*>\s*<(" + _PREFIX + rb"ValueList)>\s*<(" + _PREFIX + rb"Value)>\s*"
    + re.escape(xds.SIGNATURE_LANGUAGE.encode()) + rb"\s*</\3>\s*</\2>\s*</\1Slot\s*>"
)  # fmt: skip
# Objects that are read wherever they are. An institution may be an Association.
_OTHERS = (b"RegistryPackage", b"Association", b"ObjectRef")
_OTHER = re.compile(rb"<" + _PREFIX + rb"(?:" + rb"|".join(_OTHERS) + rb")\b")
_MARKS = (b"!", b"?")
_NAME, _OBJECT = b"languageCode", b"ExtrinsicObject"
# What belongs together is near: nothing is looked for from one end of a message to the other, again and again.
_TAG, _ENTRY = 256, 32 * 1024


def without_signatures(message: Buffer) -> Buffer:
    """The same SOAP message with its lot signatures shortened, or ``message`` itself where there is none.

    Whoever reads the registry objects of a well-formed one understands the two alike. Nothing is judged here: what is
    not well-formed is found by the parser, unless it is in what was left out.
    """
    if isinstance(message, memoryview) or _has_more_than_tags(message):
        return message
    pieces: list[Buffer] = []
    view, done = memoryview(message), 0
    for kept, slot, end in _signatures(message):
        pieces += view[done:kept], view[slot[0] : slot[1]]
        done = end
    if not pieces:
        return message
    return b"".join((*pieces, view[done:]))


def _has_more_than_tags(message: bytes | bytearray) -> bool:
    """Whether there are comments, CDATA sections or instructions: what is a tag in their bytes is none."""
    start = message.find(b"?>") if message.startswith(b"<?xml") else 0
    # One byte is found many times faster than two, and seldom there.
    return any(message.find(mark, start + 2) >= 0 and message.find(b"<" + mark, start + 2) >= 0 for mark in _MARKS)


def _signatures(message: bytes | bytearray) -> Iterator[tuple[int, tuple[int, int], int]]:
    """Of each signature entry: where its start tag ends, its languageCode slot, where its end tag begins."""
    end = 0
    at = message.find(_NAME)
    while at >= 0:
        slot = _SLOT.match(message, message.rfind(b"<", max(end, at - _TAG), at))
        found = slot and _around(message, slot, end)
        if slot and found:
            yield found[0], slot.span(), found[1]
            end = found[1]
        at = message.find(_NAME, at + len(_NAME))


def _around(message: bytes | bytearray, slot: re.Match[bytes], after: int) -> tuple[int, int] | None:
    """The end of the start tag and the beginning of the end tag of the one entry the slot is a child of."""
    after = max(after, slot.start() - _ENTRY)
    start = _START.match(message, message.rfind(b"<", after, message.rfind(_OBJECT, after, slot.start())))
    # Of one namespace: that of the entry, in which both are declared alike.
    if start is None or start[1] != slot[1] + _OBJECT or not _is_closed(message, start.end(), slot.start()):
        return None
    # The next tag of an entry is its end tag, or there are entries within entries.
    opening = b"</" + start[1]
    end = message.find(_OBJECT, slot.end(), slot.end() + _ENTRY) + len(_OBJECT) - len(opening)
    if not message.startswith(opening, max(end, 0)) or _has_others(message, start.end(), end):
        return None
    return start.end(), end


def _has_others(message: bytes | bytearray, start: int, end: int) -> bool:
    """Whether there are other objects between the two."""
    # A name is found many times faster than an expression, and seldom there.
    named = any(message.find(name, start, end) >= 0 for name in _OTHERS)
    return named and _OTHER.search(message, start, end) is not None


def _is_closed(message: bytes | bytearray, start: int, end: int) -> bool:
    """Whether every element that begins between the two also ends there, beyond doubt: in a slot or two, none is empty.

    In a message of nothing but tags each ``<`` begins one; ``/>`` may also stand in an attribute.
    """
    tags, closing = message.count(b"<", start, end), message.count(b"</", start, end)
    return tags == 2 * closing and message.find(b"/>", start, end) < 0

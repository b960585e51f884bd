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
_SLOT = re.compile(
    rb"<(" + _PREFIX + rb"Slot)\s[^<>]*?\bname\s*=\s*[\"']languageCode[\"'][^<>]*>\s*"
    rb"<(" + _PREFIX + rb"ValueList)>\s*<(" + _PREFIX + rb"Value)>\s*" + re.escape(xds.SIGNATURE_LANGUAGE.encode())
    + rb"\s*</\3>\s*</\2>\s*</\1\s*>"
)  # fmt: skip
_MARKS = (b"!", b"?")
_NAME, _OBJECT, _CLASSIFICATION = b"languageCode", b"ExtrinsicObject", b"Classification"


def without_signatures(message: Buffer) -> Buffer:
    """The same SOAP message with its lot signatures shortened, or ``message`` itself where there is none.

    ``ebrim_read`` understands the two alike. Nothing is judged here: what is not well-formed stays so.
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
        slot = _SLOT.match(message, message.rfind(b"<", end, at))
        found = slot and _around(message, slot.span(), end)
        if slot and found:
            yield found[0], slot.span(), found[1]
            end = found[1]
        at = message.find(_NAME, at + len(_NAME))


def _around(message: bytes | bytearray, slot: tuple[int, int], after: int) -> tuple[int, int] | None:
    """The end of the start tag and the beginning of the end tag of the one entry the slot is a child of."""
    start = _START.match(message, message.rfind(b"<", after, message.rfind(_OBJECT, after, slot[0])))
    if start is None or message.find(_CLASSIFICATION, start.end(), slot[0]) >= 0:
        return None
    # The next tag of an entry is its end tag, or there are entries within entries.
    opening = b"</" + start[1]
    end = message.find(_OBJECT, slot[1]) + len(_OBJECT) - len(opening)
    return (start.end(), end) if message.startswith(opening, max(end, 0)) else None

"""The digest of a document in canonical form (C14N 1.0 with comments) without building a tree of its base64.

A CDA is a small header around one text of base64 that may be 50 MB long. Such a text is cut out before the rest is
parsed and made canonical, and put back where it was while hashing. That is exact, not a shortcut: a run of base64
characters, blanks and line ends that stands between ``>`` and ``<`` can only be character data, or lie in a comment, a
processing instruction or a CDATA section (``<`` is not allowed in an attribute or a tag), no character of it can end
any of these, and the canonical form keeps each as it is once line ends are normal (XML 1.0, 2.11).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence

from lxml import etree

from facade.xmlsafe import parse as parse_xml

_RUN = re.compile(rb">([A-Za-z0-9+/=\r\n ]{16384,}+)(?=<)")
_SLICE = 1024 * 1024


def digest(content: bytes, hash_name: str) -> bytes | None:
    """The digest of the canonical form of ``content``; None when it is not XML that has one."""
    pieces = _around_runs(content) or _whole(content)
    if pieces is None:
        return None
    made = hashlib.new(hash_name, usedforsecurity=hash_name != "sha1")
    for piece in pieces:
        made.update(piece)
    return made.digest()


def _around_runs(content: bytes) -> Iterator[bytes] | None:
    """The canonical form in pieces, None when there is nothing to cut out or the rest is not XML without it."""
    spans = [match.span(1) for match in _RUN.finditer(content)]
    if not spans:
        return None
    mark = secrets.token_hex(16).encode()
    canonical = _canonical(mark.join(_between(content, spans)))
    rest = canonical.split(mark) if canonical is not None else []
    # Outside the root element a run of blanks is not text: then the rest was no XML, or the mark is not where it was.
    return _joined(content, spans, rest) if len(rest) == len(spans) + 1 else None


def _between(content: bytes, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(content)]
    return (content[start:end] for start, end in zip(starts, ends, strict=True))


def _joined(content: bytes, spans: Sequence[tuple[int, int]], rest: Sequence[bytes]) -> Iterator[bytes]:
    yield rest[0]
    for (start, end), after in zip(spans, rest[1:], strict=True):
        yield from _normal_line_ends(content, start, end)
        yield after


def _normal_line_ends(content: bytes, start: int, end: int) -> Iterator[bytes]:
    """A run with its line ends as a parser hands them on: CR LF and a lone CR are one LF."""
    for position in range(start, end, _SLICE):
        piece = content[position : min(position + _SLICE, end)]
        if position > start and content[position - 1] == ord("\r"):
            piece = piece.removeprefix(b"\n")
        yield piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _whole(content: bytes) -> Sequence[bytes] | None:
    canonical = _canonical(content)
    return None if canonical is None else (canonical,)


def _canonical(content: bytes) -> bytes | None:
    try:
        root = parse_xml(content, max_bytes=max(len(content), 1), huge_text=True, keep_instructions=True)
        return etree.tostring(root.getroottree(), method="c14n", with_comments=True)
    except (ValueError, etree.LxmlError):
        return None

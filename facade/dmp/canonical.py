"""The digest of a document in canonical form (C14N 1.0 with comments) without building a tree of its base64.

A CDA is a small header around one text of base64 that may be 50 MB long. Such a text is cut out before the rest is
parsed and made canonical, and put back where it was while hashing. That is exact, not a shortcut: a run of base64
characters, blanks and line ends that stands between ``>`` and ``<`` can only be character data, or lie in a comment, a
processing instruction or a CDATA section (``<`` is not allowed in an attribute or a tag), no character of it can end
any of these, and the canonical form keeps each as it is once line ends are normal (XML 1.0, 2.11).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence

from lxml import etree

from facade.domain.content import Buffer, Content, digest_of
from facade.xmlsafe import parse as parse_xml

_RUN = re.compile(rb">([A-Za-z0-9+/=\r\n ]{16384,}+)(?=<)")
_SLICE = 128 * 1024  # small enough to stay in the processor's cache until it is hashed


def digest(content: Content, hash_name: str) -> bytes | None:
    """The digest of the canonical form of ``content``; None when it is not XML that has one."""
    pieces = content.pieces if len(content.pieces) > 1 else _cut(content.pieces[0])
    found = _around_runs(pieces) or _whole(content)
    return None if found is None else digest_of(found, hash_name)


def _cut(data: Buffer) -> tuple[Buffer, ...]:
    """Markup and runs in turn."""
    view, cuts = memoryview(data), [0]
    for match in _RUN.finditer(data):
        cuts += match.span(1)
    return tuple(view[start:end] for start, end in zip(cuts, [*cuts[1:], len(view)], strict=True))


def _around_runs(pieces: Sequence[Buffer]) -> Iterator[Buffer] | None:
    """The canonical form in pieces, None when nothing was cut out or the rest is not XML without it."""
    markup, runs = pieces[::2], pieces[1::2]
    if not runs:
        return None
    mark = secrets.token_hex(16).encode()
    canonical = _canonical(mark.join(markup))
    rest = canonical.split(mark) if canonical is not None else []
    # Outside the root element a run of blanks is not text: then the rest was no XML, or the mark is not where it was.
    return _joined(runs, rest) if len(rest) == len(markup) else None


def _joined(runs: Sequence[Buffer], rest: Sequence[bytes]) -> Iterator[Buffer]:
    yield rest[0]
    for run, after in zip(runs, rest[1:], strict=True):
        yield from _normal_line_ends(memoryview(run))
        yield after


def _normal_line_ends(run: memoryview) -> Iterator[Buffer]:
    """A run with its line ends as a parser hands them on: CR LF and a lone CR are one LF."""
    for position in range(0, len(run), _SLICE):
        piece = bytes(run[position : position + _SLICE])
        if position and run[position - 1] == ord("\r"):
            piece = piece.removeprefix(b"\n")
        yield piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in piece else piece


def _whole(content: Content) -> Sequence[bytes] | None:
    canonical = _canonical(bytes(content))
    return None if canonical is None else (canonical,)


def _canonical(content: bytes) -> bytes | None:
    try:
        root = parse_xml(content, max_bytes=max(len(content), 1), huge_text=True, keep_instructions=True)
        return etree.tostring(root.getroottree(), method="c14n", with_comments=True)
    except (ValueError, etree.LxmlError):
        return None

"""MTOM/XOP messages as ``multipart/related``: written without copying the documents, read without copying the parts.

Sources: RFC 2046 (multipart), RFC 2387 (related), W3C XOP 1.0 and MTOM. Nothing of a document is ever transformed.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from facade.domain.content import Buffer, Content

_Whole = bytes | bytearray
MAX_PARTS = 512
_MAX_HEADER = 16 * 1024
_SLICE = 256 * 1024
_FEW_LINES = 500
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+.^_`|~*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')


class MalformedMultipart(ValueError):
    """The body is not the multipart its Content-Type says, or is larger than allowed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment: its Content-ID without brackets, its media type, its bytes."""

    cid: str
    mime_type: str
    content: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The root part (an XML message) and the attachments by Content-ID."""

    root: Buffer = field(repr=False)
    parts: Mapping[str, Buffer] = field(repr=False)


class MultipartBody:
    """An MTOM request body: iterate it to send its buffers in turn; its length is known beforehand.

    Large buffers go out in slices: the time allowed for sending is for one slice, not for a document of 50 MB.
    ``started`` tells whether sending has begun. The boundary is 128 random bits: it does not occur in a document.
    """

    def __init__(self, root: bytes, parts: Sequence[Part], *, action: str) -> None:
        boundary = f"uuid:{uuid.uuid4()}"
        start = f"root.{uuid.uuid4()}@facade"
        self.content_type = (
            f'multipart/related; type="application/xop+xml"; boundary="{boundary}"; start="<{start}>"; '
            f'start-info="application/soap+xml"; action="{action}"'
        )
        self.started = False
        self._buffers = list(_write(boundary.encode(), start, root, parts, action))
        self._length = sum(len(buffer) for buffer in self._buffers)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Buffer]:
        self.started = True
        return (piece for buffer in self._buffers for piece in _slices(buffer))


def _slices(buffer: Buffer) -> Iterator[Buffer]:
    view = memoryview(buffer)
    return (view[start : start + _SLICE] for start in range(0, len(view), _SLICE))


def _write(boundary: bytes, start: str, root: bytes, parts: Sequence[Part], action: str) -> Iterator[Buffer]:
    kind = f'application/xop+xml; charset=UTF-8; type="application/soap+xml"; action="{action}"'
    head = b"--" + boundary + _part_header(start, kind) + root
    for part in parts:
        yield head + b"\r\n--" + boundary + _part_header(part.cid, part.mime_type)
        yield from part.content
        head = b""
    yield head + b"\r\n--" + boundary + b"--\r\n"


def _part_header(cid: str, mime_type: str) -> bytes:
    lines = f"\r\nContent-Type: {mime_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n\r\n"
    return lines.encode("ascii", "replace")


def content_type(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type header as its lower-case media type and its parameters (names in lower case)."""
    media, _, _ = header.partition(";")
    found = {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(header)
    }
    return media.strip().lower(), found


def parse(header: str, body: _Whole, *, max_parts: int = MAX_PARTS) -> Parsed:
    """Read an answer: a multipart, or a single message without attachments.

    The parts are memoryviews of ``body``. Raises MalformedMultipart when the boundary is missing or never closed, a
    part has no end, there are more than ``max_parts``, or the root part is not there.
    """
    media, parameters = content_type(header)
    if not media.startswith("multipart/"):
        return Parsed(body, {})
    boundary = parameters.get("boundary", "")
    if not boundary or len(boundary) > 70:  # noqa: PLR2004 - RFC 2046, 5.1.1
        raise MalformedMultipart("the boundary is missing or too long")
    found = [_part(body, start, end) for start, end in _spans(body, boundary.encode("latin-1", "replace"), max_parts)]
    if not found:
        raise MalformedMultipart("no part at all")
    by_cid = dict(found)
    if len(by_cid) != len(found):
        raise MalformedMultipart("two parts have the same Content-ID")
    wanted = parameters.get("start")
    root = found[0][0] if wanted is None else normal_cid(wanted)
    if root not in by_cid:
        raise MalformedMultipart("the root part is not there")
    return Parsed(by_cid.pop(root), by_cid)


def normal_cid(text: str) -> str:
    """A Content-ID as a key, from ``<x>``, ``cid:x`` or ``x`` (RFC 2392: a ``cid:`` URL is percent-encoded)."""
    text = text.strip()
    if text[:4].lower() == "cid:":
        text = unquote(text[4:])
    return text.removeprefix("<").removesuffix(">")


def _spans(body: _Whole, boundary: bytes, max_parts: int) -> Iterator[tuple[int, int]]:
    """Start and end of each part (its header included), the delimiters checked to be whole lines."""
    delimiter = b"\r\n--" + boundary
    opening = 0 if body.startswith(delimiter[2:]) else body.find(delimiter)
    if opening < 0:
        raise MalformedMultipart("the boundary does not occur")
    position = opening + len(delimiter) - (2 if opening == 0 else 0)
    for _ in range(max_parts + 1):
        if body[position : position + 2] == b"--":
            return
        start = _line_end(body, position)
        if start is None:
            raise MalformedMultipart("the boundary line does not end")
        end = _next_delimiter(body, delimiter, start - 2)
        yield start, end
        position = end + len(delimiter)
    raise MalformedMultipart("too many parts")


def _next_delimiter(body: _Whole, delimiter: bytes, position: int) -> int:
    """The next delimiter line: a text that only begins like one belongs to the part (RFC 2046, 5.1.1)."""
    while (found := _find(body, delimiter, position)) >= 0:
        after = found + len(delimiter)
        if body[after : after + 2] == b"--" or _line_end(body, after) is not None:
            return found
        position = found + 1
    raise MalformedMultipart("the last part has no end")


def _find(body: _Whole, delimiter: bytes, position: int) -> int:
    """``body.find``, three times as fast over a document of few lines: a CDA's base64 is nearly always one.

    A single byte is looked for many at a time, and a delimiter begins with CR.
    """
    for _ in range(_FEW_LINES):
        position = body.find(b"\r", position)
        if position < 0 or body.startswith(delimiter, position):
            return position
        position += 1
    return body.find(delimiter, position)


def _line_end(body: _Whole, position: int) -> int | None:
    """Where the next line begins, when nothing but white space is left on this one."""
    while body[position : position + 1] in (b" ", b"\t"):
        position += 1
    return position + 2 if body[position : position + 2] == b"\r\n" else None


def _part(body: _Whole, start: int, end: int) -> tuple[str, Buffer]:
    if body[start : start + 2] == b"\r\n":
        return "", _view(body, min(start + 2, end), end)
    split = body.find(b"\r\n\r\n", start, min(end, start + _MAX_HEADER))
    if split < 0:
        raise MalformedMultipart("a part has no header, or one that is too long")
    headers = _headers(body[start:split])
    content = _view(body, split + 4, end)
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding == "base64":
        try:
            return normal_cid(headers.get("content-id", "")), base64.b64decode(content, validate=False)
        except binascii.Error as error:
            raise MalformedMultipart("a part is not the base64 it says") from error
    if encoding not in ("binary", "8bit", "7bit"):
        raise MalformedMultipart("a part has an unknown transfer encoding")
    return normal_cid(headers.get("content-id", "")), content


def _view(body: _Whole, start: int, end: int) -> memoryview:
    return memoryview(body).toreadonly()[start:end]


def _headers(block: _Whole) -> dict[str, str]:
    unfolded = re.sub(r"\r\n[ \t]+", " ", block.decode("latin-1"))
    pairs = (line.partition(":") for line in unfolded.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}

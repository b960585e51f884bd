"""MTOM on the wire: ``multipart/related; type="application/xop+xml"`` read and written on bytes, binary-safe.

Sources: RFC 2046 section 5.1, RFC 2387, W3C XOP 1.0, W3C MTOM 1.0.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

XOP_TYPE = "application/xop+xml"
SOAP_TYPE = "application/soap+xml"
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&^_.+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{1,69}[A-Za-z0-9'()+_,./:=?-]|[A-Za-z0-9'()+_,./:=?-]")


class BadMultipart(ValueError):
    """The body is not the MTOM package its Content-Type announces."""


@dataclass(frozen=True, slots=True)
class Package:
    """The SOAP envelope and the parts beside it by Content-ID (without angle brackets)."""

    envelope: memoryview
    parts: Mapping[str, memoryview]


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type as its lower-case type and its parameters (quotes removed, names in lower case)."""
    kind, _, _rest = header.partition(";")
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(header):
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else bare)
    return kind.strip().lower(), parameters


def content_id(href: str) -> str:
    """The Content-ID an ``xop:Include/@href`` points to (RFC 2392). Raises BadMultipart for another kind of URL."""
    if not href.startswith("cid:"):
        raise BadMultipart("xop:Include does not point to a part (cid:)")
    return unquote(href.removeprefix("cid:"))


def read(parameters: Mapping[str, str], body: bytes) -> Package:
    """Take an MTOM package apart without copying its parts.

    ``parameters`` are those of the Content-Type. Raises BadMultipart when the package breaks RFC 2046, RFC 2387 or
    XOP: wrong type, no boundary, missing end, part without Content-ID, two parts of the same one, unknown encoding.
    """
    if parameters.get("type", "").lower() != XOP_TYPE:
        raise BadMultipart('type="application/xop+xml" is missing')
    if not _BOUNDARY.fullmatch(parameters.get("boundary", "")):
        raise BadMultipart("no boundary")
    parts: dict[str, memoryview] = {}
    first = ""
    for raw in _split(body, parameters["boundary"].encode()):
        headers, content = _part(raw)
        identifier = headers.get("content-id", "").strip()
        if not (identifier.startswith("<") and identifier.endswith(">")):
            raise BadMultipart("a part has no Content-ID")
        name = identifier[1:-1]
        if name in parts:
            raise BadMultipart("two parts have the same Content-ID")
        if headers.get("content-transfer-encoding", "binary").strip().lower() not in ("binary", "8bit", "7bit"):
            raise BadMultipart("a part is not sent as binary")
        if not parts and media_type(headers.get("content-type", ""))[0] != XOP_TYPE:
            raise BadMultipart("the root part is not application/xop+xml")
        first = first or name
        parts[name] = content
    start = parameters.get("start", f"<{first}>").strip("<>")
    if start not in parts or start != first:
        raise BadMultipart("the start parameter does not name the first part")
    return Package(parts.pop(start), parts)


def _split(body: bytes, boundary: bytes) -> list[memoryview]:
    """The parts between delimiters; a delimiter is at the start of a line only."""
    delimiter = b"--" + boundary
    position = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if position == 1:
        raise BadMultipart("the boundary is not in the body")
    view = memoryview(body)
    parts: list[memoryview] = []
    while True:
        position += len(delimiter)
        if body[position : position + 2] == b"--":
            return parts
        line = body.find(b"\r\n", position)
        if line < 0 or body[position:line].strip(b" \t"):
            raise BadMultipart("a delimiter is followed by something else")
        end = body.find(b"\r\n" + delimiter, line)
        if end < 0:
            raise BadMultipart("the last delimiter is missing")
        parts.append(view[line + 2 : end] if end > line else view[line:line])
        position = end + 2


def _part(raw: memoryview) -> tuple[dict[str, str], memoryview]:
    """Headers (lower-case names, folded lines joined) and content of one part."""
    end = bytes(raw[:8192]).find(b"\r\n\r\n")
    if end < 0:
        raise BadMultipart("a part has no headers")
    try:
        lines = bytes(raw[:end]).decode("ascii").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
    except UnicodeDecodeError as error:
        raise BadMultipart("a part header is not ASCII") from error
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers, raw[end + 4 :]


def write(envelope: bytes, attachments: Mapping[str, tuple[str, bytes]]) -> tuple[str, bytes]:
    """An MTOM package: its Content-Type and its bytes. ``attachments`` by Content-ID: media type and content."""
    boundary = f"uuid:{uuid.uuid4()}"
    start = f"root.{uuid.uuid4()}@dmp.test"
    chunks = [
        f'--{boundary}\r\nContent-Type: {XOP_TYPE}; charset=UTF-8; type="{SOAP_TYPE}"\r\n'
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{start}>\r\n\r\n".encode(),
        envelope,
    ]
    for identifier, (kind, content) in attachments.items():
        chunks.append(
            f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{identifier}>\r\n\r\n".encode()
        )
        chunks.append(content)
    chunks.append(f"\r\n--{boundary}--\r\n".encode())
    header = f'multipart/related; type="{XOP_TYPE}"; boundary="{boundary}"; start="<{start}>"; start-info="{SOAP_TYPE}"'
    return header, b"".join(chunks)

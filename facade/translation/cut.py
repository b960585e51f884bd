"""Long base64 texts cut out of a FHIR body before it is parsed: 50 MB of PDF become no string and no tree.

A body is parsed without its texts; a mark that nobody can guess stands for each. A text is cut only where it is the
whole value of a member ``data`` (JSON) or of an element ``data`` (XML) and is base64: it holds no quote, no escape and
no tag, so what is left is well-formed exactly where the body is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from facade.translation.base64_file import Base64File

Files = dict[str, Base64File]
_LONG = 64 * 1024
_MOST_QUOTES = 100_000
_BEFORE = 80
_JSON = re.compile(rb'"data"[ \t\r\n]*:[ \t\r\n]*"\Z')
_XML = re.compile(rb'<data[ \t\r\n]+value[ \t\r\n]*=[ \t\r\n]*"\Z')


def cut(body: bytes | bytearray, *, xml: bool = False) -> tuple[bytes | bytearray, Files]:
    """The body with a mark in place of each long base64 text, and the files by their marks; the body where none is."""
    key = _XML if xml else _JSON
    token, files = secrets.token_hex(16), Files()
    rest: list[bytes | memoryview] = []
    view, position = memoryview(body).toreadonly(), 0
    for start, end in _long_texts(body):
        if not key.search(body, max(0, start - _BEFORE), start):
            continue
        try:
            file = Base64File.read(view[start:end], hashed=True)
        except ValueError:
            continue
        mark = f"{token}{len(files):08d}"
        rest += (view[position:start], mark.encode())
        files[mark], position = file, end
    if not files:
        return body, files
    return b"".join((*rest, view[position:])), files


def _long_texts(body: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """What stands between one double quote and the next, where that is long."""
    if len(body) < _LONG:
        return
    start = body.find(b'"') + 1
    for _ in range(_MOST_QUOTES):
        end = body.find(b'"', start)
        if end < 0:
            return
        if end - start >= _LONG:
            yield start, end
        start = end + 1

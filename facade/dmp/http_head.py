"""The head of an answer, read without what the standard library does for a multipart.

``http.client`` has the head of an answer read by the mail parser. Of a multipart, which every answer with a document
is, that parser looks for the parts in a body it is not given, and compiles a regular expression for the boundary,
another one each time: seven times what the rest of a head costs. It is therefore shown another type in its place.
"""

from __future__ import annotations

import io
import re
import ssl
import uuid
from http.client import HTTPResponse
from typing import cast

from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

_MULTIPART = re.compile(rb"content-type:[ \t]*(multipart/[^\r\n]*)\r?\n\Z", re.IGNORECASE)
_FOLDED = (b" ", b"\t")
_KEPT_BACK = f"application/x-{uuid.uuid4()}"  # which no answer says


class _Lines:
    """The lines of a head; ``multipart`` is the first Content-Type of a multipart that is one line, as it was."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._in_fields = False
        self.multipart = ""

    def readline(self, limit: int = -1) -> bytes:
        line = self._stream.readline(limit)
        # The first line, and the first after an interim answer, is that of the status.
        if not self._in_fields:
            self.multipart = ""
        looked_at, self._in_fields = self._in_fields and not self.multipart, bool(line.strip())
        found = _MULTIPART.match(line) if looked_at else None
        if found is None or self._stream.peek(1)[:1] in _FOLDED:
            return line
        self.multipart = found[1].decode("iso-8859-1")
        return f"Content-Type: {_KEPT_BACK}\r\n".encode()

    def close(self) -> None:
        self._stream.close()


class _Response(HTTPResponse):
    def begin(self) -> None:
        """Read the head."""
        stream = self.fp
        lines = _Lines(stream)
        self.fp = shown = cast("io.BufferedReader", lines)
        try:
            super().begin()
        finally:
            if self.fp is shown:  # none where what came was no answer
                self.fp = stream
        if lines.multipart:
            # Where it was: of a head that breaks off before it, it is no part.
            kinds = self.headers.get_all("Content-Type", [])
            del self.headers["Content-Type"]
            for kind in kinds:
                self.headers["Content-Type"] = lines.multipart if kind == _KEPT_BACK else kind


class _Connection(HTTPSConnection):
    response_class = _Response

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again: nothing came behind the last answer, which would be taken for the next."""
        unread = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        return super().is_connected and not unread


class Pool(HTTPSConnectionPool):
    """urllib3's pool of connections to one host; a class to be given to its PoolManager."""

    ConnectionCls = _Connection

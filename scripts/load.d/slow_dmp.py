"""A program: a DMP that gives each answer after a fixed time, over mutual TLS, to a thousand callers at once.

What it answers are the bytes of the embedded DMP: the first message of each kind is passed on to it, its answer is kept
and given to later ones with their own message id in it. One kind is one action and stored query, so what is no query
stands for one patient and one document: that is all a load needs. It prints its port and ends with its standard input.

Arguments: folder of the test PKI, URL of the embedded DMP's services, seconds an answer takes.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

_MESSAGE_ID = re.compile(rb"<wsa:MessageID>([^<]+)</wsa:MessageID>")
_QUERY = re.compile(rb"<[^<>]*AdhocQuery .*AdhocQuery>", re.DOTALL)
_ACTION = re.compile(rb"<wsa:Action[^>]*>([^<]+)</wsa:Action>")
# A message of HL7 V3 has ids of its own, which its answer names.
_HL7_ID = re.compile(rb'root="(2\.25\.[0-9]+)"')
_HEADERS = 32 * 1024
_LONGEST = 16 * 1024
_PASSED_ON = ("content-type", "accept")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer of the embedded DMP, and the ids of the request in it, that have to be others each time."""

    status: int
    content_type: str
    body: bytes
    ids: tuple[bytes, ...]

    def to(self, ids: tuple[bytes, ...]) -> bytes:
        """The whole HTTP answer to another message of the same kind."""
        body = self.body
        for old, new in zip(self.ids, ids, strict=True):
            body = body.replace(old, new)
        head = f"HTTP/1.1 {self.status} x\r\nContent-Type: {self.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


class SlowDmp:
    """Answers on any number of connections."""

    def __init__(self, pki: Path, real: str, seconds: float) -> None:
        self._real = f"{urlsplit(real).scheme}://{urlsplit(real).netloc}"
        self._seconds = seconds
        self._known: dict[tuple[bytes, bytes], Recorded] = {}
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(pki / "ca.pem")
        self._session.cert = (str(pki / "auth_cli.pem"), str(pki / "auth_cli.key"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its client closes it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.decode("latin-1").rstrip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
                body = await _body(reader, headers)
                answer, _ = await asyncio.gather(
                    self._answer(line.split(" ")[1], headers, body), asyncio.sleep(self._seconds)
                )
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        start = body[:_LONGEST]
        message_id, action = _MESSAGE_ID.search(start), _ACTION.search(start)
        assert message_id is not None
        assert action is not None
        hl7 = dict.fromkeys(_HL7_ID.findall(body)) if b"hl7-org" in action.group(1) else ()
        ids = message_id.group(1), *hl7
        query = _QUERY.search(body) if b"StoredQuery" in action.group(1) else None
        kind = action.group(1), query.group() if query else b""
        if kind not in self._known:
            passed = {name: headers[name] for name in _PASSED_ON if name in headers}
            self._known[kind] = await asyncio.to_thread(self._ask, path, passed, body, ids)
        return self._known[kind].to(ids)

    def _ask(self, path: str, headers: Mapping[str, str], body: bytes, ids: tuple[bytes, ...]) -> Recorded:
        answer = self._session.post(f"{self._real}{path}", data=body, headers=headers, timeout=30)
        return Recorded(answer.status_code, answer.headers["Content-Type"], answer.content, ids)


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


async def main() -> None:
    pki = Path(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.load_verify_locations(pki / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    dmp = SlowDmp(pki, sys.argv[2], float(sys.argv[3]))
    server = await asyncio.start_server(dmp.serve, "127.0.0.1", 0, ssl=context, limit=_HEADERS, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

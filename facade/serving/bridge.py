"""Runs the WSGI application under granian's event loop: requests wait there, without a thread, and work in threads.

granian's own WSGI mode has no place to wait that ends, no way to stop reading a body that never comes, and makes one
and the same header of ``Client-Cert`` and ``Client_Cert``. Its RSGI interface has all it takes to do better.
Sources: PEP 3333 (WSGI), RSGI 1.x of granian, RFC 9110 (fields), RFC 9112 (Content-Length).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from facade.api.limits import AT_ONCE, REFUSED
from facade.serving.admission import ALWAYS, Admission, QueueFull
from facade.settings import Settings

_Headers = list[tuple[str, str]]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
# Answers that need nothing but a moment of the processor: a full house is said, and /healthz told, by these.
_ASIDE = 4
_DISCARD_SECONDS = 3.0
_UNREADABLE = "\ufffd"
# What of a body that comes in pieces is handed over together.
_PIECE = 256 * 1024
# From here on the pieces of an answer come from a thread.
_VERY_LARGE = 8 * 1024 * 1024


class Bridge:
    """The RSGI application of one worker process; ``started`` is called once it serves."""

    def __init__(self, application: Wsgi, settings: Settings, started: Callable[[], object]) -> None:
        self._application = application
        self._settings = settings
        self._started = started
        self._admission = Admission(settings.threads, settings.queue)
        self._workers = ThreadPoolExecutor(settings.threads, thread_name_prefix="request")
        self._aside = ThreadPoolExecutor(_ASIDE, thread_name_prefix="aside")
        self._loop: asyncio.AbstractEventLoop

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._started()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request: a place in the queue, a thread, an answer."""
        environ = _environ(scope)
        body = environ["wsgi.input"] = Body(self._loop, protocol, environ, self._settings)
        if scope.path in ALWAYS:
            answer = await self._run(self._aside, environ)
        elif await self._admitted():
            try:
                answer = await self._run(self._workers, environ)
            finally:
                self._admission.leave()
        else:
            answer = await self._run(self._aside, environ | {REFUSED: "busy"})
        if body.unread:
            if "HTTP_EXPECT" not in environ:
                await body.discard()
            answer.headers.append(("Connection", "close"))
        await self._give(answer, protocol)

    async def _give(self, answer: Answer, protocol: Any) -> None:
        """Hand the answer over. A large one leaves as it is made: its thread is free while its client reads.

        Only documents are so large, and they are in memory: a piece of one is decoded here in less time than a thread
        needs to be asked for it. Between two of them it is everybody else's turn. The rest of a very large one comes
        from a thread all the same: granian takes every piece at once and keeps what its client has not read yet, and
        in that time pieces leave. A client that reads slowly has all of the document kept for it.
        """
        if answer.rest is None:
            protocol.response_bytes(answer.status, answer.headers, answer.content)
            return
        try:
            transport = protocol.response_stream(answer.status, answer.headers)
            piece: bytes | None = answer.content
            given = 0
            while piece is not None:
                await transport.send_bytes(piece)
                given += len(piece)
                if given < _VERY_LARGE:
                    await asyncio.sleep(0)
                    piece = next(answer.rest, None)
                else:
                    piece = await self._loop.run_in_executor(self._workers, next, answer.rest, None)
        finally:
            await self._loop.run_in_executor(self._workers, answer.close)

    async def _admitted(self) -> bool:
        try:
            ticket = self._admission.enter()
        except QueueFull:
            return False
        if not ticket.done():
            await asyncio.wait([asyncio.wrap_future(ticket)], timeout=self._settings.queue_seconds)
        return not ticket.cancel()

    async def _run(self, pool: ThreadPoolExecutor, environ: dict[str, Any]) -> Answer:
        return await self._loop.run_in_executor(pool, _answer, self._application, environ)


@dataclass(slots=True)
class Answer:
    """What the application answered: all of its content, or its first piece and the ``rest``, to be closed then."""

    status: int
    headers: _Headers
    content: bytes
    rest: Iterator[bytes] | None = None
    close: Callable[[], object] = bool


class Body:
    """``wsgi.input``: read from a thread, received by the loop, with one deadline for the whole of it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: Any, environ: dict[str, Any], settings: Settings
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        declared = environ.get("CONTENT_LENGTH", "")
        self._none = declared in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ
        self._whole = declared.isdigit() and int(declared) <= min(AT_ONCE, settings.max_body_bytes)
        self._seconds = settings.body_seconds
        self._most = settings.max_body_bytes
        self._end = 0.0
        self._pieces: Any = None
        self._kept = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, none at the end. Raises TimeoutError when the time for the whole body is over."""
        if not self._kept and not self._none:
            received = self._received()
            if len(received) <= size:
                return received  # not copied
            self._kept = memoryview(received)
        end = len(self._kept) if size < 0 else size
        taken, self._kept = self._kept[:end], self._kept[end:]
        return bytes(taken)

    @property
    def unread(self) -> bool:
        """Whether something of it may still come."""
        return not self._none

    async def discard(self) -> None:
        """Take what still comes, for a moment: who is cut off while sending does not see the answer."""
        self._whole, left = False, self._most
        self._end = min(self._end or math.inf, time.monotonic() + _DISCARD_SECONDS)
        with suppress(TimeoutError):
            while left > 0 and (piece := await self._receive()):
                left -= len(piece)

    def _received(self) -> bytes:
        """The whole body where its length is known and allowed, else its next piece."""
        self._end = self._end or time.monotonic() + self._seconds
        waiting: Future[bytes] = asyncio.run_coroutine_threadsafe(self._receive(), self._loop)
        return waiting.result()

    async def _receive(self) -> bytes:
        """Raises TimeoutError; what a client did not send before it went away is an early end."""
        whole, self._none = self._whole, True
        left = max(0.0, self._end - time.monotonic())
        with suppress(RuntimeError, StopAsyncIteration):
            if whole:
                return bytes(await asyncio.wait_for(self._protocol(), left))
            return await asyncio.wait_for(self._some(), left)
        return b""

    async def _some(self) -> bytes:
        self._pieces = self._pieces or aiter(self._protocol)
        some = bytearray()
        while len(some) < _PIECE:
            piece = await anext(self._pieces)
            if not piece:
                # The end is an empty piece; to ask for one more would be an error.
                return bytes(some)
            some += piece
        self._none = False
        return bytes(some)


def _environ(scope: Any) -> dict[str, Any]:
    """What PEP 3333 asks for. A name with an underscore could pass for another one, and is left out."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    fields = scope.headers.items()
    for name, value in fields:
        if "_" not in name:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    if len(scope.headers) != len(fields):
        _tell_unreadable(environ, scope.headers)
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{key}" in environ:
            environ[key] = environ.pop(f"HTTP_{key}")
    return environ


def _tell_unreadable(environ: dict[str, Any], headers: Any) -> None:
    """What is not ASCII granian leaves out: a header that was sent must not look like one that was not."""
    for name in headers.keys():  # noqa: SIM118 - no mapping, in spite of its methods
        if "_" not in name and headers.get(name) is None:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = _UNREADABLE


def _answer(application: Wsgi, environ: dict[str, Any]) -> Answer:
    """Run the application until its answer is whole, or so large that it is better handed over as it is made."""
    said: list[tuple[int, _Headers]] = []

    def start_response(status: str, headers: _Headers, _: object = None) -> None:
        said.append((int(status[:3]), headers))

    parts = application(environ, start_response)
    pieces, close, large = iter(parts), getattr(parts, "close", bool), False
    try:
        content = _first(pieces)
        large = len(content) > AT_ONCE
    finally:
        if not large:
            close()
    return Answer(*said[-1], content, pieces if large else None, close)


def _first(pieces: Iterator[bytes]) -> bytes:
    """The pieces up to the first that makes them large; none is copied where there is one."""
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > AT_ONCE:
            break
    return found[0] if len(found) == 1 else b"".join(found)

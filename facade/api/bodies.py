"""Request bodies: how large, how slow, and how many at once.

A body is held until its request is answered: what all of them weigh in one process is limited (``Uploads``). The server
gives its stream a deadline; a client that sends nothing keeps no thread beyond it.
"""

from __future__ import annotations

from threading import BoundedSemaphore, Condition
from typing import Any

from flask import current_app, g, request

from facade.api.limits import AT_ONCE, BUSY_SECONDS
from facade.domain.errors import FacadeError, InvalidInput, Problem
from facade.observability import metrics

_GATE_SECONDS = 0.25
_CHUNK = 256 * 1024
# A client that is still sending when it is refused must be able to finish, or it sees a broken connection, not a 413.
_DRAIN_FACTOR = 4


class Uploads:
    """The bodies of one process: ``readers`` are being received at once, ``total`` bytes are held at once.

    A single body of more than ``total`` bytes is let in alone: whether it may be so large is for another limit to say.
    """

    def __init__(self, readers: int, total: int) -> None:
        self.readers = BoundedSemaphore(readers)
        self._total = total
        self._held = 0
        self._changed = Condition()

    def hold(self, count: int) -> None:
        """Count so many bytes more. Raises FacadeError ``busy`` when there is no room for them soon."""
        with self._changed:
            room = self._changed.wait_for(
                lambda: not self._held or self._held + count <= self._total, timeout=_GATE_SECONDS
            )
            if not room:
                raise _busy()
            self._held += count

    def release(self, count: int) -> None:
        """Count so many bytes less."""
        with self._changed:
            self._held -= count
            self._changed.notify_all()


def body_bytes(limit: int) -> bytes | bytearray:
    """The request body. Raises InvalidInput ``body.too-large`` before more than ``limit`` bytes are kept.

    Raises InvalidInput ``body.too-slow`` (408) or ``body.incomplete`` when it does not come, and FacadeError ``busy``
    (503) when too many others come slowly: they may hold half of the threads, so that reading goes on; or when too
    many bytes are held already.
    """
    uploads = _uploads()
    if not uploads.readers.acquire(timeout=_GATE_SECONDS):
        raise _busy()
    metrics.body_begins()
    try:
        return _read_body(limit)
    except TimeoutError:
        raise InvalidInput.of("body.too-slow") from None
    finally:
        metrics.body_ends()
        uploads.readers.release()


def release_uploads(_: BaseException | None) -> None:
    """The request is over: what its body weighed is free again."""
    if held := g.pop("upload_bytes", 0):
        _uploads().release(held)


def _read_body(limit: int) -> bytes | bytearray:
    declared = request.content_length
    if declared is not None and declared > limit:
        _drain(min(declared, limit * _DRAIN_FACTOR))
        raise InvalidInput.of("body.too-large", limit=str(limit))
    stream = request.environ["wsgi.input"]
    if declared is not None:
        _hold(declared)
        return _read_exactly(stream, declared)
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return bytearray()
    body = bytearray()
    while chunk := stream.read(_CHUNK):
        if len(body) + len(chunk) > limit:
            raise InvalidInput.of("body.too-large", limit=str(limit))
        _hold(len(chunk))
        body += chunk
    return body


def _hold(count: int) -> None:
    _uploads().hold(count)
    g.upload_bytes = g.get("upload_bytes", 0) + count


def _drain(amount: int) -> None:
    stream = request.environ["wsgi.input"]
    while amount > 0 and (chunk := stream.read(min(_CHUNK, amount))):
        amount -= len(chunk)


def _read_exactly(stream: Any, amount: int) -> bytes | bytearray:
    """The body as the server had it where that is all, else in one buffer that grows in place: never joined."""
    first: bytes = stream.read(min(AT_ONCE, amount)) if amount else b""
    if len(first) == amount:
        return first
    body = bytearray(first)
    while 0 < len(body) < amount and (chunk := stream.read(min(_CHUNK, amount - len(body)))):
        body += chunk
    if len(body) < amount:
        raise InvalidInput.of("body.incomplete")
    return body


def _uploads() -> Uploads:
    found: Uploads = current_app.extensions["dmp_facade_uploads"]
    return found


def _busy() -> FacadeError:
    return FacadeError(Problem("busy"), retry_after=BUSY_SECONDS)

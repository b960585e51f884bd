"""HTTPS to the DMP: one pool, our certificate, their authority, bounded answers, and what a failure means.

``urllib3`` alone: what ``requests`` adds (sessions, cookies, redirects, proxies) is not wanted here, and costs as much
processor time as the exchange itself, two or three times for every request.

A failure after the first byte of a message was sent is marked ``outcome_unknown`` for transactions that change
something: the DMP may have done it.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, cast
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ReadTimeoutError, SSLError
from urllib3.util import parse_url

from facade.dmp.config import DmpConfig
from facade.dmp.http_head import Pool
from facade.dmp.keys import tls_context
from facade.dmp.multipart import MultipartBody
from facade.domain.errors import DmpUnavailable

_CHUNK = 128 * 1024  # small enough to stay in the processor's cache until it is copied
_BUSY = (429, 503)
# What a peer says when it does not accept our certificate: nothing of the message was looked at.
_TLS_REFUSAL = re.compile(
    r"certificate|unknown_ca|handshake|protocol_version|wrong_version|access_denied", re.IGNORECASE
)


class PlainBody:
    """A request body of one buffer that remembers whether sending has begun."""

    def __init__(self, content: bytes, *, action: str) -> None:
        self.content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        self.started = False
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self.started = True
        return iter((self._content,))


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: status, Content-Type and the whole body."""

    status: int
    content_type: str
    body: bytearray = field(repr=False)


class HttpClient:
    """POST of one message, thread-safe. Raises DmpUnavailable and nothing else."""

    def __init__(self, config: DmpConfig) -> None:
        self._config = config
        self.context = tls_context(config)
        self._places = threading.BoundedSemaphore(config.pool_size)
        self._pool = PoolManager(num_pools=8, maxsize=config.pool_size, ssl_context=self.context)
        self._pool.pool_classes_by_scheme = {"https": Pool}
        # By address, with the target there: it is one of a few, and need not be taken apart for every message.
        self._targets: dict[str, tuple[HTTPConnectionPool, str]] = {}

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the ``pool_size`` exchanges at a time. Raises DmpUnavailable ``dmp.pool-full`` at once without one."""
        if not self._places.acquire(blocking=False):
            raise DmpUnavailable("dmp.pool-full", retry_after=1)
        try:
            yield
        finally:
            self._places.release()

    def post(
        self, url: str, body: MultipartBody | PlainBody, *, transaction: str, changes: bool, headers: Mapping[str, str]
    ) -> HttpAnswer:
        """Send ``body``, read the answer. ``changes``: a failure while or after sending leaves the outcome unknown."""
        wanted = {
            "Content-Type": body.content_type,
            "Content-Length": str(len(body)),
            "Accept": "application/soap+xml, application/xop+xml, multipart/related, text/xml",
            "Accept-Encoding": "identity",
            **headers,
        }
        connect, read = self._config.timeouts(transaction)
        try:
            pool, target = self._target(url)
            response = pool.urlopen(
                "POST",
                target,
                body=cast("Iterable[bytes]", body),
                headers=wanted,
                timeout=Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            _raise(error, unknown=changes and body.started)
        try:
            return self._read(response, unknown=changes)
        finally:
            # What was not read to its end is no use to the next exchange.
            response.close()
            response.release_conn()

    def _target(self, url: str) -> tuple[HTTPConnectionPool, str]:
        found = self._targets.get(url)
        if found is None:
            found = self._targets[url] = self._pool.connection_from_url(url), parse_url(url).request_uri
        return found

    def probe(self) -> str | None:
        """Open a TLS connection and close it: None when that works, else why not."""
        address = urlsplit(self._config.base_url)
        host, port = address.hostname or "", address.port or 443
        try:
            with (
                socket.create_connection((host, port), self._config.connect_timeout) as plain,
                self.context.wrap_socket(plain, server_hostname=host),
            ):
                return None
        except ssl.SSLError as error:
            return f"TLS: {error.reason or 'failed'}"
        except TimeoutError:
            return "no answer in time"
        except OSError as error:
            return error.strerror or "cannot be reached"

    def close(self) -> None:
        """Close the pooled connections."""
        self._targets.clear()
        self._pool.clear()

    def _read(self, response: BaseHTTPResponse, *, unknown: bool) -> HttpAnswer:
        kind = response.headers.get("Content-Type", "")
        coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        # Of two types nobody can tell which is meant, nor who of those on the way reads which (RFC 9110, 5.3 and 8.3).
        if coded or len(response.headers.getlist("Content-Type")) > 1:
            raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=unknown, status=str(response.status))
        if response.status in _BUSY and "xml" not in kind and "multipart" not in kind:
            raise DmpUnavailable("dmp.busy", outcome_unknown=unknown, retry_after=_retry_after(response))
        limit = self._config.max_answer_bytes
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > limit:
            raise DmpUnavailable("dmp.answer-too-large", outcome_unknown=unknown, limit=str(limit))
        try:
            body = self._read_body(response, unknown=unknown)
        except (HTTPError, OSError) as error:
            _raise(error, unknown=unknown, during_answer=True)
        return HttpAnswer(response.status, kind, body)

    def _read_body(self, response: BaseHTTPResponse, *, unknown: bool) -> bytearray:
        """One buffer that grows in place: a document of 50 MB is in memory once."""
        limit, deadline = self._config.max_answer_bytes, time.monotonic() + self._config.answer_seconds
        body = bytearray()
        while chunk := response.read(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > limit:
                raise DmpUnavailable("dmp.answer-too-large", outcome_unknown=unknown, limit=str(limit))
            if time.monotonic() > deadline:
                raise DmpUnavailable("dmp.timeout", outcome_unknown=unknown)
        return body


def _retry_after(response: BaseHTTPResponse) -> int:
    text = response.headers.get("Retry-After", "")
    return min(int(text), 3600) if text.isdigit() else 5


def _raise(error: Exception, *, unknown: bool, during_answer: bool = False) -> NoReturn:
    """Say what a failure of the network means, in a DmpUnavailable."""
    if isinstance(error, ConnectTimeoutError):
        raise DmpUnavailable("dmp.unreachable") from error
    if isinstance(error, SSLError):
        refused = bool(_TLS_REFUSAL.search(str(error)))
        raise DmpUnavailable("dmp.tls", outcome_unknown=unknown and not refused, retry_after=60) from error
    if isinstance(error, ReadTimeoutError | TimeoutError) or "timed out" in str(error):
        raise DmpUnavailable("dmp.timeout", outcome_unknown=unknown) from error
    if unknown or during_answer or "Connection aborted" in str(error) or "IncompleteRead" in str(error):
        raise DmpUnavailable("dmp.connection-lost", outcome_unknown=unknown) from error
    raise DmpUnavailable("dmp.unreachable") from error

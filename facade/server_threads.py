"""The server that speaks TLS itself: gunicorn, a pool of threads in each process.

granian, the server otherwise, hands no client certificate to the application; gunicorn gives the TLS connection with
each request. What waits for its turn waits in a thread here, for as long and in as great a number at most.
"""

from __future__ import annotations

import errno
import math
import os
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import cache
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from facade.api.limits import REFUSED
from facade.api.security import CLIENT_CERTIFICATE
from facade.observability.foreign import server_logging
from facade.serving.admission import ALWAYS, Admission, QueueFull
from facade.serving.refusals import refusal
from facade.settings import Settings
from facade.tls import server_context

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_HANDSHAKE_SECONDS = 10.0
# Headers that come slowly hold a thread here: they have less time than a connection that says nothing.
_HEADERS_SECONDS = 20.0
_IDLE_SECONDS = 30.0
# What a client may need to begin its request on a connection that was taken just before a stop.
_LINGER_SECONDS = 2.0
# Threads beside those that work or wait: to say that all is full, and /healthz.
_ASIDE = 4
# The longest request line gunicorn reads.
_LONGEST_LINE = 8190


class _Connection(ssl.SSLSocket):
    """A TLS connection that waits for its client, but not for ever: whoever says nothing gives its thread back."""

    _headers_by = math.inf
    _body_by = math.inf

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(_HANDSHAKE_SECONDS)
        super().do_handshake(block)
        self.setblocking(True)

    def setblocking(self, flag: bool) -> None:
        """The server asks for it before each request: from then on its headers have their time."""
        self._headers_by = time.monotonic() + _HEADERS_SECONDS
        self._body_by = math.inf
        self.settimeout(_IDLE_SECONDS if flag else 0.0)

    def expect_body(self, seconds: float) -> None:
        """The headers are read: what follows is a body, and has so much time."""
        self._headers_by, self._body_by = math.inf, time.monotonic() + seconds
        self.settimeout(min(_IDLE_SECONDS, seconds))

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As it is; out of time it is a lost connection before the body, and TimeoutError in it: that can be told."""
        now = time.monotonic()
        if now > self._headers_by:
            raise _gone()
        if now > self._body_by:
            raise TimeoutError
        try:
            return super().recv(buflen, flags)
        except TimeoutError:
            if self._body_by < math.inf:
                raise
            raise _gone() from None

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except TimeoutError:
            raise _gone() from None


class _Worker(ThreadWorker):  # type: ignore[misc]
    """Threads serve requests, not silences; and what a client sent wrongly is neither logged nor sent back."""

    def enqueue_req(self, conn: Any) -> None:
        if conn.initialized or conn.data_ready or not self.alive:
            super().enqueue_req(conn)
            return
        silent: Future[object] = Future()
        silent.set_result(_DEFER)
        self.finish_request(conn, silent)

    def murder_pending(self) -> None:
        """Close connections that say nothing: soon when it stops, which would wait for all of them otherwise."""
        if not self.alive:
            soon = time.monotonic() + _LINGER_SECONDS
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, soon)
        super().murder_pending()

    def handle(self, conn: Any) -> Any:
        """Close a connection here: gunicorn's main thread would wait two seconds for a client that does not."""
        kept = super().handle(conn)
        if not kept:
            conn.close(graceful=True)
            conn.close = _closed
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        del req, addr
        self.log.warning("a request could not be read or answered", exc_info=exc)
        if isinstance(exc, ssl.SSLError):
            return
        util.write_nonblock(client, _refusal(exc, self.cfg))


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told by these settings only: no file, no environment of its own."""

    def __init__(self, settings: Settings, make: Callable[[], Wsgi], before_stop: Callable[[], None]) -> None:
        self._settings = settings
        self._make = make
        self._before_stop = before_stop
        super().__init__()

    def load_config(self) -> None:
        for name, value in _options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        return _admitted(_with_certificate(self._make(), self._settings), self._settings)

    def run(self) -> None:
        _Supervisor(self, self._before_stop, self._settings.stop_delay_seconds).run()


class _Supervisor(Arbiter):  # type: ignore[misc]
    """Waits a while between being told to stop and stopping; told again, it does not wait any longer."""

    def __init__(self, server: _Server, before_stop: Callable[[], None], delay: float) -> None:
        super().__init__(server)
        self._before_stop, self._delay = before_stop, delay

    def stop(self, graceful: bool = True) -> None:
        self._before_stop()
        end = time.monotonic() + (self._delay if graceful else 0)
        while time.monotonic() < end and self.SIG_QUEUE.empty():
            time.sleep(0.05)
        super().stop(graceful)


def run(settings: Settings, make: Callable[[], Wsgi], before_stop: Callable[[], None]) -> None:
    """Serve until a signal. ``make`` gives the application of one process; ``before_stop`` tells all of them."""
    _Server(settings, make, before_stop).run()


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bind": f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}",
        "workers": settings.workers,
        "threads": settings.threads + settings.queue + _ASIDE,
        "worker_connections": max(settings.connections, settings.threads + settings.queue + _ASIDE + 1),
        "backlog": max(1024, settings.connections),
        "worker_class": _Worker,
        "keepalive": math.ceil(settings.headers_seconds),
        "timeout": 60,
        "graceful_timeout": settings.stop_seconds,
        "limit_request_line": _LONGEST_LINE,
        # One more than is served: the application says so then, in the client's language.
        "limit_request_fields": settings.header_count + 1,
        "limit_request_field_size": settings.header_bytes,
        # Nobody may say by a header who or where a client is, nor under which path it asks.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "header_map": "drop",
        "control_socket_disable": True,
        "loglevel": "warning",
        "logconfig_dict": server_logging("gunicorn.error", "gunicorn.access"),
        "proc_name": "dmp-facade",
    }
    if settings.tls_certificate is None:
        return options
    tls = {"certfile": str(settings.tls_certificate), "keyfile": str(settings.tls_key)}
    return options | tls | {"ssl_context": _contexts(settings)}


def _contexts(settings: Settings) -> Callable[[object, object], ssl.SSLContext]:
    """Made when a worker's first connection comes, then kept: a worker started anew reads the files anew."""

    @cache
    def of_process(_process: int) -> ssl.SSLContext:
        context = server_context(settings)
        context.sslsocket_class = _Connection
        return context

    return lambda _config, _default: of_process(os.getpid())


def _admitted(application: Wsgi, settings: Settings) -> Wsgi:
    """Let in as many as may work, let wait as many and as long as may wait, mark the others as refused."""
    admission = Admission(settings.threads, settings.queue)

    def served(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] in ALWAYS:
            return application(environ, start_response)
        if not _place(admission, settings.queue_seconds):
            return application(environ | {REFUSED: "busy"}, start_response)
        try:
            return list(application(environ, start_response))
        finally:
            admission.leave()

    return served


def _place(admission: Admission, seconds: float) -> bool:
    try:
        ticket = admission.enter()
    except QueueFull:
        return False
    wait([ticket], timeout=seconds)
    return not ticket.cancel()


def _with_certificate(application: Wsgi, settings: Settings) -> Wsgi:
    """Leave the client's certificate (DER) where ``facade.api.security`` looks for it."""

    def served(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection = environ["gunicorn.socket"]
        if isinstance(connection, _Connection):
            connection.expect_body(settings.body_seconds)
            environ[CLIENT_CERTIFICATE] = connection.getpeercert(binary_form=True)
        return application(environ, start_response)

    return served


def _refusal(error: BaseException, limits: Any) -> bytes:
    if isinstance(error, LimitRequestLine):
        return refusal("request.target-too-long", limit=str(limits.limit_request_line))
    if isinstance(error, LimitRequestHeaders):
        return refusal("header.too-large", limit=str(limits.limit_request_field_size))
    return refusal("http.bad-request" if isinstance(error, ParseException) else "server.unexpected")


def _closed(graceful: bool = False) -> None:
    """What closing a connection is that is closed already."""
    del graceful


def _gone() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client took too long")

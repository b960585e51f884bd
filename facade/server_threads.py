"""The server where client certificates count: gunicorn, a pool of threads in each process.

granian, the server otherwise, hands no client certificate to the application, and makes one and the same header of
``Client-Cert`` and ``Client_Cert``: what a proxy sets could be replaced by what its client sent. gunicorn gives the TLS
connection with each request and drops headers whose name has an underscore.
"""

from __future__ import annotations

import errno
import math
import os
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import cache
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from facade.api.security import CLIENT_CERTIFICATE
from facade.identity.tokens import MAX_TOKEN
from facade.observability.foreign import server_logging
from facade.settings import Settings
from facade.tls import server_context

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_KEEP_ALIVE = 60
_GRACEFUL_STOP = 8
_HANDSHAKE_SECONDS = 10.0
_HEADERS_SECONDS = 20.0
_IDLE_SECONDS = 30.0
_LONGEST_LINE = 8190
_ANSWERS = {LimitRequestLine: (414, "URI Too Long"), LimitRequestHeaders: (431, "Request Header Fields Too Large")}


class _Connection(ssl.SSLSocket):
    """A TLS connection that waits for its client, but not for ever: whoever says nothing gives its thread back."""

    _headers_by = math.inf

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(_HANDSHAKE_SECONDS)
        super().do_handshake(block)
        self.setblocking(True)

    def setblocking(self, flag: bool) -> None:
        """The server asks for it before each request: from then on its headers have their time."""
        self._headers_by = time.monotonic() + _HEADERS_SECONDS
        self.settimeout(_IDLE_SECONDS if flag else 0.0)

    def headers_are_read(self) -> None:
        """What follows is a body: its size is limited, and how many may come slowly."""
        self._headers_by = math.inf

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if time.monotonic() > self._headers_by:
            raise _gone()
        try:
            return super().recv(buflen, flags)
        except TimeoutError:
            raise _gone() from None

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except TimeoutError:
            raise _gone() from None


class _Worker(ThreadWorker):  # type: ignore[misc]
    """Threads serve requests, not silences; and what a client sent wrongly is neither logged nor sent back."""

    def enqueue_req(self, conn: Any) -> None:
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        silent: Future[object] = Future()
        silent.set_result(_DEFER)
        self.finish_request(conn, silent)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        del req, addr
        self.log.warning("a request could not be read or answered", exc_info=exc)
        if isinstance(exc, ssl.SSLError):
            return
        default = (400, "Bad Request") if isinstance(exc, ParseException) else (500, "Internal Server Error")
        util.write_error(client, *_ANSWERS.get(type(exc), default), "")


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told by these settings only: no file, no environment of its own."""

    def __init__(self, settings: Settings, make: Callable[[], Wsgi]) -> None:
        self._settings = settings
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        for name, value in _options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        return _with_certificate(self._make())


def run(settings: Settings, make: Callable[[], Wsgi]) -> None:
    """Serve until a signal. ``make`` gives the application of one process."""
    _Server(settings, make).run()


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bind": f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}",
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_connections": 1000 + settings.threads,
        "worker_class": _Worker,
        "keepalive": _KEEP_ALIVE,
        "timeout": 60,
        "graceful_timeout": _GRACEFUL_STOP,
        "limit_request_line": _LONGEST_LINE,
        "limit_request_field_size": 2 * MAX_TOKEN,
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


def _with_certificate(application: Wsgi) -> Wsgi:
    """Leave the client's certificate (DER) where ``facade.api.security`` looks for it."""

    def served(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection = environ["gunicorn.socket"]
        if isinstance(connection, _Connection):
            connection.headers_are_read()
            environ[CLIENT_CERTIFICATE] = connection.getpeercert(binary_form=True)
        return application(environ, start_response)

    return served


def _gone() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client took too long")

"""Serving the embedded DMP (mutual TLS) and the token issuer (plain HTTP on the loopback interface)."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from facade.embedded.dispatch import SERVICES, Call, Dispatcher
from facade.embedded.issuer import create_issuer, leave_address
from facade.embedded.journal import Journal
from facade.embedded.misbehaviour import Misbehaviour
from facade.embedded.rights import Rights
from facade.embedded.schemas import Schemas
from facade.embedded.service import Dmp, Reply
from facade.embedded.signature import Trust
from facade.embedded.valuesets import ValueSets, rows
from facade.embedded.vihf import VihfReader
from facade.embedded.world import World, prepare

BASE_PATH = "/si-dmp-server/v2/services"
_MAX_BODY = 256 * 1024 * 1024
_THREADS = 16


class _Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that keeps no idle connection once it is told to stop, or to refuse connections."""

    orders: ClassVar[Misbehaviour | None] = None

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        self.method_queue.defer(self.murder_keepalived)

    def murder_keepalived(self, force: bool = False) -> None:
        super().murder_keepalived(force=force or not self.alive or self._refuses_connections)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        if self._refuses_connections:
            # A request on a connection from before is not read: its sender has to open another one.
            self.murder_keepalived()
        else:
            super().on_client_socket_readable(conn, client)

    @property
    def _refuses_connections(self) -> bool:
        return self.orders is not None and self.orders.refuses_connections


class _Server(BaseApplication):  # type: ignore[misc]
    """One gunicorn process with threads around an application made after the fork."""

    def __init__(self, make: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._make = make
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make()


def _options(port: int) -> dict[str, Any]:
    return {
        "bind": f"127.0.0.1:{port}",
        "workers": 1,
        "threads": _THREADS,
        "worker_class": _Worker,
        "keepalive": 75,
        "timeout": 60,
        "graceful_timeout": 1,
        "control_socket_disable": True,
        "loglevel": "warning",
        "proc_name": "dmp-facade-embedded",
    }


def create_dmp(world: World, log: Path, orders: Misbehaviour, schemas: Path | None = None) -> Flask:
    """The WSGI application of the embedded DMP. It needs gunicorn's socket for the client's certificate.

    ``schemas``: a folder of XSDs each request is then compared with.
    """
    trust, sets = Trust(world.pki.ca), ValueSets.from_rows(rows("valuesets.csv"))
    dmp = Dmp(world.store(), Rights.from_rows(rows("rights.csv")), sets, trust)
    checked = None if schemas is None else Schemas(schemas)
    dispatcher = Dispatcher(dmp, VihfReader(trust, sets), Journal(log), orders, checked)
    app = Flask("embedded-dmp")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY

    @app.post(f"{BASE_PATH}/<service>")
    def soap_service(service: str) -> Response:
        if service not in SERVICES:
            return Response("no such service\n", 404, content_type="text/plain")
        certificate = request.environ["gunicorn.socket"].getpeercert(True)
        body = request.get_data(cache=False)
        reply = dispatcher.serve(Call(service, request.headers.get("Content-Type", ""), body, certificate))
        return _response(reply, request.environ["gunicorn.socket"])

    return app


def _response(reply: Reply, connection: socket.socket) -> Response:
    if reply.closes_after is None:
        return Response(reply.body, reply.status, content_type=reply.content_type)
    cut = _cut(reply.body[: reply.closes_after], connection)
    return Response(
        cut, reply.status, content_type=reply.content_type, headers={"Content-Length": str(len(reply.body))}
    )


def _cut(body: bytes, connection: socket.socket) -> Iterator[bytes]:
    """What is sent before the connection breaks; nothing at all, headers included, for an empty body."""
    if body:
        yield body
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    raise BrokenPipeError(errno.EPIPE, "the embedded DMP closes the connection, as ordered")


def _tls(world: World, orders: Misbehaviour) -> Callable[[object, object], ssl.SSLContext]:
    """The TLS context of a new connection: TLS 1.2 at least, a client certificate of the test authority.

    Where a refusal is ordered it has no cipher in common with anybody, or there is none and the connection ends.
    """
    context, refusing = _context(world), _context(world)
    refusing.maximum_version = ssl.TLSVersion.TLSv1_2
    refusing.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")

    def of_connection(_config: object, _default: object) -> ssl.SSLContext:
        fault = orders.handshake()
        if fault is not None and fault.kind == "tls-close":
            raise ConnectionResetError(errno.ECONNRESET, "the embedded DMP refuses the connection, as ordered")
        return context if fault is None else refusing

    return of_connection


def _context(world: World) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(world.pki.server, world.pki.server_key)
    context.load_verify_locations(world.pki.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def run_dmp(data_dir: Path, port: int, log: Path, schemas: Path | None = None) -> None:
    """Serve the embedded DMP until SIGTERM. Makes the data directory's content where it is missing."""
    world, orders = prepare(data_dir), Misbehaviour(data_dir)
    options = _options(port) | {
        "worker_class": type("_DmpWorker", (_Worker,), {"orders": orders}),
        "certfile": str(world.pki.server),
        "keyfile": str(world.pki.server_key),
        "ca_certs": str(world.pki.ca),
        "cert_reqs": ssl.CERT_REQUIRED,
        "ssl_context": _tls(world, orders),
    }
    _Server(lambda: create_dmp(world, log, orders, schemas), options).run()


def run_issuer(data_dir: Path, port: int) -> None:
    """Serve the token issuer until SIGTERM. Makes the data directory's content where it is missing.

    Its address is left in the directory, for those who mint tokens there.
    """
    world = prepare(data_dir)
    leave_address(data_dir, port)
    _Server(lambda: create_issuer(world.issuer(port)), _options(port)).run()

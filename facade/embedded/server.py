"""Serving the embedded DMP (mutual TLS) and the token issuer (plain HTTP on the loopback interface)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from facade.embedded.dispatch import SERVICES, Call, Dispatcher
from facade.embedded.issuer import create_issuer
from facade.embedded.journal import Journal
from facade.embedded.rights import Rights
from facade.embedded.service import Dmp
from facade.embedded.signature import Trust
from facade.embedded.valuesets import ValueSets, rows
from facade.embedded.vihf import VihfReader
from facade.embedded.world import World, prepare

BASE_PATH = "/si-dmp-server/v2/services"
_MAX_BODY = 256 * 1024 * 1024
_THREADS = 16


class _Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that does not wait for idle kept-alive connections once it is told to stop."""

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        self.method_queue.defer(self.murder_keepalived)

    def murder_keepalived(self, force: bool = False) -> None:
        super().murder_keepalived(force=force or not self.alive)


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


def create_dmp(world: World, log: Path) -> Flask:
    """The WSGI application of the embedded DMP. It needs gunicorn's socket for the client's certificate."""
    trust, sets = Trust(world.pki.ca), ValueSets.from_rows(rows("valuesets.csv"))
    dmp = Dmp(world.store(), Rights.from_rows(rows("rights.csv")), sets, trust)
    dispatcher = Dispatcher(dmp, VihfReader(trust, sets), Journal(log))
    app = Flask("embedded-dmp")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY

    @app.post(f"{BASE_PATH}/<service>")
    def soap_service(service: str) -> Response:
        if service not in SERVICES:
            return Response("no such service\n", 404, content_type="text/plain")
        certificate = request.environ["gunicorn.socket"].getpeercert(True)
        body = request.get_data(cache=False)
        reply = dispatcher.serve(Call(service, request.headers.get("Content-Type", ""), body, certificate))
        return Response(reply.body, reply.status, content_type=reply.content_type)

    return app


def _tls(world: World) -> Callable[[object, object], ssl.SSLContext]:
    """One TLS context for all connections: TLS 1.2 at least, a client certificate of the test authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(world.pki.server, world.pki.server_key)
    context.load_verify_locations(world.pki.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return lambda _config, _default: context


def run_dmp(data_dir: Path, port: int, log: Path) -> None:
    """Serve the embedded DMP until SIGTERM. Makes the data directory's content where it is missing."""
    world = prepare(data_dir)
    options = _options(port) | {
        "certfile": str(world.pki.server),
        "keyfile": str(world.pki.server_key),
        "ca_certs": str(world.pki.ca),
        "cert_reqs": ssl.CERT_REQUIRED,
        "ssl_context": _tls(world),
    }
    _Server(lambda: create_dmp(world, log), options).run()


def run_issuer(data_dir: Path, port: int) -> None:
    """Serve the token issuer until SIGTERM. Makes the data directory's content where it is missing."""
    world = prepare(data_dir)
    _Server(lambda: create_issuer(world.issuer(port)), _options(port)).run()

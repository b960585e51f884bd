"""A program: what answers the facade's requests with the least work that is right, behind Flask and granian as it is.

It believes the token (RS256, a key built once), signs a VIHF for a search or a publication and keeps one for the rest,
sends over mutual TLS what the facade was recorded to send, understands the answer in one pass and writes it with
orjson. It judges nothing, notes nothing and has no metadata objects, no ledger, no sealed ids, no errors.

``/best``
    One exchange with the DMP: TD3.1 for a search or a read, TD3.2 for the bytes, TD2.1 for a publication.
``/duties``
    The same, and what no lawful answer can do without: TD0.2 before every act, TD3.1 before TD3.2, and one trace made
    durable (SQLite, WAL, synchronous=FULL) before the answer leaves.

Arguments: the folder of recorded exchanges, the folder of the test PKI, the port of the sink, the issuer of the tokens,
a database file. It prints its port and ends with its parent.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import ssl
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import pybase64
import requests
import urllib3
from flask import Flask, Response, request
from floor import FILE, FILE_END, Buffers, Material, codings
from floor_map import bundle, references
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server
from jose import jwk, jwt
from lxml import etree

_FHIR = "application/fhir+json; charset=utf-8"
_CHUNK = 128 * 1024


class Floor:
    """The routes and what they hold: keys, one pool of connections, recorded requests, code tables."""

    def __init__(self, recorded: Path, pki: Path, sink: str, issuer: str, database: str) -> None:
        material = Material(recorded, pki, sink)
        self._sink = sink
        self._keys = _keys(issuer)
        self._signer = material.signer()
        self._reused = self._signer.assertion()
        context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
        context.load_cert_chain(pki / "auth_cli.pem", pki / "auth_cli.key")
        self._pool = urllib3.PoolManager(ssl_context=context, maxsize=64)
        self._codings = codings()
        self._sent = {name: _sent(recorded, name) for name in ("exists", "search", "read", "small", "retrieve")}
        head, _, rest = material.bytes_of("publish.bin").partition(FILE)
        start = head.rindex(b"<?xml ")
        self._message, self._cda_head = head[:start], head[start:] + FILE
        self._tail = rest[rest.index(FILE_END) :]
        self._publish_type = material.text_of("publish.type")
        self._stored = material.bytes_of("stored.json")
        self._database = database
        self._local = threading.local()

    def search(self, *, duties: bool) -> Response:
        """ITI-18 -> searchset."""
        self._identify()
        self._signer.assertion()
        if duties:
            self._understood("exists")
        answer = orjson.dumps(bundle(self._called("search"), self._codings))
        return self._answer(answer, _FHIR, duties=duties)

    def read(self, *, duties: bool) -> Response:
        """ITI-18 -> one resource."""
        self._identify()
        if duties:
            self._understood("exists")
        answer = orjson.dumps(next(references(self._called("read"), self._codings)))
        return self._answer(answer, _FHIR, duties=duties)

    def retrieve(self, name: str, *, duties: bool) -> Response:
        """The file inside a retrieved CDA; ``name`` is the recorded exchange."""
        self._identify()
        if duties:
            self._understood("exists")
            next(references(self._called("read"), self._codings))
        body = self._called(name)
        start = body.rindex(b"\r\n\r\n", 0, body.index(b"<ClinicalDocument")) + 4
        hashlib.sha1(memoryview(body)[start:], usedforsecurity=False).digest()
        start = body.index(FILE, start) + len(FILE)
        file = pybase64.b64decode(memoryview(body)[start : body.index(FILE_END, start)], validate=True)
        return self._answer(file, "application/pdf", duties=duties)

    def publish(self, *, duties: bool) -> Response:
        """A file -> CDA, signatures, MTOM."""
        self._identify()
        body = request.environ["wsgi.input"].read(request.content_length)
        encoded = orjson.loads(body)["content"][0]["attachment"]["data"].encode("ascii")
        file = pybase64.b64decode(encoded, validate=True)
        hashlib.sha1(file, usedforsecurity=False).digest()
        if duties:
            self._understood("exists")
        cda = (self._cda_head, encoded, FILE_END, b"</component></ClinicalDocument>")
        sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        for piece in cda:
            sha1.update(piece)
            sha256.update(piece)
        self._signer.sign(sha256.digest())
        self._signer.assertion()
        etree.fromstring(_root_of(self._exchange("published", (self._message, *cda, self._tail), self._publish_type)))
        return self._answer(self._stored, _FHIR, duties=duties, status=201)

    def _identify(self) -> None:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        key = self._keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})

    def _understood(self, name: str) -> None:
        etree.fromstring(_root_of(self._called(name)))

    def _called(self, name: str) -> bytes:
        content_type, sent = self._sent[name]
        return self._exchange(name, (sent,), content_type)

    def _exchange(self, name: str, buffers: tuple[bytes, ...], content_type: str) -> bytes:
        headers = {"Content-Type": content_type, "Content-Length": str(sum(map(len, buffers)))}
        answer = self._pool.urlopen(
            "POST",
            f"{self._sink}/{name}",
            body=cast("Any", Buffers(buffers)),
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        pieces = []
        while chunk := answer.read(_CHUNK, decode_content=False):
            pieces.append(chunk)
        return b"".join(pieces)

    def _answer(self, body: bytes, content_type: str, *, duties: bool, status: int = 200) -> Response:
        if duties:
            self._trace()
        return Response(body, status, content_type=content_type)

    def _trace(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self._database, isolation_level=None, timeout=10)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS traces (seq INTEGER PRIMARY KEY, content TEXT)")
        connection.execute("INSERT INTO traces (content) VALUES (?)", ("x" * 600,))


def application() -> Flask:
    """The WSGI application of granian's worker; its arguments are in the environment."""
    recorded, pki, port, issuer, database = os.environ["BENCH_FLOOR"].split("\n")
    floor = Floor(Path(recorded), Path(pki), f"https://127.0.0.1:{port}", issuer, database)
    app = Flask("floor")
    for prefix, duties in (("/best", False), ("/duties", True)):

        def add(method: str, path: str, view: Any, *, prefix: str = prefix) -> None:
            app.add_url_rule(prefix + path, f"{prefix} {method} {path}", view, methods=[method])

        add("GET", "/DocumentReference", lambda duties=duties: floor.search(duties=duties))
        add("POST", "/DocumentReference", lambda duties=duties: floor.publish(duties=duties))
        add("GET", "/DocumentReference/<_id>", lambda _id, duties=duties: floor.read(duties=duties))
        add("GET", "/Binary/<_id>", lambda _id, duties=duties: floor.retrieve("retrieve", duties=duties))
        add("GET", "/small/Binary/<_id>", lambda _id, duties=duties: floor.retrieve("small", duties=duties))
    return app


def _root_of(body: bytes) -> bytes:
    """The SOAP message of an answer, which may be the first part of a multipart."""
    if not body.startswith(b"--"):
        return body
    start = body.index(b"\r\n\r\n") + 4
    return body[start : body.index(b"\r\n--", start)]


def _sent(recorded: Path, name: str) -> tuple[str, bytes]:
    return (recorded / f"{name}.sent-type").read_text(), (recorded / f"{name}.sent").read_bytes()


def _keys(issuer: str) -> Mapping[str, Any]:
    found = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    keys = requests.get(found["jwks_uri"], timeout=10).json()["keys"]
    return {key["kid"]: jwk.construct(key, "RS256") for key in keys if key["kty"] == "RSA"}


def main() -> None:
    os.environ["BENCH_FLOOR"] = "\n".join(sys.argv[1:])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    print(port, flush=True)
    Server(
        "floor_server:application",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=8,
        factory=True,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=1,
    ).serve()


if __name__ == "__main__":
    main()

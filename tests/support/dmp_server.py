"""A real HTTPS server that asks for a client certificate and answers what a test tells it to, and a small test PKI.

Its messages are written here by hand: nothing of the code under test takes part in them.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as objects and as files."""

    certificate: x509.Certificate
    key: Key
    certificate_file: Path
    key_file: Path


class Pki:
    """A certification authority for one test run. Keys are P-256 unless said otherwise: they are made quickly."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self.ca = self._write("ca", *self._make(name, None, ec.generate_private_key(ec.SECP256R1()), 30))

    @property
    def ca_file(self) -> Path:
        return self.ca.certificate_file

    def issue(
        self, name: str, *, days: int = 30, start: int = -1, key: Key | None = None, host: str = "localhost"
    ) -> Issued:
        made = self._make(name, self.ca, key or ec.generate_private_key(ec.SECP256R1()), days, start, host)
        return self._write(name, *made)

    def _make(
        self, name: str, issuer: Issued | None, key: Key, days: int, start: int = -1, host: str = "localhost"
    ) -> tuple[x509.Certificate, Key]:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "1750712184"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=start))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(host)]),
                critical=False,
            )
        )
        return builder.sign(issuer.key if issuer else key, hashes.SHA256()), key

    def _write(self, name: str, certificate: x509.Certificate, key: Key) -> Issued:
        base = self.folder / re.sub(r"\W", "-", name)
        certificate_file, key_file = base.with_suffix(".crt"), base.with_suffix(".key")
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Issued(certificate, key, certificate_file, key_file)


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    client: str = ""

    @property
    def message(self) -> bytes:
        """The SOAP envelope, cut out by its tags."""
        start, end = self.body.index(b"<soap:Envelope"), self.body.index(b"</soap:Envelope>")
        return self.body[start : end + len(b"</soap:Envelope>")]

    @property
    def message_id(self) -> str:
        found = re.search(rb"<wsa:MessageID>([^<]+)</wsa:MessageID>", self.message)
        assert found is not None
        return found[1].decode()


@dataclass(frozen=True)
class Reply:
    """What to answer. ``cut`` sends only so many bytes of the body, ``hang_up`` closes without a word.

    ``behind`` is sent after the body, and ``raw`` instead of everything else.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/soap+xml; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int | None = None
    hang_up: bool = False
    chunked: bool = False
    piece: int = 1000
    behind: bytes = b""
    raw: bytes = b""


def envelope(body: str, relates_to: str | None, *, root_tag: str = "Envelope") -> bytes:
    """A SOAP answer. ``relates_to`` None leaves the header out."""
    related = f"<a:RelatesTo>{relates_to}</a:RelatesTo>" if relates_to is not None else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><env:{root_tag} xmlns:env="{SOAP}" xmlns:a="{WSA}">'
        f"<env:Header><a:Action>answer</a:Action>{related}</env:Header><env:Body>{body}</env:Body></env:{root_tag}>"
    ).encode()


def mtom(message: bytes, parts: Mapping[str, bytes], *, boundary: str = "MIMEBoundary_1", close: bool = True) -> Reply:
    """A multipart/related answer with ``message`` as its root."""
    kind = f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; start="<root>"'
    delimiter = f"--{boundary}\r\n".encode()
    body = delimiter + b"Content-Type: application/xop+xml\r\nContent-ID: <root>\r\n\r\n" + message + b"\r\n"
    for cid, content in parts.items():
        body += delimiter + f"Content-ID: <{cid}>\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode()
        body += content + b"\r\n"
    return Reply(body + (f"--{boundary}--\r\n".encode() if close else b""), content_type=kind)


Respond = Callable[[Seen], Reply]


class DmpServer:
    """The server. ``respond`` may be replaced at any time; ``seen`` keeps the requests in order."""

    def __init__(self, pki: Pki, server: Issued, *, ask_client: bool = True) -> None:
        self.respond: Respond = lambda _: Reply(b"", status=404)
        self.seen: list[Seen] = []
        self.busy = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                owner._serve(self)

            def log_message(self, *args: object) -> None:
                """Stay quiet."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate_file, server.key_file)
        context.load_verify_locations(pki.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED if ask_client else ssl.CERT_NONE
        self._context = context
        self._http = _QuietServer(("127.0.0.1", 0), Handler, context)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/si-dmp-server/v2/services"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        certificate = handler.connection.getpeercert() if isinstance(handler.connection, ssl.SSLSocket) else None
        seen = Seen(handler.path, dict(handler.headers.items()), body, str(certificate))
        with self._lock:
            self.seen.append(seen)
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
        try:
            self._answer(handler, self.respond(seen))
        finally:
            with self._lock:
                self.busy -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.delay:
            time.sleep(reply.delay)
        if reply.hang_up:
            handler.close_connection = True
            return
        if reply.raw:
            handler.wfile.write(reply.raw)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(reply.body), reply.piece):
                piece = reply.body[start : start + reply.piece]
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            handler.wfile.write(b"0\r\n\r\n")
            return
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write((reply.body if reply.cut is None else reply.body[: reply.cut]) + reply.behind)
        if reply.cut is not None:
            handler.close_connection = True


class _QuietServer(ThreadingHTTPServer):
    """TLS is wrapped per connection in its own thread, so that a bad handshake does not stop the server."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext
    ) -> None:
        self._tls = context
        super().__init__(address, handler)

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        try:
            wrapped = self._tls.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError):
            return
        with contextlib.suppress(OSError):
            super().finish_request(wrapped, client_address)
        with contextlib.suppress(OSError, ValueError):
            wrapped.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of some tests."""

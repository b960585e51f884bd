"""What ``diagnose`` says of each trouble, each made for real on the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facade.dmp import diagnosis
from facade.dmp.gateway import SoapGateway
from facade.dmp.keys import Credential
from tests.support import dmp_answers as answers
from tests.support.dmp_callers import make_config
from tests.support.dmp_server import DmpServer, Issued, Pki, Reply, envelope

Make = Callable[..., SoapGateway]
FAULT = Reply(envelope(answers.fault("env:Sender", "rien"), None), status=500)
SERVICES = "patients, patientsSpecific, habilitations, registry, repository"


def test_nothing_to_say(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda _: FAULT
    assert gateway.diagnose() == []
    assert {seen.path.rpartition("/")[2] for seen in server.seen} == set(SERVICES.split(", "))
    assert all(b"Assertion" not in seen.body for seen in server.seen)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"", status=404, content_type="text/html"), "HTTP 404: there is no service at /si-dmp-server/v2"),
        (Reply(b"", status=403, content_type="text/html"), "HTTP 403: we are refused before the service is reached"),
        (Reply(b"", status=503, content_type="text/html"), "HTTP 503: a server in front answers"),
        (Reply(b"", status=302, content_type="text/html"), "HTTP 302 with text/html: no SOAP service answers at"),
        (Reply(hang_up=True), "the server closes the connection without a word"),
    ],
)
def test_one_service_that_is_not_there(server: DmpServer, gateway: SoapGateway, reply: Reply, words: str) -> None:
    server.respond = lambda seen: reply if seen.path.endswith("/habilitations") else FAULT
    [found] = gateway.diagnose()
    place, _, rest = found.partition(": ")
    assert place == f"https://localhost:{server.port}, habilitations"
    assert rest.startswith(words)


def test_what_all_services_have_in_common_is_said_once(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda _: Reply(b"", status=403, content_type="text/html")
    [found] = gateway.diagnose()
    assert found.startswith(f"https://localhost:{server.port}, {SERVICES}: HTTP 403")


def test_an_unknown_host(make_gateway: Make) -> None:
    assert make_gateway(base_url="https://no-such-host.invalid/x").diagnose() == [
        "https://no-such-host.invalid: the host name is unknown"
    ]


def test_nobody_listens(make_gateway: Make) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        base = f"https://localhost:{reserved.getsockname()[1]}"
        assert make_gateway(base_url=base).diagnose() == [
            f"{base}: the connection is refused: nothing listens on this port"
        ]


@contextlib.contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does one thing to each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    plain, _ = listening.accept()
                    with plain, contextlib.suppress(OSError):
                        answer(plain)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def plain_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def old_tls(connection: socket.socket) -> None:
    connection.recv(4096)
    hello = b"\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\x00\xc0\x14\x00"
    connection.sendall(b"\x16\x03\x02" + len(hello).to_bytes(2, "big") + hello)
    connection.recv(4096)


def alert(number: int) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([number]))
        connection.recv(4096)

    return answer


def silence(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.settimeout(3)
    connection.recv(4096)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (plain_http, "does not speak TLS"),
        (old_tls, "speaks no TLS 1.2 or later"),
        (alert(70), "speaks no TLS 1.2 or later"),
        (alert(40), "refuses the TLS handshake: no suite in common"),
        (alert(48), "does not accept our TLS certificate (AUTH_CLI): it does not know its authority"),
        (alert(42), "does not accept our TLS certificate (AUTH_CLI): it cannot be verified"),
        (alert(43), "does not accept our TLS certificate (AUTH_CLI): it is not of the kind"),
        (alert(44), "does not accept our TLS certificate (AUTH_CLI): it was revoked"),
        (alert(45), "does not accept our TLS certificate (AUTH_CLI): it has expired"),
        (alert(46), "does not accept our TLS certificate (AUTH_CLI): it says no more"),
        (alert(49), "does not accept our TLS certificate (AUTH_CLI): it is valid, but"),
        (alert(112), "does not know this host name"),
        (alert(80), "the TLS handshake fails (internal error)"),
        (lambda connection: connection.close(), "closes the connection without a word"),
        (silence, "no answer in time"),
    ],
)
def test_a_handshake_that_fails(make_gateway: Make, answer: Callable[[socket.socket], None], words: str) -> None:
    with listener(answer) as base:
        [found] = make_gateway(base_url=base, connect_timeout=0.5).diagnose()
        assert found.startswith(f"{base}: ")
        assert words in found


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_the_dmp_does_not_accept(
    pki: Pki, tmp_path_factory: pytest.TempPathFactory, sign: Issued, version: ssl.TLSVersion
) -> None:
    # The documented suites of TLS 1.2 are for RSA keys only.
    server = DmpServer(pki, pki.issue("server-rsa", key=rsa.generate_private_key(65537, 2048)))
    server._context.maximum_version = version
    stranger = Pki(tmp_path_factory.mktemp("stranger"), name="Other CA").issue("AUTH_CLI")
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, stranger, sign))
    try:
        assert gateway.diagnose() == [
            f"https://localhost:{server.port}: the DMP does not accept our TLS certificate (AUTH_CLI): "
            "it does not know its authority (test and production have their own)"
        ]
        assert server.seen == []
    finally:
        gateway.close()
        server.close()


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        ({"host": "dmp.example"}, "its certificate is for another host name"),
        ({"start": -9, "days": -1}, "its certificate has expired"),
        ({"start": 2}, "its certificate is not valid yet: is our clock right?"),
    ],
)
def test_a_certificate_of_the_dmp_that_is_wrong(
    pki: Pki, auth: Issued, sign: Issued, issue: dict[str, object], words: str
) -> None:
    server = DmpServer(pki, pki.issue("wrong", **issue))  # type: ignore[arg-type]
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, auth, sign))
    try:
        assert gateway.diagnose() == [f"https://localhost:{server.port}: {words}"]
    finally:
        gateway.close()
        server.close()


def test_an_authority_we_do_not_know(
    pki: Pki, tmp_path_factory: pytest.TempPathFactory, auth: Issued, sign: Issued
) -> None:
    other = Pki(tmp_path_factory.mktemp("other"))
    server = DmpServer(other, other.issue("server"), ask_client=False)
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, auth, sign))
    try:
        [found] = gateway.diagnose()
        assert "does not lead to an authority of the configured CA file" in found
    finally:
        gateway.close()
        server.close()


NOW = datetime(2026, 2, 3, tzinfo=UTC)


def credential(*extensions: x509.ExtensionType, unit: str = "1750712184", days: int = 9) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else [])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=99))
        .not_valid_after(NOW + timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Credential(builder.sign(key, hashes.SHA256()), (), key)


def usage(*, signature: bool = False, commitment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(signature, commitment, True, False, False, False, False, False, False)


CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@pytest.mark.parametrize(
    ("auth", "sign", "words"),
    [
        (credential(), credential(), []),
        (credential(CLIENT), credential(usage(signature=True)), []),
        (credential(CLIENT), credential(usage(commitment=True)), []),
        (credential(SERVER), credential(), ["AUTH_CLI: our certificate is not meant for TLS clients"]),
        (credential(CLIENT), credential(usage()), ["SIGN: our certificate is not meant for signing"]),
        (credential(CLIENT), credential(CLIENT, usage(signature=True)), ["SIGN: our certificate is not meant for sig"]),
        (credential(CLIENT), credential(CLIENT, usage(commitment=True)), []),
        (credential(usage(commitment=True)), credential(), ["AUTH_CLI: our certificate is not meant for TLS"]),
        (credential(usage(signature=True)), credential(), []),
        (credential(days=-1), credential(), ["AUTH_CLI: our certificate expired on 2026-02-02 00:00 UTC"]),
        (credential(), credential(days=-1), ["SIGN: our certificate expired on 2026-02-02 00:00 UTC"]),
        (credential(), credential(unit="1990000001"), ["AUTH_CLI and SIGN belong to different structures"]),
        (credential(), credential(unit=""), ["AUTH_CLI and SIGN belong to different structures"]),
    ],
)
def test_our_own_certificates(auth: Credential, sign: Credential, words: list[str]) -> None:
    found = diagnosis.of_certificates(auth, sign, NOW)
    assert len(found) == len(words)
    assert all(each.startswith(expected) for each, expected in zip(found, words, strict=True))


def test_one_certificate_for_both() -> None:
    both = credential()
    [found] = diagnosis.of_certificates(both, both, NOW)
    assert found.startswith("AUTH_CLI and SIGN are the same certificate")

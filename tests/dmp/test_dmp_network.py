"""What the network can do to an exchange, over real TLS: each failure has its code, and says what is known."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from facade.dmp import xds
from facade.dmp.config import DmpConfig
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_write import extrinsic_object
from facade.dmp.gateway import SoapGateway
from facade.dmp.keys import tls_context
from facade.dmp.multipart import MultipartBody, Part
from facade.domain.content import Content
from facade.domain.dmp import DocumentQuery
from facade.domain.errors import DmpRefused
from tests.support import dmp_answers as answers
from tests.support.dmp_acts import CHANGES, HTML, find, mask, publish, unavailable
from tests.support.dmp_callers import make_config, session
from tests.support.dmp_entries import ENTRY, submission_of
from tests.support.dmp_server import DmpServer, Issued, Pki, Reply, Respond, Seen, envelope, mtom

Make = Callable[..., SoapGateway]


AFTER_SENDING: dict[str, tuple[Respond, str]] = {
    "html": (lambda _: HTML, "dmp.answer-invalid"),
    "empty": (lambda _: Reply(b""), "dmp.answer-invalid"),
    "no status line": (lambda _: Reply(raw=b"not HTTP\r\n\r\n"), "dmp.connection-lost"),
    "not soap": (lambda _: Reply(b"<x/>"), "dmp.answer-invalid"),
    "no body": (lambda seen: Reply(envelope("", seen.message_id)), "dmp.answer-invalid"),
    "soap 1.1": (
        lambda _: Reply(b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>'),
        "dmp.answer-invalid",
    ),
    "success but 500": (
        lambda seen: Reply(envelope(answers.registry(), seen.message_id), status=500),
        "dmp.answer-invalid",
    ),
    "redirect": (
        lambda _: Reply(b"", status=302, headers={"Location": "https://evil.example/"}),
        "dmp.answer-invalid",
    ),
    "other message": (
        lambda _: Reply(envelope(answers.registry(), "urn:uuid:00000000-0000-4000-8000-000000000000")),
        "dmp.answer-mismatched",
    ),
    "no relation": (lambda _: Reply(envelope(answers.registry(), None)), "dmp.answer-mismatched"),
    "foreign fault": (
        lambda _: Reply(envelope(answers.fault("env:Sender", "x"), "urn:uuid:other"), status=500),
        "dmp.answer-mismatched",
    ),
    "doctype": (
        lambda seen: Reply(b'<!DOCTYPE x [<!ENTITY a "b">]>' + envelope("&a;", seen.message_id)),
        "dmp.answer-invalid",
    ),
    "hang up": (lambda _: Reply(hang_up=True), "dmp.connection-lost"),
    "cut": (lambda seen: Reply(envelope(answers.registry(), seen.message_id), cut=80), "dmp.connection-lost"),
    "mtom never closed": (
        lambda seen: mtom(envelope(answers.registry(), seen.message_id), {"d": b"x"}, close=False),
        "dmp.answer-invalid",
    ),
    "gzip": (
        lambda seen: Reply(envelope(answers.registry(), seen.message_id), headers={"Content-Encoding": "gzip"}),
        "dmp.answer-invalid",
    ),
    "slow": (lambda seen: Reply(envelope(answers.registry(), seen.message_id), delay=0.8), "dmp.timeout"),
    "busy": (lambda _: Reply(b"", status=503, content_type="text/plain"), "dmp.busy"),
    "queued": (lambda seen: Reply(envelope(answers.registry("urn:x:Queued"), seen.message_id)), "dmp.answer-invalid"),
    "other answer": (lambda seen: Reply(envelope("<other/>", seen.message_id)), "dmp.answer-invalid"),
}


@pytest.mark.parametrize("case", AFTER_SENDING)
def test_a_change_that_was_sent_has_an_unknown_outcome_and_is_sent_once(
    server: DmpServer, make_gateway: Make, case: str
) -> None:
    server.respond, code = AFTER_SENDING[case]
    gateway = make_gateway(read_timeout=0.3)
    for number, act in enumerate(CHANGES, start=1):
        error = unavailable(act, gateway)
        assert error.problems[0].code == code
        assert error.outcome_unknown
        assert len(server.seen) == number


@pytest.mark.parametrize("case", AFTER_SENDING)
def test_a_read_fails_with_the_same_code_and_nothing_is_in_doubt(
    server: DmpServer, make_gateway: Make, case: str
) -> None:
    server.respond, code = AFTER_SENDING[case]
    error = unavailable(find, make_gateway(read_timeout=0.3))
    assert error.problems[0].code == code
    assert not error.outcome_unknown
    assert len(server.seen) == (2 if code == "dmp.connection-lost" else 1)


@pytest.mark.parametrize("act", [find, *CHANGES])
def test_nobody_listens(server: DmpServer, make_gateway: Make, act: Callable[[SoapGateway], object]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        gateway = make_gateway(base_url=f"https://localhost:{reserved.getsockname()[1]}")
        error = unavailable(act, gateway)
        assert error.problems[0].code == "dmp.unreachable"
        assert not error.outcome_unknown
        assert gateway.probe() is not None


@pytest.mark.parametrize("act", [find, publish])
def test_an_authority_we_do_not_know(
    pki: Pki, tmp_path_factory: pytest.TempPathFactory, auth: Issued, sign: Issued, act: Callable[[SoapGateway], object]
) -> None:
    other = Pki(tmp_path_factory.mktemp("other"))
    server = DmpServer(other, other.issue("server"), ask_client=False)
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, auth, sign))
    try:
        error = unavailable(act, gateway)
        assert error.problems[0].code == "dmp.tls"
        assert not error.outcome_unknown
        assert (gateway.probe() or "").startswith("TLS")
        assert server.seen == []
    finally:
        gateway.close()
        server.close()


def test_a_certificate_of_another_host(pki: Pki, auth: Issued, sign: Issued) -> None:
    server = DmpServer(pki, pki.issue("elsewhere", host="dmp.example"))
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, auth, sign))
    try:
        assert unavailable(publish, gateway).problems[0].code == "dmp.tls"
        assert (gateway.probe() or "").startswith("TLS")
        assert server.seen == []
    finally:
        gateway.close()
        server.close()


def test_a_client_certificate_the_dmp_does_not_accept(
    pki: Pki, server: DmpServer, tmp_path_factory: pytest.TempPathFactory, sign: Issued
) -> None:
    stranger = Pki(tmp_path_factory.mktemp("stranger")).issue("AUTH_CLI")
    gateway = SoapGateway(make_config(server.base_url, pki.ca_file, stranger, sign))
    try:
        for act in (find, publish):
            assert unavailable(act, gateway).problems[0].code in ("dmp.tls", "dmp.connection-lost")
        assert server.seen == []
    finally:
        gateway.close()


def test_our_certificate_is_shown(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search())
    find(gateway)
    assert "AUTH_CLI" in server.seen[0].client
    assert gateway.probe() is None


def test_public_authorities_are_never_added(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.search())
    find(gateway)
    assert gateway._http.context.cert_store_stats()["x509_ca"] == 1


def test_old_tls_is_refused(pki: Pki, server_key: Issued, server: DmpServer, make_gateway: Make) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_key.certificate_file, server_key.key_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = make_gateway(base_url=f"https://localhost:{listener.getsockname()[1]}", read_attempts=1)

        def serve() -> None:
            plain, _ = listener.accept()
            with plain:
                hello = plain.recv(4096)
                # A server that knows TLS 1.1 at most answers so, whatever it was offered.
                version = b"\x03\x02"
                body = b"\x02\x00\x00\x26" + version + bytes(32) + b"\x00" + b"\xc0\x14" + b"\x00"
                plain.sendall(b"\x16" + version + len(body).to_bytes(2, "big") + body if hello else b"")
                plain.recv(4096)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert unavailable(find, gateway).problems[0].code == "dmp.tls"
        thread.join(5)


def test_a_read_is_tried_again_after_a_lost_connection(server: DmpServer, gateway: SoapGateway) -> None:
    def respond(seen: Seen) -> Reply:
        if len(server.seen) == 1:
            return Reply(hang_up=True)
        return Reply(envelope(answers.search(), seen.message_id))

    server.respond = respond
    assert gateway.find_documents(session(), DocumentQuery()).entries == ()
    assert len({seen.message_id for seen in server.seen}) == 2


def test_busy_says_how_long_to_wait(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda _: Reply(b"", status=503, content_type="text/html", headers={"Retry-After": "42"})
    assert unavailable(find, gateway).retry_after == 42


def test_an_answer_that_is_too_large_is_not_read(server: DmpServer, make_gateway: Make) -> None:
    big = answers.search("<!--" + "x" * 200_000 + "-->")
    gateway = make_gateway(max_answer_bytes=100_000)
    for chunked in (False, True):
        server.respond = lambda seen, chunked=chunked: Reply(envelope(big, seen.message_id), chunked=chunked)  # type: ignore[misc]
        assert unavailable(find, gateway).problems[0].code == "dmp.answer-too-large"


def test_chunked_answers_are_read(server: DmpServer, gateway: SoapGateway) -> None:
    entry = extrinsic_object(ENTRY, xds.uuid_urn(ENTRY.entry_uuid), Ids(), status=True)
    server.respond = lambda seen: Reply(envelope(answers.search(entry), seen.message_id), chunked=True)
    [found] = gateway.find_documents(session(), DocumentQuery()).entries
    assert found.unique_id == ENTRY.unique_id


def test_one_connection_serves_many_requests_also_after_an_error(server: DmpServer, gateway: SoapGateway) -> None:
    def respond(seen: Seen) -> Reply:
        return HTML if len(server.seen) % 2 else Reply(envelope(answers.search(), seen.message_id))

    server.respond = respond
    connections: list[object] = []
    wrap = server._context.wrap_socket
    server._context.wrap_socket = lambda *args, **kwargs: connections.append(1) or wrap(*args, **kwargs)  # type: ignore[method-assign, func-returns-value]
    for _ in range(3):
        unavailable(find, gateway)
        find(gateway)
    assert len(connections) == 1


def test_what_comes_behind_an_answer_is_not_the_next(server: DmpServer, gateway: SoapGateway) -> None:
    """Attack: a fault, which need not say what it answers, is sent along with the answer to somebody else."""
    fault = envelope(answers.fault("env:Sender", "behind", "env:DMPClosed"), None)
    head = f"HTTP/1.1 500 X\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(fault)}\r\n\r\n".encode()
    long = answers.search("<!--" + "x" * 40_000 + "-->")
    server.respond = lambda seen: Reply(envelope(long, seen.message_id), behind=(head + fault) * 20)
    found = [find(gateway) for _ in range(4)]
    assert found == [found[0]] * 4, "each is answered by its own answer, none by the fault behind the one before"
    assert len(server.seen) == 4


def test_cookies_of_the_dmp_are_not_kept(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda seen: Reply(
        envelope(answers.search(), seen.message_id), headers={"Set-Cookie": "JSESSIONID=1; Path=/"}
    )
    find(gateway)
    find(gateway)
    assert all("Cookie" not in seen.headers for seen in server.seen)


def test_calls_to_one_service_run_at_the_same_time(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = lambda seen: Reply(envelope(answers.search(), seen.message_id), delay=0.3)
    threads = [threading.Thread(target=find, args=(gateway,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.most_at_once == 6


def test_each_transaction_has_its_own_patience(server: DmpServer, make_gateway: Make) -> None:
    server.respond = lambda seen: Reply(
        envelope(answers.search() if b"AdhocQuery" in seen.message else answers.registry(), seen.message_id), delay=0.6
    )
    gateway = make_gateway(read_timeout=0.2, read_timeouts={"TD2.1": 5.0})
    publish(gateway)
    for act in (find, mask):
        assert unavailable(act, gateway).problems[0].code == "dmp.timeout"


def test_each_transaction_has_its_own_time_to_connect(make_gateway: Make) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):  # the queue is full: who connects next waits
            options = {"connect_timeout": 30.0, "connect_timeouts": {"TD3.1": 0.3}, "read_attempts": 1}
            gateway = make_gateway(base_url=f"https://127.0.0.1:{address[1]}", **options)
            began = time.monotonic()
            assert unavailable(find, gateway).problems[0].code == "dmp.unreachable"
            assert time.monotonic() - began < 5


def test_a_trickle_does_not_last_for_ever(server: DmpServer, make_gateway: Make) -> None:
    big = answers.search("<!--" + "x" * 3_000_000 + "-->")
    server.respond = lambda seen: Reply(envelope(big, seen.message_id))
    assert unavailable(find, make_gateway(answer_seconds=0.0)).problems[0].code == "dmp.timeout"


def test_faults_inside_multipart_and_answers_outside_it_are_understood(server: DmpServer, gateway: SoapGateway) -> None:
    fault = answers.fault("env:Receiver", "panne", "env:DMPClosed")
    server.respond = lambda seen: replace(mtom(envelope(fault, seen.message_id), {}), status=500)
    for act in (find, publish, mask):
        with pytest.raises(DmpRefused) as caught:
            act(gateway)
        assert (caught.value.code, caught.value.channel) == ("DMPClosed", "fault")
    server.respond = lambda seen: mtom(envelope(answers.search(), seen.message_id), {})
    find(gateway)
    server.respond = answers.plain(answers.registry())
    publish(gateway)


def test_an_answer_of_two_types_is_not_believed(server: DmpServer, gateway: SoapGateway) -> None:
    """Attack: of two Content-Types whoever stands between reads one, and the facade the other."""
    two = {"Content-Type": 'multipart/related; boundary="other"'}
    server.respond = lambda seen: Reply(envelope(answers.search(), seen.message_id), headers=two)
    assert unavailable(find, gateway).problems[0].code == "dmp.answer-invalid"


def test_a_document_is_sent_in_slices_that_each_have_their_time(server: DmpServer, gateway: SoapGateway) -> None:
    content = b"<a>" + b"QUJD" * 500_000 + b"</a>"
    body = MultipartBody(b"<x/>", [Part("d", "text/xml", Content.of(content))], action="a")
    pieces = list(body)
    assert max(map(len, pieces)) <= 256 * 1024
    assert len(body) == sum(map(len, pieces))
    assert content in b"".join(pieces)
    server.respond = answers.plain(answers.registry())
    gateway.publish(session(), submission_of(content))
    assert content in server.seen[0].body


def test_tls_1_3_is_preferred_and_1_2_has_a_documented_suite(pki: Pki, config: DmpConfig) -> None:
    context = tls_context(config)
    server = DmpServer(pki, pki.issue("rsa-server", key=rsa.generate_private_key(65537, 2048)))

    def negotiated() -> tuple[str | None, str]:
        with (
            socket.create_connection(("localhost", server.port), 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            suite = tls.cipher()
            return tls.version(), suite[0] if suite else ""

    try:
        assert negotiated()[0] == "TLSv1.3"
        server._context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert negotiated() == ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")
    finally:
        server.close()

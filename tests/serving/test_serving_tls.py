"""Certificate-bound tokens over real TLS: whose certificate it is decides, whatever a header says (RFC 8705)."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from facade.embedded.pki import Pki, make_pki
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf
from tests.support.serving import Certificate, Facade, bound_token, client_cert, served

THREADS = 4


@pytest.fixture(scope="module")
def pki(demo: RunningDemo) -> Pki:
    return Pki(demo.data / "pki")


@pytest.fixture(scope="module")
def mine(pki: Pki) -> Certificate:
    return str(pki.auth_cli), str(pki.auth_cli_key)


@pytest.fixture(scope="module")
def another(pki: Pki) -> Certificate:
    return str(pki.sign), str(pki.sign_key)


@pytest.fixture(scope="module")
def token(demo: RunningDemo, pki: Pki) -> str:
    return bound_token(demo, "structure", pki.auth_cli)


def settings(pki: Pki, **changes: Any) -> dict[str, Any]:
    tls = {"tls_certificate": pki.server, "tls_key": pki.server_key, "tls_client_ca": pki.ca}
    return {"bound_structure_tokens": True, "threads": THREADS, **tls, **changes}


@pytest.fixture(scope="module")
def facade(demo: RunningDemo, pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    with served(demo, tmp_path_factory.mktemp("tls"), **settings(pki)) as running:
        yield running


def forwarded(certificate: Path) -> dict[str, str]:
    return {"Client-Cert": client_cert(certificate)}


def publish(
    facade: Facade, demo: RunningDemo, token: str, certificate: Certificate | None = None, **headers: str
) -> requests.Response:
    body = json.dumps(demo.document("adult", pdf()))
    sent = {"Content-Type": FHIR_JSON, **headers}
    return facade.call(token, "POST", "/DocumentReference", certificate, data=body, headers=sent)


def test_a_structure_publishes_with_the_certificate_its_token_is_bound_to(
    facade: Facade, demo: RunningDemo, token: str, mine: Certificate
) -> None:
    answer = publish(facade, demo, token, mine)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].startswith(f"{facade.root}/fhir/DocumentReference/")


def test_a_stolen_token_is_worth_nothing_without_its_certificate(
    facade: Facade, demo: RunningDemo, pki: Pki, token: str, another: Certificate
) -> None:
    forged = forwarded(pki.auth_cli)
    for answer in (
        publish(facade, demo, token),
        publish(facade, demo, token, another),
        publish(facade, demo, token, None, **forged),
        publish(facade, demo, token, another, **forged),
    ):
        assert (answer.status_code, codes_of(answer)) == (401, ["token.not-bound"])


def test_a_structures_token_that_is_bound_to_nothing_is_refused(
    facade: Facade, demo: RunningDemo, mine: Certificate
) -> None:
    answer = publish(facade, demo, demo.tokens["structure"], mine)
    assert (answer.status_code, codes_of(answer)) == (401, ["token.not-bound"])


def test_a_certificate_of_another_authority_does_not_get_through_the_handshake(
    facade: Facade, demo: RunningDemo, token: str, tmp_path: Path
) -> None:
    foreign = make_pki(tmp_path / "pki", "1999999999", "AUTRE")
    with pytest.raises(requests.ConnectionError):
        publish(facade, demo, token, (str(foreign.auth_cli), str(foreign.auth_cli_key)))


def test_professionals_need_no_certificate(facade: Facade, demo: RunningDemo, mine: Certificate) -> None:
    for certificate in (None, mine):
        answer = facade.call(
            demo.tokens["author-doctor"],
            "GET",
            "/Patient",
            certificate,
            params={"identifier": demo.ins("adult")},
        )
        assert (answer.status_code, answer.json()["total"]) == (200, 1)


def test_a_professionals_token_may_be_bound_too(
    facade: Facade, demo: RunningDemo, pki: Pki, mine: Certificate, another: Certificate
) -> None:
    bound = bound_token(demo, "author-doctor", pki.auth_cli)
    for certificate, expected in ((mine, 200), (another, 401), (None, 401)):
        asked = facade.call(bound, "GET", "/Patient", certificate, params={"identifier": demo.ins("adult")})
        assert asked.status_code == expected


def tls(facade: Facade, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", facade.port), timeout=30)
    return context.wrap_socket(raw, server_hostname="localhost", session=session)


def asks(token: str) -> bytes:
    headers = f"Host: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    return f"GET /fhir/Patient?identifier=x HTTP/1.1\r\n{headers}".encode()


def test_a_resumed_session_still_has_its_certificate(facade: Facade, token: str, pki: Pki) -> None:
    context = ssl.create_default_context(cafile=facade.ca)
    context.load_cert_chain(pki.auth_cli, pki.auth_cli_key)
    with tls(facade, context) as first:
        first.sendall(asks(token))
        told = first.recv(12)
        session = first.session
    with tls(facade, context, session) as second:
        second.sendall(asks(token))
        assert (second.session_reused, second.recv(12)) == (True, told)
    assert told == b"HTTP/1.1 422"


def test_what_is_older_than_tls_1_2_is_not_spoken(facade: Facade) -> None:
    context = ssl.create_default_context(cafile=facade.ca)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.deprecated_call():
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", facade.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_silent_connections_hold_up_nobody(facade: Facade) -> None:
    silent = [socket.create_connection(("127.0.0.1", facade.port)) for _ in range(3 * THREADS)]
    try:
        began = time.monotonic()
        answer = requests.get(f"{facade.root}/healthz", verify=facade.ca, timeout=30)
        assert (answer.status_code, time.monotonic() - began < 4) == (200, True)
    finally:
        for connection in silent:
            connection.close()


def test_nothing_a_client_sends_wrongly_is_logged_or_sent_back(facade: Facade, demo: RunningDemo) -> None:
    secret = demo.patients["adult"]["value"]
    context = ssl.create_default_context(cafile=facade.ca)
    for request in (
        f"GE T /fhir/Patient?identifier={secret} HTTP/1.1\r\n\r\n",
        f"GET /fhir/Patient?identifier={secret} HTTP/9\r\n\r\n",
        f"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nAuthor ization: {secret}\r\n\r\n",
        f"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {secret}\r\n\r\n",
        f"GET /fhir/metadata?{secret}{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with tls(facade, context) as connection:
            connection.sendall(request.encode())
            answer = connection.makefile("rb").read()
            assert answer.split(b" ")[1][:1] == b"4", request[:20]
            assert secret.encode() not in answer
    with socket.create_connection(("127.0.0.1", facade.port)) as plain:
        plain.sendall(f"GET /fhir/Patient?identifier={secret} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        plain.settimeout(10)
        assert b"HTTP/1" not in plain.recv(1000)
    log = facade.log.read_text()
    assert "Traceback" not in log
    assert secret not in log


def test_a_trusted_proxy_speaks_for_its_clients_over_tls_too(
    demo: RunningDemo, pki: Pki, token: str, mine: Certificate, another: Certificate, tmp_path: Path
) -> None:
    with served(demo, tmp_path, **settings(pki, trusted_proxies=["127.0.0.0/8"])) as facade:
        assert publish(facade, demo, token, another, **forwarded(pki.auth_cli)).status_code == 201
        refused = (
            publish(facade, demo, token, mine),
            publish(facade, demo, token, mine, **forwarded(pki.sign)),
            publish(facade, demo, token, None, **{"Client-Cert": ":not base64:"}),
        )
        assert [codes_of(answer) for answer in refused] == [["token.not-bound"]] * 3


def test_a_request_in_flight_is_answered_before_the_server_stops(
    demo: RunningDemo, facade: Facade, token: str, mine: Certificate
) -> None:
    body = json.dumps(demo.document("adult", pdf())).encode()
    begun = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield body[:100]
        begun.set()
        time.sleep(0.5)
        yield body[100:]

    def send() -> None:
        headers = {"Content-Type": FHIR_JSON}
        answers.append(facade.call(token, "POST", "/DocumentReference", mine, data=slowly(), headers=headers))

    answers: list[requests.Response] = []
    sender = threading.Thread(target=send)
    sender.start()
    assert begun.wait(30)
    time.sleep(0.1)
    facade.process.send_signal(signal.SIGTERM)
    sender.join(30)
    assert [answer.status_code for answer in answers] == [201]
    assert facade.process.wait(15) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{facade.root}/healthz", verify=facade.ca, timeout=5)

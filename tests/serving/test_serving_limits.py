"""Limits of a request, on both servers: each attack gets its refusal in FHIR's words, and holds up nobody."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from facade.embedded.pki import Pki
from tests.support.demo import FHIR_JSON, RunningDemo, pdf
from tests.support.serving import Facade, served

BODY_SECONDS, HEADERS_SECONDS = 1, 2
Answer = tuple[int, list[str]]


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def facade(
    request: pytest.FixtureRequest, demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Facade]:
    pki = Pki(demo.data / "pki")
    tls = {"tls_certificate": pki.server, "tls_key": pki.server_key} if request.param == "gunicorn" else {}
    limits: dict[str, Any] = {
        "threads": 4,
        "queue": 4,
        "body_seconds": BODY_SECONDS,
        "headers_seconds": HEADERS_SECONDS,
        "header_count": 20,
        "header_bytes": 6000,
        "target_bytes": 1000,
        "max_body_bytes": 100_000,
        "upload_bytes": 60_000,
    }
    with served(demo, tmp_path_factory.mktemp(request.param), **limits, **tls) as running:
        yield running


def connect(facade: Facade) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", facade.port), timeout=15)
    if not facade.root.startswith("https"):
        return plain
    return ssl.create_default_context(cafile=facade.ca).wrap_socket(plain, server_hostname="localhost")


def told(connection: socket.socket) -> Answer:
    """The status and the codes of the OperationOutcome of the one answer on a connection."""
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
        piece = connection.recv(65536)
        assert piece, answer
        answer += piece
    outcome = json.loads(answer.partition(b"\r\n\r\n")[2])
    return int(answer.split(b" ")[1]), [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]


def _length(answer: bytes) -> int:
    found = re.search(rb"content-length: *(\d+)", answer, re.IGNORECASE)
    assert found is not None, answer
    return int(found.group(1))


def get(facade: Facade, target: str, *headers: str) -> Answer:
    with connect(facade) as connection:
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        return told(connection)


def begun(facade: Facade, demo: RunningDemo, announced: int, sent: bytes) -> socket.socket:
    connection = connect(facade)
    connection.sendall(
        b"POST /fhir/DocumentReference HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\n"
        + f"Authorization: Bearer {demo.tokens['author-doctor']}\r\nContent-Length: {announced}\r\n\r\n".encode()
        + sent
    )
    return connection


def alive(facade: Facade) -> bool:
    with connect(facade) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(12) == b"HTTP/1.1 200"


def test_an_endless_address_is_refused(facade: Facade) -> None:
    assert get(facade, "/fhir/metadata?" + "x" * 2000) == (414, ["request.target-too-long"])
    assert get(facade, "/fhir/metadata?" + "x" * 20_000)[0] in (414, 431)


def test_a_flood_of_headers_is_refused(facade: Facade) -> None:
    status, codes = get(facade, "/fhir/metadata", *(f"X-{number}: x" for number in range(20)))
    assert (status, codes) == (431, ["header.too-many"])


def test_swollen_headers_are_refused(facade: Facade) -> None:
    assert get(facade, "/fhir/metadata", *(f"X-{n}: {'x' * 3500}" for n in range(2))) == (431, ["header.too-large"])
    assert get(facade, "/fhir/metadata", f"X: {'x' * 9000}") == (431, ["header.too-large"])


def test_a_header_that_is_not_ascii_is_not_taken_for_one_that_was_not_sent(facade: Facade) -> None:
    for value in ("tru\u00e9", "\u00c3\u00a9"):
        assert get(facade, "/fhir/metadata", f"Connexion-Secrete: {value}") == (400, ["header.not-ascii"])


def test_a_body_that_comes_by_drops_is_cut_off_and_keeps_no_thread(facade: Facade, demo: RunningDemo) -> None:
    slow = [begun(facade, demo, 5000, b"{") for _ in range(2)]
    began = time.monotonic()
    try:
        assert alive(facade)
        assert [told(connection) for connection in slow] == [(408, ["body.too-slow"])] * 2
        assert all(connection.recv(1) == b"" for connection in slow)
    finally:
        for connection in slow:
            connection.close()
    # More of them than there are threads, one after the other: none has kept its thread.
    for _ in range(2):
        with begun(facade, demo, 5000, b"{") as connection:
            assert told(connection) == (408, ["body.too-slow"])
    assert time.monotonic() - began < 15


def test_drops_that_keep_coming_do_not_prolong_the_time_of_a_body(facade: Facade, demo: RunningDemo) -> None:
    with begun(facade, demo, 5000, b"{") as connection:
        for _ in range(BODY_SECONDS * 4 + 4):
            time.sleep(0.25)
            try:
                connection.sendall(b" ")
            except OSError:
                return  # closed already: the answer is lost with it
        assert told(connection) == (408, ["body.too-slow"])


def test_more_slow_bodies_than_half_of_the_threads_are_sent_away(facade: Facade, demo: RunningDemo) -> None:
    slow = [begun(facade, demo, 5000, b"{") for _ in range(3)]
    try:
        assert sorted(told(connection) for connection in slow) == [
            (408, ["body.too-slow"]),
            (408, ["body.too-slow"]),
            (503, ["busy"]),
        ]
    finally:
        for connection in slow:
            connection.close()


def test_more_bytes_of_bodies_than_the_process_may_hold_are_sent_away(facade: Facade, demo: RunningDemo) -> None:
    with begun(facade, demo, 50_000, b"{") as first:
        time.sleep(0.2)
        with begun(facade, demo, 50_000, b"{") as second:
            assert told(second) == (503, ["busy"])
        assert told(first) == (408, ["body.too-slow"])


def test_what_bodies_weighed_is_free_again(facade: Facade, demo: RunningDemo) -> None:
    body = json.dumps(demo.document("adult", pdf()))
    for _ in range(3):
        sent = {"Content-Type": FHIR_JSON}
        answer = facade.call(demo.tokens["author-doctor"], "POST", "/DocumentReference", data=body, headers=sent)
        assert answer.status_code in (201, 409), answer.text


def test_a_client_that_goes_away_while_sending_is_no_defect(facade: Facade, demo: RunningDemo) -> None:
    for announced in (5000, 200_000):
        begun(facade, demo, announced, b"{").close()
    assert alive(facade)
    time.sleep(0.5)
    assert "http.unexpected" not in facade.log.read_text()


def test_who_is_refused_while_sending_reads_why_and_the_connection_is_not_used_again(facade: Facade) -> None:
    with connect(facade) as connection:
        connection.sendall(b"POST /fhir/DocumentReference HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n")
        for _ in range(9):
            connection.sendall(b" " * 10_000)
        assert told(connection) == (401, ["token.missing"])


def test_an_announced_body_over_the_limit_is_refused(facade: Facade, demo: RunningDemo) -> None:
    with begun(facade, demo, 150_000, b"x" * 150_000) as connection:
        assert told(connection) == (413, ["body.too-large"])


def test_headers_that_never_end_and_silent_connections_are_closed(facade: Facade) -> None:
    """Slowloris: a connection that says nothing, one that says a little, one that was answered and stays."""
    silent, halting, idle = (connect(facade) for _ in range(3))
    try:
        halting.sendall(b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n")
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.1 200"
        assert alive(facade)
        if facade.root.startswith("https"):
            return  # minutes there: that they hold up nobody is what test_serving_tls sees
        deadline = time.monotonic() + 6 * HEADERS_SECONDS
        for connection in (silent, halting, idle):
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            while connection.recv(65536):
                pass
    finally:
        for connection in (silent, halting, idle):
            connection.close()

"""Stopping, reloading and being full, with real processes: nothing that was begun is cut, nobody waits for ever."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509

from facade.embedded.misbehaviour import behave, order
from facade.embedded.pki import Pki, make_pki
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf
from tests.support.serving import Facade, served

SERVERS = ("granian", "gunicorn")
SLOW = 2.0


@pytest.fixture(params=SERVERS)
def settings(request: pytest.FixtureRequest, demo: RunningDemo, tmp_path: Path) -> dict[str, Any]:
    """Certificates in a folder of the test's own: it may replace them."""
    if request.param == "granian":
        return {}
    pki = Pki(demo.data / "pki")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(pki.server, certificate)
    shutil.copy(pki.server_key, key)
    return {"tls_certificate": certificate, "tls_key": key}


@contextlib.contextmanager
def slow_dmp(demo: RunningDemo) -> Iterator[None]:
    """The DMP takes its time with every document."""
    order(demo.data, [{"transaction": "TD2.1", "what": "delay", "seconds": SLOW, "times": None}])
    try:
        yield
    finally:
        behave(demo.data)


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def publish(facade: Facade, demo: RunningDemo) -> requests.Response:
    body, sent = json.dumps(demo.document("adult", pdf())), {"Content-Type": FHIR_JSON}
    return facade.call(demo.tokens["author-doctor"], "POST", "/DocumentReference", data=body, headers=sent)


def path(facade: Facade, name: str) -> requests.Response:
    return requests.get(f"{facade.root}/{name}", verify=facade.ca, timeout=20)


def eventually(condition: Callable[[], bool], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if condition():
                return True
        time.sleep(0.05)
    return False


def test_a_stop_answers_what_is_in_work_and_what_waits_with_its_outcome(
    demo: RunningDemo, settings: dict[str, Any], clients: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with served(demo, tmp_path, workers=1, threads=1, queue=4, **settings) as facade:
        publish(facade, demo)
        with slow_dmp(demo):
            begun = [clients.submit(publish, facade, demo) for _ in range(2)]
            time.sleep(SLOW / 4)
            facade.process.send_signal(signal.SIGTERM)
            answers = [each.result() for each in begun]
            assert [answer.status_code for answer in answers] == [201, 201]
            assert facade.process.wait(20) == 0
    for answer in answers:
        # Told and done: the document is in the record.
        query = {"identifier": _unique_id(answer), "patient.identifier": demo.ins("adult")}
        found = demo.call("treating-doctor", "GET", "/DocumentReference", params=query)
        assert found.json()["total"] == 1, found.text


def test_before_it_stops_the_server_says_that_it_is_not_ready_and_still_serves(
    demo: RunningDemo, settings: dict[str, Any], tmp_path: Path
) -> None:
    with served(demo, tmp_path, workers=1, stop_delay_seconds=3, **settings) as facade:
        assert path(facade, "readyz").status_code == 200
        began = time.monotonic()
        facade.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: path(facade, "readyz").status_code == 503, 2)
        assert path(facade, "readyz").json()["problems"] == ["the server is stopping"]
        assert path(facade, "fhir/metadata").status_code == 200
        assert facade.process.wait(30) == 0
        assert time.monotonic() - began >= 3


def test_a_reload_cuts_no_request_and_takes_up_settings_and_certificates(
    demo: RunningDemo, settings: dict[str, Any], clients: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with served(demo, tmp_path, workers=1, target_bytes=8000, **settings) as facade:
        publish(facade, demo)
        with slow_dmp(demo):
            begun = clients.submit(publish, facade, demo)
            time.sleep(SLOW / 4)
            config = tmp_path / "facade.toml"
            config.write_text(config.read_text().replace("target_bytes = 8000", "target_bytes = 100"))
            if settings:
                other = make_pki(tmp_path / "pki", "1999999999", "AUTRE")
                shutil.copy(other.server, settings["tls_certificate"])
                shutil.copy(other.server_key, settings["tls_key"])
            facade.process.send_signal(signal.SIGHUP)
            # gunicorn replaces its processes at once: new connections may have to be tried again.
            answered = bool(settings) or _answers_all_the_time(facade, begun)
            assert begun.result().status_code == 201
            assert answered
            if settings:
                assert eventually(lambda: _serial(facade) == _serial_of(settings["tls_certificate"]))
            assert eventually(lambda: _told(facade, f"/fhir/metadata?{'x' * 200}") == b"HTTP/1.1 414")
            assert facade.process.poll() is None


def test_whoever_finds_no_place_is_told_when_to_come_back_and_healthz_answers(
    demo: RunningDemo, settings: dict[str, Any], clients: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with served(demo, tmp_path, workers=1, threads=1, queue=1, queue_seconds=1, **settings) as facade:
        publish(facade, demo)
        with slow_dmp(demo):
            in_work = clients.submit(publish, facade, demo)
            time.sleep(SLOW / 4)
            waiting = clients.submit(publish, facade, demo)
            time.sleep(SLOW / 8)
            beyond = publish(facade, demo)
            assert (beyond.status_code, codes_of(beyond)) == (503, ["busy"])
            assert not in_work.done()
            assert not waiting.done()
            assert path(facade, "healthz").status_code == 200
            assert not waiting.done()
            gave_up = waiting.result()
            assert (gave_up.status_code, codes_of(gave_up)) == (503, ["busy"])
            assert not in_work.done()
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in (beyond, gave_up))
            assert in_work.result().status_code == 201
        assert publish(facade, demo).status_code == 201


def _unique_id(answer: requests.Response) -> str:
    return str(answer.json()["masterIdentifier"]["value"])


def _answers_all_the_time(facade: Facade, until: Future[requests.Response]) -> bool:
    """New connections are taken while processes are replaced."""
    statuses = set()
    end = time.monotonic() + 4
    while time.monotonic() < end or not until.done():
        statuses.add(_told(facade, "/healthz"))
        time.sleep(0.01)
    return statuses == {b"HTTP/1.1 200"}


def _told(facade: Facade, target: str) -> bytes:
    connection: socket.socket = socket.create_connection(("127.0.0.1", facade.port), timeout=20)
    if facade.root.startswith("https"):
        # Whose certificate it is changes meanwhile, and is looked at afterwards.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    with connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(12)


def _serial(facade: Facade) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", facade.port), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _serial_of(certificate: Path) -> int:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number

"""The submission client against servers that are right, wrong, or attacked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from facade.domain.mail import Deferred, OutcomeUnknown, Rejected
from facade.embedded.mail import MailServer, server_context
from facade.embedded.mailbox import Mailboxes
from facade.embedded.pki import Pki, make_pki
from facade.mail.config import MailConfig, TokenSource
from facade.mail.submission import Submitter
from tests.support.listening import listening

SENDER, TO = "boite@rocheval.mssante.fr", "dr@medecin.mssante.fr"
MESSAGE = b"Subject: x\r\n\r\n.one dot\r\n..two\r\n.\r\nend\r\n"
TOKEN = "a-token"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"), "1990000010", "HOPITAL")


@pytest.fixture
def boxes(tmp_path: Path) -> Mailboxes:
    return Mailboxes(tmp_path / "mail")


@contextmanager
def serving(pki: Pki, boxes: Mailboxes, **options: Any) -> Iterator[int]:
    context = server_context(pki.server, pki.server_key, pki.ca)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = MailServer(context, boxes, **options).controller(port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def config(pki: Pki, port: int, **changes: Any) -> MailConfig:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "starttls",
        "auth": "certificate",
        "name": "localhost",
        "user": SENDER,
        "ca": pki.ca,
        "certificate": pki.auth_cli,
        "key": pki.auth_cli_key,
        "timeout": 5.0,
        "data_timeout": 5.0,
    }
    return MailConfig(**{**values, **changes})


def submit(settings: MailConfig, to: str = TO, handing_over: Callable[[], bool] = lambda: True) -> None:
    submitter = Submitter(settings)
    try:
        submitter.send(SENDER, to, "e1", MESSAGE, handing_over)
    finally:
        submitter.close()


def test_a_message_arrives_as_it_was_written_over_one_connection(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes) as port:
        submitter = Submitter(config(pki, port))
        for _ in range(2):
            submitter.send(SENDER, TO, "e1", MESSAGE, lambda: True)
        submitter.close()
    assert [each.content.replace(b"\r\n", b"\n") for each in boxes.all()] == [MESSAGE.replace(b"\r\n", b"\n")] * 2


@pytest.mark.parametrize(
    ("to", "trouble", "reply", "kept"),
    [
        ("refuse@x.mssante.fr", Rejected, 550, 0),
        ("defer@x.mssante.fr", Deferred, 451, 0),
        ("late@x.mssante.fr", Rejected, 554, 0),
        ("cut@x.mssante.fr", OutcomeUnknown, 0, 1),
    ],
)
def test_what_the_server_says_is_what_is_told(
    pki: Pki, boxes: Mailboxes, to: str, trouble: type[Exception], reply: int, kept: int
) -> None:
    with serving(pki, boxes) as port, pytest.raises(trouble) as told:
        submit(config(pki, port), to)
    assert told.value.reply == reply  # type: ignore[attr-defined]
    assert len(list(boxes.all())) == kept


def test_a_message_called_off_before_its_end_does_not_arrive(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes) as port, pytest.raises(Deferred, match=r"mail\.lease-lost"):
        submit(config(pki, port), handing_over=lambda: False)
    assert list(boxes.all()) == []


def test_a_database_that_fails_before_the_end_calls_it_off(pki: Pki, boxes: Mailboxes) -> None:
    def fails() -> bool:
        raise RuntimeError("the database is gone")

    with serving(pki, boxes) as port, pytest.raises(RuntimeError):
        submit(config(pki, port), handing_over=fails)
    assert list(boxes.all()) == []


def test_a_downgrade_that_takes_starttls_away_gets_nothing(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes, tls=False) as port, pytest.raises(Deferred, match=r"mail\.no-tls"):
        submit(config(pki, port))
    assert list(boxes.all()) == []


def test_a_server_of_another_authority_or_another_name_gets_nothing(pki: Pki, boxes: Mailboxes, tmp_path: Path) -> None:
    other = make_pki(tmp_path / "other", "1990000010", "AUTRE")
    with serving(pki, boxes) as port:
        with pytest.raises(Deferred, match=r"mail\.tls"):
            submit(config(pki, port, ca=other.ca))
        with pytest.raises(Deferred, match=r"mail\.tls"):
            submit(config(pki, port, host="127.1"))
    assert list(boxes.all()) == []


def test_implicit_tls_is_tls_from_the_first_byte(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes) as port, pytest.raises(Deferred, match=r"mail\.(tls|connection)"):
        submit(config(pki, port, tls="implicit"))


def test_a_sender_without_a_certificate_is_refused_for_good(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes) as port, pytest.raises(Rejected):
        submit(config(pki, port, certificate=None, key=None))


class _TokenEndpoint(BaseHTTPRequestHandler):
    token = TOKEN
    asked: list[str] = []  # noqa: RUF012 - what the one server of a test saw

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(f"{self.headers['Authorization']} {body}")
        answer = f'{{"access_token": "{self.token}", "expires_in": 300}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def token_endpoint(token: str) -> Iterator[tuple[TokenSource, list[str]]]:
    asked: list[str] = []
    with listening(type("Endpoint", (_TokenEndpoint,), {"token": token, "asked": asked})) as url:
        yield TokenSource(f"{url}/token", "client", "secret", "mail"), asked


def test_xoauth2_with_a_token_asked_for_once(pki: Pki, boxes: Mailboxes) -> None:
    options = {"tokens": frozenset({TOKEN}), "certificates": False}
    with serving(pki, boxes, **options) as port, token_endpoint(TOKEN) as (source, asked):
        submitter = Submitter(config(pki, port, auth="xoauth2", certificate=None, key=None, token=source))
        submitter.send(SENDER, TO, "e1", MESSAGE, lambda: True)
        submitter.close()
        submitter.send(SENDER, TO, "e2", MESSAGE, lambda: True)
        submitter.close()
    assert len(list(boxes.all())) == 2
    assert len(asked) == 1
    assert "grant_type=client_credentials" in asked[0]


def test_a_token_the_server_does_not_know_is_not_kept(pki: Pki, boxes: Mailboxes) -> None:
    options = {"tokens": frozenset({TOKEN}), "certificates": False}
    with serving(pki, boxes, **options) as port, token_endpoint("another") as (source, asked):
        submitter = Submitter(config(pki, port, auth="xoauth2", token=source))
        for _ in range(2):
            with pytest.raises(Deferred, match=r"mail\.auth-refused"):
                submitter.open()
    assert len(asked) == 2


def test_a_server_without_xoauth2_is_given_no_token(pki: Pki, boxes: Mailboxes) -> None:
    with serving(pki, boxes) as port, token_endpoint(TOKEN) as (source, asked):
        settings = config(pki, port, auth="xoauth2", token=source)
        with pytest.raises(Deferred, match=r"mail\.auth-missing"):
            submit(settings)
    assert asked == []


def test_a_token_endpoint_that_fails_defers(pki: Pki, boxes: Mailboxes) -> None:
    options = {"tokens": frozenset({TOKEN})}
    with serving(pki, boxes, **options) as port, token_endpoint("line\\nbreak") as (source, _):
        with pytest.raises(Deferred, match=r"mail\.token"):
            submit(config(pki, port, auth="xoauth2", token=source))
        with pytest.raises(Deferred, match=r"mail\.token"):
            submit(config(pki, port, auth="xoauth2", token=replace(source, url="http://127.0.0.1:9/")))


def test_nobody_there_defers(pki: Pki) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(Deferred, match=r"mail\.connection"):
            submit(config(pki, probe.getsockname()[1]))


def test_a_cut_in_the_middle_of_the_data_is_certainly_a_failure(pki: Pki) -> None:
    """Before the end of the data a server delivers nothing, whatever it has read (RFC 5321, 4.1.1.4)."""
    server = socket.create_server(("127.0.0.1", 0))
    context = server_context(pki.server, pki.server_key, pki.ca)

    def plays() -> None:
        raw, _ = server.accept()
        raw.sendall(b"220 x\r\n")
        raw.recv(1000)
        raw.sendall(b"250-x\r\n250 STARTTLS\r\n")
        raw.recv(1000)
        raw.sendall(b"220 go\r\n")
        with context.wrap_socket(raw, server_side=True) as secured:
            for reply in (b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                secured.recv(1000)
                secured.sendall(reply)
            secured.recv(10)

    thread = threading.Thread(target=plays)
    thread.start()
    handed: list[bool] = []

    def note() -> bool:
        handed.append(True)
        return True

    submitter = Submitter(config(pki, server.getsockname()[1]))
    with pytest.raises((Deferred, OutcomeUnknown)) as told:
        submitter.send(SENDER, TO, "e1", b"Subject: x\r\n\r\n" + b"x" * 8_000_000, note)
    thread.join()
    server.close()
    submitter.close()
    assert isinstance(told.value, OutcomeUnknown if handed else Deferred)
    assert handed == []

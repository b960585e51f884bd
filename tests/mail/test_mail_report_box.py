"""Reports collected from the sending box over IMAP: each is taken in once, what is somebody else's is left alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from facade.cli import main
from facade.domain.mail import Deferred
from facade.embedded.mail import server_context
from facade.embedded.pki import Pki, make_pki
from facade.mail.config import MailConfig, TokenSource
from facade.mail.report_box import ReportBox
from facade.mail.settings import MailSettings, box_configs
from tests.mail.test_mail_metrics import figures
from tests.mail.test_mail_outages import sent_to
from tests.mail.test_mail_sending import WRITER, box, halted
from tests.mail.test_mail_submission import TOKEN, token_endpoint
from tests.support.demo import RunningDemo
from tests.support.dovecot import OWNER, Dovecot, dovecot, needs_dovecot
from tests.support.listening import listening
from tests.support.mail import business, reason, settled, task
from tests.support.mail_reports import dsn, mdn

LETTER = b"From: patient@patient.mssante.fr\r\nSubject: Merci\r\n\r\nMerci docteur\r\n"
SOMEBODYS = mdn("written-by-hand@rocheval.mssante.fr", "dr@medecin.mssante.fr", "manual-action; displayed")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"), "1990000010", "HOPITAL")


@pytest.fixture(scope="module")
def server(demo: RunningDemo) -> Iterator[Dovecot]:
    """The sending box of the demonstration."""
    with dovecot(Pki(demo.data / "pki")) as running:
        yield running


def config(pki: Pki, port: int, **changes: Any) -> MailConfig:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "implicit",
        "auth": "certificate",
        "name": "localhost",
        "user": OWNER,
        "ca": pki.ca,
        "certificate": pki.auth_cli,
        "key": pki.auth_cli_key,
        "timeout": 5.0,
    }
    return MailConfig(**{**values, **changes})


def why_closed(settings: MailConfig) -> str:
    """Why the box cannot be opened."""
    with pytest.raises(Deferred) as told, ReportBox(settings):
        pass
    return told.value.reason


def collecting(demo: RunningDemo, server: Dovecot, **changes: object) -> dict[str, str]:
    """The settings of a sender that collects what came to that box."""
    reports = {"HOST": "127.0.0.1", "PORT": server.implicit, **changes}
    return {
        "DMP_FACADE_CONFIG": str(demo.data / "facade.toml"),
        "DMP_FACADE_MAIL__USER": OWNER,
        **{f"DMP_FACADE_MAIL__REPORTS__{name}": str(value) for name, value in reports.items()},
    }


def run(settings: dict[str, str], *command: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(main, list(command))
    return done.output


def message_id(found: dict[str, Any]) -> str:
    return next(str(each["valueString"]) for each in found["output"] if "valueString" in each)


@needs_dovecot
def test_a_receipt_in_the_sending_box_is_told_in_its_task_and_the_rest_of_the_box_is_left_alone(
    demo: RunningDemo, server: Dovecot
) -> None:
    to = box("read-later")
    task_id = sent_to(demo, to)
    sent = message_id(settled(demo, WRITER, task_id))
    server.put(LETTER, SOMEBODYS, mdn(sent, to, "manual-action/MDN-sent-manually; displayed"))
    run(collecting(demo, server), "outbox", "--once")
    assert business(task(demo, WRITER, task_id)) == "displayed"
    unread = b"".join(server.unread())
    assert b"Merci docteur" in unread
    assert b"written-by-hand" in unread
    assert sent.encode() not in unread
    assert len(server.all()) >= 3


@needs_dovecot
def test_a_report_that_returns_a_large_message_is_read_by_its_beginning_and_deleted_where_that_is_wanted(
    demo: RunningDemo, server: Dovecot
) -> None:
    to = box("bounces-later")
    task_id = sent_to(demo, to)
    sent = message_id(settled(demo, WRITER, task_id))
    report = dsn(sent, to, "failed", status="5.2.2")
    returned = b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" + b"x" * 76 + b"\r\n" + b"y" * 2_000_000
    server.put(report.replace(b"--b--\r\n", returned + b"\r\n--b--\r\n"))
    run(collecting(demo, server, TAKEN="deleted"), "outbox", "--once")
    found = task(demo, WRITER, task_id)
    assert (found["status"], reason(found)) == ("failed", "mail.bounced")
    assert not any(sent.encode() in each for each in server.all())


@needs_dovecot
def test_check_says_whether_the_box_can_be_reached(demo: RunningDemo, server: Dovecot) -> None:
    assert "reports of secure messaging" not in run(collecting(demo, server), "check")
    assert "reports of secure messaging: mail.folder" in run(collecting(demo, server, FOLDER="Elsewhere"), "check")
    assert "reports of secure messaging: mail.tls" in run(collecting(demo, server, HOST="127.1"), "check")


def test_a_box_that_cannot_be_visited_is_told_and_keeps_no_message_from_leaving(demo: RunningDemo, pki: Pki) -> None:
    before = figures(demo)["failed_attempts_total", "mail.reports"]
    to = box("leaves-all-the-same")
    with halted(demo, "outbox"):
        task_id = sent_to(demo, to)
        run(collecting(demo, Dovecot(9, 9, pki)), "outbox", "--once")
        assert task(demo, WRITER, task_id)["status"] == "completed"
    assert figures(demo)["failed_attempts_total", "mail.reports"] == before + 1


def test_a_box_that_says_nothing_keeps_no_message_from_leaving_nor_its_sender_from_ending(
    demo: RunningDemo, pki: Pki
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, halted(demo, "outbox"):
        task_id = sent_to(demo, box("beside-silence"))
        port = silent.getsockname()[1]
        settings = collecting(demo, Dovecot(port, port, pki)) | {"DMP_FACADE_MAIL__TIMEOUT": "3600"}
        sender = subprocess.Popen([sys.executable, "-m", "facade.cli", "outbox", "--once"], env=os.environ | settings)
        try:
            assert settled(demo, WRITER, task_id)["status"] == "completed"
            sender.terminate()
            assert sender.wait(30) == 0
        finally:
            sender.kill()
            sender.wait()


@needs_dovecot
def test_an_id_of_a_report_is_the_same_at_the_next_visit(demo: RunningDemo, server: Dovecot) -> None:
    reports = ReportBox(config(server.pki, server.implicit))
    server.put(SOMEBODYS)
    with reports:
        first = reports.unread()
    with reports:
        assert reports.unread() == first
        assert reports.beginning(first[-1]) == SOMEBODYS
        assert reports.beginning("1.4294967295") == b""


@needs_dovecot
def test_starttls_reaches_the_same_box(demo: RunningDemo, server: Dovecot) -> None:
    server.put(SOMEBODYS)
    with ReportBox(config(server.pki, server.starttls, tls="starttls")) as reports:
        assert reports.unread()


@needs_dovecot
def test_a_server_of_another_authority_gets_nothing(demo: RunningDemo, server: Dovecot, pki: Pki) -> None:
    assert why_closed(config(server.pki, server.implicit, ca=pki.ca)) == "mail.tls"


@needs_dovecot
def test_somebody_else_than_the_certificate_names_is_refused(demo: RunningDemo, server: Dovecot) -> None:
    assert why_closed(config(server.pki, server.implicit, user="another@rocheval.mssante.fr")) == "mail.auth-refused"


class _TokenInfo(BaseHTTPRequestHandler):
    """Tells a server of boxes whose token it was shown: RFC 7662 in the short form dovecot asks for."""

    def do_GET(self) -> None:
        known = urlsplit(self.path).query == f"token={TOKEN}"
        answer = json.dumps({"box": OWNER} if known else {"error": "invalid_token"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@needs_dovecot
@pytest.mark.parametrize(("token", "comes_in"), [(TOKEN, True), ("another", False)])
def test_a_box_is_opened_by_its_token_and_by_no_other(pki: Pki, token: str, *, comes_in: bool) -> None:
    with listening(_TokenInfo) as told, dovecot(pki, tokens=told) as server, token_endpoint(token) as (source, asked):
        settings = config(pki, server.implicit, auth="xoauth2", certificate=None, key=None, token=source)
        reports = ReportBox(settings)
        for _ in range(2):
            if comes_in:
                with reports:
                    assert reports.unread() == []
            else:
                with pytest.raises(Deferred, match=r"mail\.auth-refused"), reports:
                    pass
    assert len(asked) == (1 if comes_in else 2), "a token that was refused is asked for anew"


@contextmanager
def playing(*replies: bytes, context: Any = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says these things, whatever it hears, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def plays() -> None:
        raw, _ = listener.accept()
        with context.wrap_socket(raw, server_side=True) if context else raw as connection:
            for number, reply in enumerate(replies):
                if number:
                    heard.append(connection.recv(10_000))
                connection.sendall(reply.replace(b"TAG", heard[-1].split(b" ")[0] if heard else b""))
            heard.append(connection.recv(10_000))

    thread = threading.Thread(target=plays)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize("greeting", [b"* OK ready\r\n", b"* PREAUTH come in\r\n"])
def test_a_downgrade_that_takes_starttls_away_is_told_no_token(pki: Pki, greeting: bytes) -> None:
    source = TokenSource("http://127.0.0.1:9/", "client", "secret")
    with playing(greeting, b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done\r\n") as (port, heard):
        assert why_closed(config(pki, port, tls="starttls", auth="xoauth2", token=source)) == "mail.no-tls"
    assert b"AUTHENTICATE" not in b"".join(heard)


_CAPABLE = b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
_SELECTED = b"* OK [UIDVALIDITY 7]\r\n* 2 EXISTS\r\nTAG OK done\r\n"
_OPENED = (b"* PREAUTH yes\r\n", _CAPABLE, _SELECTED, _CAPABLE)
_UNASKED = b"* 1 FETCH (FLAGS (" + b"x" * 900_000 + b"))\r\n"


@pytest.mark.parametrize(
    "search",
    [b"* SEARCH x 2 y\r\nTAG OK done\r\n", b"TAG OK done\r\n"],
    ids=["no numbers", "nothing"],
)
def test_a_server_that_talks_nonsense_is_asked_for_nothing_it_did_not_name(pki: Pki, search: bytes) -> None:
    context = server_context(pki.server, pki.server_key, pki.ca)
    replies = (*_OPENED, search, b"* 1 FETCH (UID 2 FLAGS ())\r\nTAG OK done\r\n")
    with playing(*replies, context=context) as (port, _), ReportBox(config(pki, port)) as reports:
        found = reports.unread()
        assert found == (["7.2"] if b"SEARCH" in search else [])
        assert reports.beginning("7.2") == b"", "what was fetched has no body"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"* 3 FETCH (UID 22 BODY[]<0> {5}\r\nother)\r\n* 1 FETCH (UID 2 BODY[]<0> {4}\r\nours)\r\n", b"ours"),
        (b"* 1 FETCH (BODY[]<0> {4}\r\nours UID 2)\r\n", b"ours"),
        (b"* 3 FETCH (UID 22 BODY[]<0> {5}\r\nother)\r\n", b""),
    ],
    ids=["another before it", "its number behind it", "another instead"],
)
def test_the_text_of_another_message_is_not_taken_for_that_of_a_report(pki: Pki, said: bytes, text: bytes) -> None:
    context = server_context(pki.server, pki.server_key, pki.ca)
    replies = (*_OPENED, said + b"TAG OK done\r\n")
    with playing(*replies, context=context) as (port, _), ReportBox(config(pki, port)) as reports:
        assert reports.beginning("7.2") == text


@pytest.mark.parametrize(
    "said",
    [
        b"* 1 FETCH (UID 2 BODY[]<0> {99999999999}\r\nx",
        b"* OK " + b"x" * 900_000 + b"\r\n" + _UNASKED * 40 + b"TAG OK done\r\n",
    ],
    ids=["a literal of gigabytes", "lines without end"],
)
def test_a_server_that_says_more_than_there_is_room_for_is_not_listened_to(pki: Pki, said: bytes) -> None:
    context = server_context(pki.server, pki.server_key, pki.ca)
    with playing(*_OPENED, said, context=context) as (port, _), ReportBox(config(pki, port, timeout=60.0)) as reports:
        with pytest.raises(Deferred) as told:
            reports.beginning("7.2")
        assert told.value.reason == "mail.connection"


def test_a_silent_and_an_absent_server_are_tried_again_later(pki: Pki) -> None:
    context = server_context(pki.server, pki.server_key, pki.ca)
    with playing(b"* OK", context=context) as (port, _):
        assert why_closed(config(pki, port, timeout=0.5)) == "mail.connection"
    assert why_closed(config(pki, port)) == "mail.connection"


def test_a_server_without_the_configured_authentication_is_told_nothing(pki: Pki) -> None:
    context = server_context(pki.server, pki.server_key, pki.ca)
    with playing(b"* OK yes\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n", context=context) as (
        port,
        heard,
    ):
        assert why_closed(config(pki, port)) == "mail.auth-missing"
    assert b"AUTHENTICATE" not in b"".join(heard)


def test_reports_are_collected_from_each_box_messages_are_sent_from(tmp_path: Path) -> None:
    common = {"host": "smtp.x", "sender": "a@x.mssante.fr", "certificate": tmp_path / "c"}
    several = {"senders": {"1": "b@x.mssante.fr", "2": "a@x.mssante.fr"}, "reports": {"host": "imap.x"}}
    assert box_configs(MailSettings.model_validate(common)) == []
    found = box_configs(MailSettings.model_validate(common | several))
    assert [(each.host, each.port, each.tls, each.user) for each in found] == [
        ("imap.x", 993, "implicit", "a@x.mssante.fr"),
        ("imap.x", 993, "implicit", "b@x.mssante.fr"),
    ]
    assert replace(found[0], user="b@x.mssante.fr") == found[1]

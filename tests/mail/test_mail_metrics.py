"""What an operator sees of the outbox in /metrics, wherever the sender runs: a mail server that is down, then up."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import requests

from facade import knowledge
from facade.domain.mail import WAITING, Ending
from facade.transactions.probe import Probe
from tests.mail.test_mail_outages import mail_in, sender, sent_to
from tests.mail.test_mail_sending import WRITER, box, halted
from tests.support.demo import RunningDemo
from tests.support.guides import ROOT
from tests.support.mail import received, settled
from tests.support.mail_reports import dsn

_SAMPLE = re.compile(r'^dmp_facade_mail_(\w+)\{(\w+)="([^"]*)"\} (\S+)$', re.MULTILINE)
QUEUED, OLDEST = ("waiting", "queued"), ("oldest_waiting_seconds", "queued")
SENT, CONNECTION = ("ended_total", "sent"), ("failed_attempts_total", "mail.connection")


def scraped(demo: RunningDemo) -> str:
    answer = requests.get(f"{demo.root}/metrics", timeout=20)
    assert answer.status_code == 200
    return answer.text


def figures(demo: RunningDemo) -> dict[tuple[str, str], float]:
    """The samples of the outbox by metric and label."""
    return {(name, value): float(number) for name, _, value, number in _SAMPLE.findall(scraped(demo))}


def until(demo: RunningDemo, name: tuple[str, str], least: float) -> dict[tuple[str, str], float]:
    """The figures once one of them is at least that."""
    deadline = time.monotonic() + 60
    while (found := figures(demo))[name] < least:
        assert time.monotonic() < deadline, (name, found)
        time.sleep(0.5)
    return found


def at_rest(demo: RunningDemo) -> dict[tuple[str, str], float]:
    """The figures once nothing waits: what earlier tests sent is not counted among what a test sends."""
    deadline = time.monotonic() + 90
    while True:
        found = figures(demo)
        if not any(number for (name, _), number in found.items() if name == "waiting"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def mail_server(demo: RunningDemo, port: int) -> Iterator[None]:
    """One more server for the boxes of the demonstration."""
    options = ["--data", str(demo.data), "--port", str(port), "--mailbox-port", str(free_port())]
    command = [sys.executable, "-m", "facade.embedded", "mail", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_mail_server_that_is_down_and_then_up_is_seen_at_the_facade(demo: RunningDemo) -> None:
    before = at_rest(demo)
    with halted(demo):
        port, to = free_port(), box()
        with sender(demo, DMP_FACADE_MAIL__PORT=str(port)):
            task_id = sent_to(demo, to)
            down = until(demo, CONNECTION, before[CONNECTION] + 2)
            assert down[QUEUED] == 1
            assert 0 < down[OLDEST] < figures(demo)[OLDEST]
            assert down[SENT] == before[SENT]
            with mail_server(demo, port):
                assert settled(demo, WRITER, task_id)["status"] == "completed"
        up = figures(demo)
    assert len(received(demo, to)) == 1
    assert (up[QUEUED], up[OLDEST]) == (0.0, 0.0)
    assert up[SENT] == before[SENT] + 1


def test_each_way_to_end_is_counted_and_a_report_counts_again(demo: RunningDemo) -> None:
    before = at_rest(demo)
    for name in ("dr", "refuse", "cut"):
        done = settled(demo, WRITER, sent_to(demo, to := box(name)))
        if name == "dr":
            message_id = next(each["valueString"] for each in done["output"] if "valueString" in each)
            assert mail_in(demo, dsn(message_id, to, "failed")) == "noted"
    settled(demo, WRITER, sent_to(demo, box("defer")))
    after = figures(demo)
    grown = {label: after[name, label] - before[name, label] for name, label in after if name == "ended_total"}
    assert grown == {"sent": 2, "undeliverable": 1, "unknown": 1, "bounced": 1, "not-sent": 0, "cancelled": 0}
    deferred = ("failed_attempts_total", "mail.deferred")
    assert after[deferred] == before[deferred] + 2


def test_no_label_can_carry_anything_but_a_word_of_a_closed_list(demo: RunningDemo) -> None:
    states, endings = {state.value for state in WAITING}, {ending.value for ending in Ending}
    reasons = {row["code"] for row in knowledge.rows("mail/outcomes.csv") if row["again"] == "yes"}
    lists = {"waiting": states, "oldest_waiting_seconds": states, "ended_total": endings}
    found: dict[str, set[str]] = {}
    for name, label in figures(demo):
        found.setdefault(name, set()).add(label)
    assert found == lists | {"failed_attempts_total": reasons}


def test_every_reason_to_try_again_is_one_that_is_counted() -> None:
    again = {row["code"] for row in knowledge.rows("mail/outcomes.csv") if row["again"] == "yes"}
    sending = [ROOT / "facade" / "mail" / name for name in ("submission.py", "tokens.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in sending)
    raised = set(re.findall(r'"(mail\.[\w-]+)"', "".join(re.findall(r"Deferred\((.*)\)", code))))
    assert len(raised) > 5
    assert raised <= again


def test_without_the_tables_everything_else_is_told_and_nothing_made_up(demo: RunningDemo) -> None:
    with halted(demo), closing(sqlite3.connect(demo.data / "facade.db")) as database:
        database.execute("ALTER TABLE mail_counts RENAME TO gone")
        try:
            time.sleep(0.5)
            text = scraped(demo)
        finally:
            database.execute("ALTER TABLE gone RENAME TO mail_counts")
    assert "dmp_facade_requests_total" in text
    assert "dmp_facade_mail_" not in text
    time.sleep(0.5)
    assert figures(demo)


def test_a_database_that_hangs_holds_the_metrics_up_for_a_second_only() -> None:
    ended = threading.Event()
    probe: Probe[bool | None] = Probe(lambda: ended.wait(30), pending=None)
    began = time.monotonic()
    assert probe.answer() is None
    assert time.monotonic() - began < 10
    ended.set()
    while not probe.answer():
        assert time.monotonic() - began < 20

"""What becomes of messages when the server refuses, breaks off, or the sender is killed: once, or told otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from facade.cli import main
from tests.mail.test_mail_sending import WRITER, box, halted, send
from tests.support.demo import RunningDemo
from tests.support.mail import business, reason, received, settled, task, tasks_of
from tests.support.mail_reports import dsn, mdn


def sent_to(demo: RunningDemo, address: str) -> str:
    """The id of the Task of a message to an address."""
    document = demo.publish(WRITER, "adult")["id"]
    (found,) = tasks_of(send(demo, WRITER, document, recipients=[address]))
    task_id: str = found["id"]
    return task_id


@contextmanager
def sender(demo: RunningDemo, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """One more sender, with settings of its own."""
    command = [sys.executable, "-m", "facade.cli", "outbox", "--config", str(demo.data / "facade.toml")]
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def mail_in(demo: RunningDemo, data: bytes) -> str:
    """Hand a message to the facade as a pipe would; what the facade says of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_CONFIG", str(demo.data / "facade.toml"))
        done = CliRunner().invoke(main, ["mail-in"], input=data)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_a_deferral_is_tried_again_until_it_is_taken(demo: RunningDemo) -> None:
    to = box("defer")
    done = settled(demo, WRITER, sent_to(demo, to))
    attempts = next(each["valueInteger"] for each in done["output"] if "valueInteger" in each)
    assert (done["status"], attempts) == ("completed", 3)
    assert len(received(demo, to)) == 1


@pytest.mark.parametrize(("name", "reply"), [("refuse", 550), ("late", 554)])
def test_a_refusal_for_good_is_told_with_its_reply(demo: RunningDemo, name: str, reply: int) -> None:
    done = settled(demo, WRITER, sent_to(demo, box(name)))
    assert (done["status"], business(done), reason(done)) == ("failed", "undeliverable", "mail.rejected")
    assert reply in [each.get("valueInteger") for each in done["output"]]


def test_a_cut_at_the_end_is_told_as_unknown_and_never_sent_again_until_a_receipt_settles_it(demo: RunningDemo) -> None:
    to = box("cut")
    task_id = sent_to(demo, to)
    unknown = settled(demo, WRITER, task_id)
    assert (unknown["status"], business(unknown), reason(unknown)) == ("on-hold", "unknown", "mail.outcome-unknown")
    assert len(received(demo, to)) == 1
    message_id = next(each["valueString"] for each in unknown["output"] if "valueString" in each)
    assert mail_in(demo, mdn(message_id, to, "manual-action/MDN-sent-manually; displayed")) == "noted"
    found = task(demo, WRITER, task_id)
    assert (found["status"], business(found)) == ("completed", "displayed")
    assert len(received(demo, to)) == 1


def test_a_bounce_makes_a_sent_message_undeliverable_and_a_forged_one_does_not(demo: RunningDemo) -> None:
    to = box()
    task_id = sent_to(demo, to)
    done = settled(demo, WRITER, task_id)
    message_id = next(each["valueString"] for each in done["output"] if "valueString" in each)
    forged = {
        "of a message nobody sent": (dsn(f"{uuid.uuid4().hex}@rocheval.mssante.fr", to, "failed"), "unknown-message"),
        "about another recipient": (dsn(message_id, "evil@evil.org", "failed"), "other-recipient"),
        "about nobody": (mdn(message_id, "", "manual-action; displayed"), "other-recipient"),
        "without a report": (b"Subject: Undelivered\r\n\r\n" + message_id.encode(), "no-report"),
    }
    for label, (data, taken) in forged.items():
        assert mail_in(demo, data) == taken, label
    assert business(task(demo, WRITER, task_id)) == "sent"
    assert mail_in(demo, dsn(message_id, to.upper(), "failed", status="5.2.2")) == "noted"
    found = task(demo, WRITER, task_id)
    assert (found["status"], reason(found)) == ("failed", "mail.bounced")
    assert mail_in(demo, mdn(message_id, to, "manual-action; displayed")) == "nothing-new"


def test_an_integration_error_of_the_receiver_is_told(demo: RunningDemo) -> None:
    to = box()
    task_id = sent_to(demo, to)
    done = settled(demo, WRITER, task_id)
    message_id = next(each["valueString"] for each in done["output"] if "valueString" in each)
    disposition = "automatic-action/MDN-sent-automatically; processed/Error: 902^Patient inconnu"
    assert mail_in(demo, mdn(message_id, to, disposition)) == "noted"
    assert mail_in(demo, dsn(message_id, to, "failed")) == "nothing-new"
    found = task(demo, WRITER, task_id)
    assert (business(found), "902" in [each.get("valueString") for each in found["output"]]) == (
        "integration-error",
        True,
    )


def test_a_notification_that_cannot_be_noted_now_is_left_to_the_mail_server(demo: RunningDemo) -> None:
    command = [sys.executable, "-m", "facade.cli", "mail-in", "--config", str(demo.data / "facade.toml")]
    environment = os.environ | {"DMP_FACADE_DATABASE_URL": "sqlite:////nowhere/at/all.db"}
    report = mdn("x@y", "a@b", "a; displayed")
    done = subprocess.run(command, input=report, env=environment, capture_output=True, check=False)
    assert done.returncode == os.EX_TEMPFAIL


def test_senders_killed_at_any_moment_send_each_message_once_or_tell_that_nobody_knows(demo: RunningDemo) -> None:
    """kill -9 at many moments, with a server that takes two seconds to answer the end of the data of some."""
    with halted(demo):
        addresses = [box("slow" if number % 3 == 0 else "dr") for number in range(9)]
        task_ids = [sent_to(demo, address) for address in addresses]
        for pause in (1.6, 2.0, 2.4, 2.8):
            with sender(demo) as process:
                try:
                    process.wait(pause)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
    for task_id, address in zip(task_ids, addresses, strict=True):
        found = settled(demo, WRITER, task_id, "completed", "on-hold", patience=90.0)
        mails = len(received(demo, address))
        assert mails == 1 or (mails == 0 and found["status"] == "on-hold"), (found["status"], mails)


def test_two_senders_share_the_work_and_no_message(demo: RunningDemo) -> None:
    with halted(demo):
        addresses = [box() for _ in range(8)]
        task_ids = [sent_to(demo, address) for address in addresses]
        with sender(demo), sender(demo):
            for task_id in task_ids:
                assert settled(demo, WRITER, task_id, patience=90.0)["status"] == "completed"
    assert [len(received(demo, address)) for address in addresses] == [1] * 8


def test_a_server_that_hangs_delays_and_loses_nothing(demo: RunningDemo) -> None:
    to = box()
    with halted(demo, "mail"):
        task_id = sent_to(demo, to)
        time.sleep(2.0)
        assert task(demo, WRITER, task_id)["status"] in ("requested", "in-progress")
    assert settled(demo, WRITER, task_id)["status"] == "completed"
    assert len(received(demo, to)) == 1

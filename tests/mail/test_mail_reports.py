"""DSN and MDN as they come back: read, or not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.domain.mail import Notice
from facade.mail.reports import read_report
from tests.support.mail_reports import dsn, mdn

WHO = "dr@medecin.mssante.fr"


def test_a_bounce_says_whom_it_is_about_and_why() -> None:
    report = read_report(dsn("id@x.mssante.fr", WHO, "failed", status="5.1.1", envelope_id="e1"))
    assert report is not None
    assert (report.notice, report.message_id, report.envelope_id) == (Notice.FAILED, "id@x.mssante.fr", "e1")
    assert (report.code, WHO in report.recipients) == ("5.1.1", True)


@pytest.mark.parametrize(
    ("action", "notice"),
    [
        ("delivered", Notice.DELIVERED),
        ("relayed", Notice.RELAYED),
        ("delayed", Notice.DELAYED),
        ("Failed", Notice.FAILED),
    ],
)
def test_each_action_has_its_meaning(action: str, notice: Notice) -> None:
    report = read_report(dsn("id@x", WHO, action))
    assert report is not None
    assert report.notice is notice


@pytest.mark.parametrize(
    ("disposition", "notice", "code"),
    [
        ("manual-action/MDN-sent-manually; displayed", Notice.DISPLAYED, ""),
        ("automatic-action/MDN-sent-automatically; processed", Notice.PROCESSED, ""),
        (
            "automatic-action/MDN-sent-automatically; processed/Error: 902^Inconnu",
            Notice.INTEGRATION_ERROR,
            "902",
        ),
        ("automatic-action/MDN-sent-automatically; processed/error", Notice.INTEGRATION_ERROR, ""),
        ("automatic-action/MDN-sent-automatically; deleted", Notice.DELETED, ""),
    ],
)
def test_each_disposition_has_its_meaning(disposition: str, notice: Notice, code: str) -> None:
    report = read_report(mdn("id@x", WHO, disposition))
    assert report is not None
    assert (report.notice, report.message_id, report.code) == (notice, "id@x", code)
    assert report.recipients == (WHO,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Subject: hello\r\n\r\nhello\r\n",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n",
        mdn("id@x", WHO, "manual-action; dancing"),
        dsn("id@x", WHO, "dancing"),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Original-Message-ID: <id@x>\r\nDisposition: a/b; displayed\r\n--b--\r\n",
    ],
)
def test_what_is_no_report_is_none(data: bytes) -> None:
    assert read_report(data) is None


@given(st.binary(max_size=400))
def test_whatever_comes_is_survived(data: bytes) -> None:
    start = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    assert read_report(data) is None
    read_report(start + b"Content-Type: message/delivery-status\r\n\r\n" + data)
    read_report(start + b"Content-Type: message/disposition-notification\r\n\r\n" + data)

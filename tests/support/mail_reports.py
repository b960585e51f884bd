"""Notifications as other people's software writes them (RFC 3464, RFC 8098)."""

from __future__ import annotations


def dsn(message_id: str, recipient: str, action: str, *, status: str = "5.0.0", envelope_id: str = "") -> bytes:
    """A delivery report with the headers of the message it is about."""
    envelope = f"Original-Envelope-Id: {envelope_id}\r\n" if envelope_id else ""
    return (
        "From: MAILER-DAEMON@mail.test\r\nTo: messagerie@rocheval.mssante.fr\r\nSubject: Undelivered Mail\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mail.test\r\n{envelope}\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <{message_id}>\r\nSubject: XDM/1.0/DDM+x\r\n\r\n--b--\r\n"
    ).encode()


def mdn(message_id: str, recipient: str, disposition: str) -> bytes:
    """A disposition notification."""
    return (
        f"From: {recipient}\r\nTo: messagerie@rocheval.mssante.fr\r\nSubject: Lu\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nLu.\r\n"
        "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Reporting-UA: test\r\nFinal-Recipient: rfc822;{recipient}\r\n"
        f"Original-Message-ID: <{message_id}>\r\nDisposition: {disposition}\r\n\r\n--b--\r\n"
    ).encode()

"""Submission over SMTP (RFC 6409): TLS always, an authenticated sender, one recipient a message, one reply that counts.

The message is handed over by the reply to the end of the data and by nothing else (RFC 5321, 4.1.1.4). Before that end
is sent the server must not deliver, so a cut there is certainly a failure; after it a cut says nothing (RFC 1047). The
caller is told between the two, and may still call it off.
"""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable

from facade.domain.mail import Deferred, OutcomeUnknown, Rejected
from facade.mail.access import client_context, xoauth2
from facade.mail.config import MailConfig
from facade.mail.tokens import Tokens

_STATUS = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})\b")
_LINE_START_DOT = re.compile(rb"(?m)^\.")
_END = b".\r\n"
_BLOCK = 64 * 1024
_AUTHENTICATED, _GO_ON, _START_INPUT = 235, 334, 354
_PERMANENT = 5
_OUTCOMES = (OSError, smtplib.SMTPException)


class Submitter:
    """One connection to the submission server, opened when needed and kept between messages. For one thread."""

    def __init__(self, config: MailConfig) -> None:
        """Raises ValueError for a certificate, key or authority that cannot be used."""
        self._config = config
        self._context = client_context(config)
        self._tokens = Tokens(config.token, config.timeout) if config.token else None
        self._connection: smtplib.SMTP | None = None

    def open(self) -> None:
        """Have a connection that is alive and authenticated. Raises Deferred."""
        if self._connection is not None and not self._alive(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect()

    def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*_OUTCOMES):
                connection.quit()
            connection.close()

    def send(
        self, sender: str, recipient: str, envelope_id: str, message: bytes, handing_over: Callable[[], bool]
    ) -> None:
        """Submit one message to one recipient.

        ``handing_over`` is called once, when all is sent but the end of the data: false calls it off. Raises Deferred,
        Rejected (certainly not taken) or OutcomeUnknown.
        """
        self.open()
        connection = self._connection
        if connection is None:
            raise Deferred("mail.connection")
        try:
            self._envelope(connection, sender, recipient, envelope_id)
            self._data(connection, message)
        except _OUTCOMES as error:
            self._drop()
            raise Deferred("mail.connection") from error
        agreed = False
        try:
            agreed = handing_over()
        finally:
            if not agreed:
                self._drop()
        if not agreed:
            raise Deferred("mail.lease-lost")
        self._end(connection)

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        connection: smtplib.SMTP | None = None
        try:
            if config.tls == "implicit":
                connection = smtplib.SMTP_SSL(
                    config.host, config.port, config.name, timeout=config.timeout, context=self._context
                )
                connection.ehlo()
            else:
                connection = smtplib.SMTP(config.host, config.port, config.name, timeout=config.timeout)
                self._start_tls(connection)
            self._authenticate(connection)
        except Deferred:
            _abandon(connection)
            raise
        except (ssl.SSLError, smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException) as error:
            _abandon(connection)
            raise Deferred("mail.tls" if isinstance(error, ssl.SSLError) else "mail.connection") from error
        except _OUTCOMES as error:
            _abandon(connection)
            raise Deferred("mail.connection") from error
        return connection

    def _start_tls(self, connection: smtplib.SMTP) -> None:
        """A server, or whoever stands before it, that offers no TLS gets neither a secret nor a message."""
        connection.ehlo()
        if not connection.has_extn("starttls"):
            raise Deferred("mail.no-tls")
        connection.starttls(context=self._context)
        connection.ehlo()

    def _authenticate(self, connection: smtplib.SMTP) -> None:
        offered = str(connection.esmtp_features.get("auth", "")).upper().split()
        if self._config.auth == "certificate":
            # The certificate was shown in the handshake; SASL only has to point at it where the server wants that.
            if "EXTERNAL" in offered:
                code, _ = connection.docmd("AUTH", "EXTERNAL " + (_b64(self._config.user) or "="))
                if code != _AUTHENTICATED:
                    raise Deferred("mail.auth-refused", code)
            return
        if "XOAUTH2" not in offered or self._tokens is None:
            raise Deferred("mail.auth-missing")
        start = _b64(xoauth2(self._config.user, self._tokens.current()))
        code, _ = connection.docmd("AUTH", f"XOAUTH2 {start}")
        if code == _GO_ON:
            code, _ = connection.docmd("")
        if code != _AUTHENTICATED:
            self._tokens.forget()
            raise Deferred("mail.auth-refused", code)

    def _envelope(self, connection: smtplib.SMTP, sender: str, recipient: str, envelope_id: str) -> None:
        dsn = connection.has_extn("dsn")
        from_options = [f"ENVID={envelope_id}", "RET=HDRS"] if dsn else []
        to_options = ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(recipient)}"] if dsn else []
        self._expect(*connection.mail(sender, from_options), connection)
        self._expect(*connection.rcpt(recipient, to_options), connection)
        code, reply = connection.docmd("DATA")
        if code != _START_INPUT:
            self._expect(code if code >= 400 else 451, reply, connection)  # noqa: PLR2004 - RFC 5321, 4.2.1

    def _data(self, connection: smtplib.SMTP, message: bytes) -> None:
        stuffed = _LINE_START_DOT.sub(b"..", message)
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        view = memoryview(stuffed)
        for start in range(0, len(view), _BLOCK):
            connection.send(view[start : start + _BLOCK].tobytes())

    def _end(self, connection: smtplib.SMTP) -> None:
        try:
            if connection.sock is not None:
                connection.sock.settimeout(self._config.data_timeout)
            connection.send(_END)
            code, reply = connection.getreply()
        except _OUTCOMES as error:
            self._drop()
            raise OutcomeUnknown("mail.outcome-unknown") from error
        if connection.sock is not None:
            connection.sock.settimeout(self._config.timeout)
        if not 200 <= code <= 599:  # noqa: PLR2004 - RFC 5321, 4.2.1
            self._drop()
            raise OutcomeUnknown("mail.outcome-unknown")
        self._expect(code, reply, connection)

    def _expect(self, code: int, reply: bytes, connection: smtplib.SMTP) -> None:
        """Raise Deferred for 4yz and Rejected for 5yz. 421 says that the server ends the connection."""
        if 200 <= code < 300:  # noqa: PLR2004 - RFC 5321, 4.2.1
            return
        found = _STATUS.search(reply)
        status = found[0].decode() if found else ""
        if code == 421:  # noqa: PLR2004 - RFC 5321, 4.2.3
            self._drop()
        else:
            with contextlib.suppress(*_OUTCOMES):
                connection.rset()
        trouble = Rejected if code // 100 == _PERMANENT else Deferred
        raise trouble("mail.rejected" if trouble is Rejected else "mail.deferred", code, status)

    def _alive(self, connection: smtplib.SMTP) -> bool:
        try:
            return 200 <= connection.noop()[0] < 300  # noqa: PLR2004 - RFC 5321, 4.2.1
        except _OUTCOMES:
            return False

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        _abandon(connection)


def _abandon(connection: smtplib.SMTP | None) -> None:
    if connection is not None:
        connection.close()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _xtext(text: str) -> str:
    """RFC 3461, section 4: what is not printable ASCII, ``+`` and ``=`` as ``+XX``."""
    return "".join(each if "!" <= each <= "~" and each not in "+=" else f"+{ord(each):02X}" for each in text)

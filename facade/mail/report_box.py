"""The reports that came to the sending box, over IMAP: those nobody has read yet, and nothing else of what is in it.

Sources: RFC 3501 (IMAP4rev1), RFC 8314 (TLS from the first byte), RFC 4315 (UID EXPUNGE), RFC 6522 (multipart/report).
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from itertools import pairwise
from types import TracebackType
from typing import Any, NoReturn

from facade.domain.mail import Deferred
from facade.mail.access import client_context, xoauth2
from facade.mail.config import MailConfig
from facade.mail.tokens import Tokens

# What a report says stands before the message it returns.
_BEGINNING = 256 * 1024
_MOST_HEARD = 32 * 1024 * 1024  # in answer to one command, whatever else a server says meanwhile
_REPORTS = ("UNSEEN", "UNDELETED", "HEADER", "Content-Type", "multipart/report")
_UID = re.compile(rb"\bUID (\d+)")
_OUTCOMES = (OSError, imaplib.IMAP4.error)


class _Bounded(imaplib.IMAP4):
    """Takes no more of a server in answer to one command than there is room for: a literal may be of any size."""

    _heard = 0

    def uid(self, command: str, *arguments: str) -> tuple[str, list[Any]]:
        """One command. Raises abort, as every other one, when too much is said."""
        self._heard = 0
        return super().uid(command, *arguments)

    def read(self, size: int) -> bytes:
        """A literal, refused by the size that is announced."""
        self._hear(size)
        return super().read(size)

    def readline(self) -> bytes:
        """A line."""
        line = super().readline()
        self._hear(len(line))
        return line

    def _hear(self, size: int) -> None:
        self._heard += size
        if self._heard > _MOST_HEARD:
            raise self.abort("too much is said")


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):
    """The same over TLS from the first byte."""


class ReportBox:
    """A context manager: one visit to one box. For one thread. Every method raises Deferred: try it again later.

    ``delete``: what was taken in is deleted, not only marked as read.
    """

    def __init__(self, config: MailConfig, folder: str = "INBOX", *, delete: bool = False) -> None:
        """Raises ValueError for a certificate, key or authority that cannot be used."""
        self._config = config
        self._folder = folder
        self._delete = delete
        self._context = client_context(config)
        self._tokens = Tokens(config.token, config.timeout) if config.token else None
        self._connection: imaplib.IMAP4 | None = None
        self._epoch = ""

    def __enter__(self) -> ReportBox:
        try:
            connection = self._connection = self._connect()
            self._authenticate(connection)
            self._select(connection)
        except BaseException as error:
            self.__exit__(None, None, None)
            if isinstance(error, _OUTCOMES):
                _give_up(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*_OUTCOMES):
                connection.logout()
            with contextlib.suppress(OSError):
                connection.shutdown()

    def unread(self) -> list[str]:
        """The reports nobody has read, the oldest first. An id is never given again."""
        found = self._ask("SEARCH", *_REPORTS)
        numbers = found[0].split() if found and isinstance(found[0], bytes) else []
        return [f"{self._epoch}.{int(number)}" for number in numbers if number.isdigit()]

    def beginning(self, report: str) -> bytes:
        """The beginning of a report, which stays unread; empty when it is gone."""
        number = _number(report)
        found = self._ask("FETCH", number, f"(BODY.PEEK[]<0.{_BEGINNING}>)")
        # A server may tell of other messages meanwhile, and say whose text it was before or behind it.
        for part, rest in pairwise((*found, b"")):
            if isinstance(part, tuple) and number.encode() in _UID.findall(part[0] + _said_after(rest)):
                return part[1][:_BEGINNING]
        return b""

    def settle(self, report: str) -> None:
        """It was taken in: it is not given again. Deleted at once where the server has UIDPLUS, else when it tidies."""
        number = _number(report)
        self._ask("STORE", number, "+FLAGS.SILENT", r"(\Seen \Deleted)" if self._delete else r"(\Seen)")
        if self._delete and "UIDPLUS" in self._opened.capabilities:
            self._ask("EXPUNGE", number)

    @property
    def _opened(self) -> imaplib.IMAP4:
        if self._connection is None:
            raise Deferred("mail.connection")
        return self._connection

    def _ask(self, command: str, *arguments: str) -> list[bytes | tuple[bytes, bytes] | None]:
        try:
            answer, found = self._opened.uid(command, *arguments)
        except _OUTCOMES as error:
            _give_up(error)
        if answer != "OK":
            raise Deferred("mail.connection")
        return list(found)

    def _connect(self) -> imaplib.IMAP4:
        """A server, or whoever stands before it, that offers no TLS gets nothing."""
        config = self._config
        if config.tls == "implicit":
            return _BoundedTls(config.host, config.port, ssl_context=self._context, timeout=config.timeout)
        connection = self._connection = _Bounded(config.host, config.port, timeout=config.timeout)
        if connection.state != "NONAUTH" or "STARTTLS" not in connection.capabilities:
            raise Deferred("mail.no-tls")
        connection.starttls(self._context)
        return connection

    def _authenticate(self, connection: imaplib.IMAP4) -> None:
        user, capabilities = self._config.user, connection.capabilities
        if connection.state == "AUTH":
            return  # the certificate was enough
        if self._config.auth == "certificate" and "AUTH=EXTERNAL" in capabilities:
            self._login(connection, "EXTERNAL", user)
        elif self._config.auth == "xoauth2" and "AUTH=XOAUTH2" in capabilities and self._tokens is not None:
            try:
                self._login(connection, "XOAUTH2", xoauth2(user, self._tokens.current()))
            except Deferred:
                self._tokens.forget()
                raise
        else:
            raise Deferred("mail.auth-missing")

    def _login(self, connection: imaplib.IMAP4, mechanism: str, said: str) -> None:
        # A refusal by XOAUTH2 is a challenge first, to be answered with nothing.
        answers = [said.encode()]
        try:
            connection.authenticate(mechanism, lambda _: answers.pop() if answers else b"")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise Deferred("mail.auth-refused") from error

    def _select(self, connection: imaplib.IMAP4) -> None:
        name = self._folder.replace("\\", "\\\\").replace('"', '\\"')
        answer, _ = connection.select(f'"{name}"')
        if answer != "OK":
            raise Deferred("mail.folder")
        _, capabilities = connection.capability()
        connection.capabilities = tuple(str(capabilities[0], "ascii", "replace").upper().split())
        _, epoch = connection.response("UIDVALIDITY")
        self._epoch = epoch[0].decode("ascii", "replace") if epoch and isinstance(epoch[0], bytes) else ""


def _number(report: str) -> str:
    return report.rpartition(".")[2]


def _give_up(error: Exception) -> NoReturn:
    raise Deferred("mail.tls" if isinstance(error, ssl.SSLError) else "mail.connection") from error


def _said_after(part: bytes | tuple[bytes, bytes] | None) -> bytes:
    return part if isinstance(part, bytes) else b""

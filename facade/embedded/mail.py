"""A submission server of the MSSanté space, and the mailboxes behind it, for demonstrations and tests.

STARTTLS before anything else; a sender is known by a client certificate of the test authority, or by XOAUTH2 with a
token the server was given. What a recipient's local part begins with orders how the server behaves: see ``ORDERS``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from werkzeug.serving import make_server

from facade.embedded.mailbox import Mailboxes, create_mailbox
from facade.embedded.world import prepare

ORDERS = {
    "refuse": "550 5.1.1 for good",
    "defer": "451 4.7.1 the first two times",
    "cut": "takes the message, then the connection ends without a reply",
    "slow": "takes two seconds to answer the end of the data",
    "late": "554 5.6.0 to the end of the data",
}
_DEFERRALS = 2
_SLOW = 2.0
_TOKEN = re.compile(r"user=(?P<user>[^\x01]*)\x01auth=Bearer (?P<token>[^\x01]+)\x01\x01")


@dataclass(frozen=True, slots=True)
class MailServer:
    """How a server is set up. ``tls`` False leaves STARTTLS out, as one who stands in between would (a downgrade)."""

    context: ssl.SSLContext
    boxes: Mailboxes
    tokens: frozenset[str] = frozenset()
    certificates: bool = True
    tls: bool = True

    def controller(self, port: int) -> Controller:
        """The server on a loopback port, not yet started."""
        handler = _Handler(self)
        return _Controller(handler, hostname="127.0.0.1", port=port, setup=self)


class _Controller(Controller):
    def __init__(self, handler: _Handler, *, hostname: str, port: int, setup: MailServer) -> None:
        self._setup = setup
        super().__init__(handler, hostname=hostname, port=port, ready_timeout=20)

    def factory(self) -> SMTP:
        """One connection."""
        setup = self._setup
        return SMTP(
            self.handler,
            hostname="mail.test",
            tls_context=setup.context if setup.tls else None,
            require_starttls=setup.tls,
            auth_require_tls=setup.tls,
            auth_exclude_mechanism=("LOGIN", "PLAIN", *(() if setup.tokens else ("XOAUTH2",))),
            data_size_limit=32 * 1024 * 1024,
        )


class _Handler:
    """The hooks of aiosmtpd: who may send, to whom, and what becomes of it."""

    def __init__(self, setup: MailServer) -> None:
        self._setup = setup
        self._deferred: Counter[str] = Counter()

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - the library's name
        """AUTH XOAUTH2 with an initial response."""
        del server
        try:
            text = base64.b64decode(args[1], validate=True).decode()
        except (IndexError, binascii.Error, UnicodeDecodeError):
            return AuthResult(success=False, handled=False)
        found = _TOKEN.fullmatch(text)
        return AuthResult(success=bool(found and found["token"] in self._setup.tokens), handled=False)

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only a sender that is known."""
        certificate = self._setup.certificates and _transport(server).get_extra_info("peercert")
        if not (session.authenticated or certificate):
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Every box exists, but for the orders."""
        del server, session
        if address.startswith("refuse"):
            return "550 5.1.1 No such mailbox"
        self._deferred[address] += address.startswith("defer")
        if 0 < self._deferred[address] <= _DEFERRALS:
            return "451 4.7.1 Try again later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message, or do as ordered."""
        del session
        order = str(envelope.rcpt_tos[0])
        if order.startswith("late"):
            return "554 5.6.0 Content refused"
        content: Any = envelope.content
        for recipient in envelope.rcpt_tos:
            self._setup.boxes.keep(str(recipient), str(envelope.mail_from), bytes(content))
        if order.startswith("slow"):
            await asyncio.sleep(_SLOW)
        if order.startswith("cut"):
            _transport(server).abort()
        return "250 2.0.0 Queued"


def _transport(server: SMTP) -> asyncio.WriteTransport:
    transport = server.transport
    if not isinstance(transport, asyncio.WriteTransport):
        raise TypeError("a connection that is open has a transport one can write to")
    return transport


def server_context(certificate: Path, key: Path, ca: Path) -> ssl.SSLContext:
    """TLS 1.2 at least; a client certificate of the authority is asked for and not demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def run_mail(data_dir: Path, port: int, mailbox: tuple[str, int], tokens: Collection[str] = ()) -> None:
    """Serve both until SIGTERM, the page at the address and port ``mailbox``. Makes what is missing of the data."""
    pki = prepare(data_dir).pki
    boxes = Mailboxes(data_dir / "mail")
    context = server_context(pki.server, pki.server_key, pki.ca)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    controller = MailServer(context, boxes, frozenset(tokens)).controller(port)
    pages = make_server(*mailbox, create_mailbox(boxes), threaded=True)
    controller.start()
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    ended.wait()
    pages.shutdown()
    controller.stop()

"""A private dovecot: its own configuration and boxes in one folder, IMAP on loopback, certificates or tokens."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from facade.embedded.pki import Pki

_DOVECOT = shutil.which("dovecot")
needs_dovecot = pytest.mark.skipif(
    _DOVECOT is None, reason="dovecot is not installed (Debian: apt-get install dovecot-imapd)"
)
# Whom the certificate of the demonstration names, as the server writes it: here that is the name of the box.
OWNER = "org_auth_cli_test"
_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{folder}/boxes/%u
ssl = required
ssl_cert = <{pki.server}
ssl_key = <{pki.server_key}
ssl_ca = <{pki.ca}
ssl_require_crl = no
auth_failure_delay = 0
auth_username_chars =
auth_username_translation = " _"
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {implicit}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/boxes/%u
}}
"""
_BY_CERTIFICATE = """
auth_mechanisms = external
auth_ssl_require_client_cert = yes
auth_ssl_username_from_cert = yes
ssl_verify_client_cert = yes
passdb {{
  driver = static
  args = nopassword=y
}}
"""
_BY_TOKEN = """
auth_mechanisms = xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/tokens.conf
}}
"""
_TOKENS = """
tokeninfo_url = {told}/?token=
username_attribute = box
"""
_OURSELVES = """
default_internal_user = {name}
default_login_user = {name}
"""
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Dovecot:
    """A running server: its ports, and the box everybody who may come in has."""

    implicit: int
    starttls: int
    pki: Pki

    def put(self, *messages: bytes) -> None:
        """Messages arrive in the owner's box."""
        with self._visit() as box:
            for message in messages:
                box.append("INBOX", "", "", message)

    def unread(self) -> list[bytes]:
        """What lies in the owner's box unread."""
        return self._found("UNSEEN")

    def all(self) -> list[bytes]:
        """What lies in the owner's box."""
        return self._found("ALL")

    def _found(self, what: str) -> list[bytes]:
        with self._visit() as box:
            box.select("INBOX", readonly=True)
            numbers = box.search(None, what)[1][0].split()
            return [box.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]  # type: ignore[index,misc]

    @contextmanager
    def _visit(self) -> Iterator[imaplib.IMAP4_SSL]:
        context = ssl.create_default_context(cafile=str(self.pki.ca))
        context.load_cert_chain(self.pki.auth_cli, self.pki.auth_cli_key)
        with imaplib.IMAP4_SSL("127.0.0.1", self.implicit, ssl_context=context, timeout=_PATIENCE) as box:
            box.authenticate("EXTERNAL", lambda _: OWNER.encode())
            yield box


@contextmanager
def dovecot(pki: Pki, *, tokens: str = "") -> Iterator[Dovecot]:
    """A running server for whoever shows a certificate, or, with ``tokens``, a token that address has heard of."""
    folder = Path(tempfile.mkdtemp(prefix="dmp-facade-imap-"))
    process = None
    try:
        server = Dovecot(_free(), _free(), pki)
        configuration = _write(folder, server, tokens)
        process = subprocess.Popen([_DOVECOT or "", "-F", "-c", str(configuration)], stderr=subprocess.DEVNULL)
        _await(server.implicit, folder / "log")
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, server: Dovecot, tokens: str) -> Path:
    # Run by root its processes are those of the package's users: what they share must be theirs to reach.
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    (folder / "boxes").mkdir()
    os.chown(folder / "boxes", owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    users = (
        "" if os.geteuid() == 0 else f"default_internal_user = {owner.pw_name}\ndefault_login_user = {owner.pw_name}\n"
    )
    values = {
        "folder": folder,
        "pki": server.pki,
        "implicit": server.implicit,
        "starttls": server.starttls,
        "user": owner.pw_uid,
        "group": owner.pw_gid,
    }
    text = users + (_CONFIGURATION + (_BY_TOKEN if tokens else _BY_CERTIFICATE)).format(**values)
    (folder / "tokens.conf").write_text(_TOKENS.format(told=tokens))
    configuration = folder / "dovecot.conf"
    configuration.write_text(text)
    return configuration


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(log.read_text()[-2000:] if log.exists() else "dovecot did not start")

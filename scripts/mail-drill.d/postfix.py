"""A private postfix: its own configuration, queue and log in one folder, submission with STARTTLS on loopback."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from email import message_from_bytes
from pathlib import Path

POSTFIX = shutil.which("postfix") or "/usr/sbin/postfix"
_MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Every address at ``domains`` has a box, all in one Maildir; an address that begins with ``bounce`` bounces."""

    def __init__(self, folder: Path, pki: Path, domains: tuple[str, ...]) -> None:
        self._config, self._folder = folder / "config", folder
        self._boxes = folder / "boxes"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._write(pki, domains)

    def start(self) -> None:
        """Start, and wait until the port answers."""
        self._run("start")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError((self._folder / "mail.log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop at once, whatever is under way."""
        self._run("abort")

    def delivered(self) -> list[tuple[str, Path]]:
        """Every message with the box it lies in."""
        files = [path for path in self._boxes.rglob("new/*") if path.is_file()]
        return [(str(message_from_bytes(path.read_bytes())["Delivered-To"]), path) for path in files]

    def _run(self, command: str) -> None:
        subprocess.run([POSTFIX, "-c", str(self._config), command], check=True, capture_output=True, timeout=60)

    def _write(self, pki: Path, domains: tuple[str, ...]) -> None:
        owner = pwd.getpwnam("postfix")
        nobody = pwd.getpwnam("nobody")
        for name, uid in (("queue", 0), ("data", owner.pw_uid), ("boxes", nobody.pw_uid)):
            path = self._folder / name
            path.mkdir()
            os.chown(path, uid, grp.getgrnam("root").gr_gid if uid == 0 else -1)
        self._config.mkdir()
        for name in ("server.pem", "server.key", "ca.pem"):
            shutil.copy(pki / name, self._config / name)
        (self._config / "transport").write_text("/^bounce/ error:5.1.1 no such box\n")
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self._folder / "queue",
            "data_directory": self._folder / "data",
            "maillog_file": self._folder / "mail.log",
            "maillog_file_prefixes": self._folder,
            "myhostname": "mail.test",
            "mydestination": "",
            "inet_protocols": "ipv4",
            "inet_interfaces": "127.0.0.1",
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_cert_file": self._config / "server.pem",
            "smtpd_tls_key_file": self._config / "server.key",
            "smtpd_tls_CAfile": self._config / "ca.pem",
            "smtpd_tls_req_ccert": "yes",
            "smtpd_relay_restrictions": "permit_tls_all_clientcerts, reject",
            "smtpd_recipient_restrictions": "permit_tls_all_clientcerts, reject",
            "smtpd_reject_unlisted_recipient": "no",
            "virtual_mailbox_domains": ", ".join(domains),
            "virtual_mailbox_maps": "static:all/",
            "virtual_mailbox_base": self._boxes,
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "virtual_minimum_uid": "1",
            "transport_maps": f"regexp:{self._config / 'transport'}",
            "message_size_limit": "50000000",
            "virtual_mailbox_limit": "0",
            "alias_maps": "",
            "alias_database": "",
        }
        (self._config / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (self._config / "master.cf").write_text(_MASTER.format(port=self.port))
        self._folder.chmod(0o755)

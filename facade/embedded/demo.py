"""The whole demonstration as one process tree: embedded DMP, token issuer, facade; ready in seconds, gone on a signal.

Each part is a process of its own, so that stopping the DMP shows what a client of the facade then sees.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from facade.embedded import parts, sample, settings_file
from facade.embedded.issuer import Issuer, base_url
from facade.embedded.parts import Part
from facade.embedded.personas import IN_FRENCH, PERSONAS
from facade.embedded.world import prepare
from facade.lasting import lasting

_READY_SECONDS = 40.0
_END_SECONDS = 3.0
SERVICES = "si-dmp-server/v2/services"


class DemoFailed(RuntimeError):
    """A part of the demonstration did not start; the message says which and where its log is."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen, on the loopback interface."""

    facade: int
    dmp: int
    issuer: int
    mail: int
    mailbox: int


@dataclass(frozen=True, slots=True)
class Listening:
    """An address of this host and a port of it; 0 is any free one."""

    host: str
    port: int


LOOPBACK = Listening("127.0.0.1", 0)


class Demo:
    """The running demonstration. ``data`` holds everything it writes; a temporary folder is removed at its end."""

    def __init__(self, port: int, data: Path | None, mailbox: Listening = LOOPBACK) -> None:
        self._temporary = data is None
        self.data = data or Path(tempfile.mkdtemp(prefix="dmp-facade-demo-"))
        self.data.mkdir(parents=True, exist_ok=True)
        self._mailbox_host = mailbox.host
        self.ports = Ports(
            facade=port or _free_port(),
            dmp=_free_port(),
            issuer=_free_port(),
            mail=_free_port(),
            mailbox=mailbox.port or _free_port(),
        )
        self._children: dict[str, Part] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Prepare the sample world and start every part. Raises DemoFailed."""
        _check_free(self.ports.facade, "--port")
        _check_free(self.ports.mailbox, "--mailbox")
        prepare(self.data)
        self._write_settings()
        python, data = [sys.executable, "-m"], ["--data", str(self.data)]
        config = ["--config", str(self.data / "facade.toml")]
        # First, for it takes longest: what is imported meanwhile the other parts share.
        self._program("facade", [*python, "facade.cli", "serve", *config])
        self._embedded("dmp", [*data, "--port", str(self.ports.dmp), "--log", str(self.dmp_log)])
        self._embedded("issuer", [*data, "--port", str(self.ports.issuer)])
        page = ["--mailbox-host", self._mailbox_host, "--mailbox-port", str(self.ports.mailbox)]
        self._embedded("mail", [*data, "--port", str(self.ports.mail), *page])
        self._await("issuer", self._issuer_answers)
        self._await("dmp", lambda: _listens(self.ports.dmp))
        self._await("mail", lambda: _listens(self.ports.mail) and _listens(self.ports.mailbox))
        self._await("facade", self._facade_ready)
        # It has made the tables.
        settings_file.pair(self._database)
        # Last, and nobody waits for it: what is queued meanwhile leaves when it is there.
        self._program("outbox", [*python, "facade.cli", "outbox", *config])

    def description(self) -> dict[str, Any]:
        """What a user needs to try it: addresses, sample patients, a token for each persona."""
        url = f"http://127.0.0.1:{self.ports.facade}"
        issuer = Issuer(self.data / "issuer", base_url(self.ports.issuer))
        system = f"urn:oid:{sample.INS_TEST_OID}"
        return {
            "fhir": f"{url}/fhir",
            "docs": f"{url}/docs",
            "dmp": f"https://127.0.0.1:{self.ports.dmp}/{SERVICES}",
            "dmp_log": str(self.dmp_log),
            "mailbox": f"http://127.0.0.1:{self.ports.mailbox}/",
            "patients": {patient.name: {"system": system, "value": patient.ins} for patient in sample.PATIENTS},
            "tokens": {name: issuer.mint(name) for name in PERSONAS},
        }

    @property
    def dmp_log(self) -> Path:
        """One JSON line per SOAP request the embedded DMP received."""
        return self.data / "dmp.jsonl"

    def wait(self) -> int:
        """Block until a signal or the end of the facade; return the exit status. The DMP may end before: it is told."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        told = False
        while not self._stopped.wait(0.2):
            if self._children["facade"].poll() is not None:
                sys.stderr.write(f"the facade ended by itself, see {self._log('facade')}\n")
                return 1
            if not told and self._children["dmp"].poll() is not None:
                told = True
                sys.stderr.write("the embedded DMP ended: the facade now answers 503\n")
        return 0

    def stop(self) -> None:
        """End every part, politely then not, and remove what was temporary."""
        for child in self._children.values():
            parts.signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            # The group may outlive its leader: a server's workers must not stay behind.
            parts.signal_group(child, signal.SIGKILL)
            child.wait()
        if self._temporary:
            shutil.rmtree(self.data, ignore_errors=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopped.set()

    def _program(self, name: str, command: list[str]) -> None:
        self._note(name, parts.program(command, self._log(name)))

    def _embedded(self, name: str, options: list[str]) -> None:
        """Fork a server of ``python -m facade.embedded``, with the same options."""
        with lasting():
            from facade.embedded.__main__ import main  # noqa: PLC0415 - while the facade starts

        self._note(name, parts.fork(lambda: main([name, *options]), self._log(name)))

    def _note(self, name: str, part: Part) -> None:
        self._children[name] = part
        (self.data / f"{name}.pid").write_text(str(part.pid))

    def _log(self, name: str) -> Path:
        return self.data / f"{name}.log"

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            if self._children[name].poll() is not None or time.monotonic() > deadline:
                tail = self._log(name).read_text(errors="replace")[-2000:]
                raise DemoFailed(f"{name} did not start:\n{tail}")
            time.sleep(0.05)

    def _issuer_answers(self) -> bool:
        return _answers(f"{base_url(self.ports.issuer)}/realms/psc/.well-known/openid-configuration")

    def _facade_ready(self) -> bool:
        return _answers(f"http://127.0.0.1:{self.ports.facade}/readyz")

    @property
    def _database(self) -> str:
        return f"sqlite:///{self.data / 'facade.db'}"

    def _write_settings(self) -> None:
        issuer, dmp = base_url(self.ports.issuer), f"https://127.0.0.1:{self.ports.dmp}/{SERVICES}"
        lines = settings_file.lines(
            self.data,
            port=self.ports.facade,
            issuer=issuer,
            dmp=dmp,
            database=self._database,
            console=self._cast,
            mail_port=self.ports.mail,
        )
        (self.data / "facade.toml").write_text("\n".join(lines) + "\n")
        self._write_cast()

    @property
    def _cast(self) -> Path:
        return self.data / "console.json"

    def _write_cast(self) -> None:
        """Who can be chosen on the console. It holds tokens: only its owner reads it."""
        issuer = Issuer(self.data / "issuer", base_url(self.ports.issuer))
        system = f"urn:oid:{sample.INS_TEST_OID}"
        cast = {
            "readers": [
                {"name": name, "title_fr": IN_FRENCH[name], "title_en": persona.description, "token": issuer.mint(name)}
                for name, persona in PERSONAS.items()
            ],
            "patients": [{"name": each.name, "system": system, "value": each.ins} for each in sample.PATIENTS],
            "mailbox": f"http://127.0.0.1:{self.ports.mailbox}/",
        }
        self._cast.touch(mode=0o600)
        self._cast.write_text(json.dumps(cast))


def run(port: int, data: Path | None, mailbox: Listening, *, as_json: bool, tour: bool) -> int:
    """Run the demonstration until a signal; return the exit status. ``mailbox`` is where the page of mailboxes listens.

    Writes one line of JSON, or a short how-to; with ``tour`` it first shows the main job step by step.
    """
    demo = Demo(port, data, mailbox)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        demo.start()
        description = demo.description()
        if tour:
            from facade.embedded.tour import Tour  # noqa: PLC0415 - most runs show none

            for line in Tour(description).lines():
                sys.stdout.write(f"{line}\n")
            sys.stdout.write("\n")
        sys.stdout.write((json.dumps(description) if as_json else _how_to(description, demo.data)) + "\n")
        sys.stdout.flush()
        return demo.wait()
    except DemoFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        demo.stop()


def _how_to(description: dict[str, Any], data: Path) -> str:
    adult = description["patients"]["adult"]
    token = f"{Path(sys.executable).parent / 'dmp-facade'} token --data {data}"
    return "\n".join(
        [
            "dmp-facade runs on an embedded DMP. Ctrl-C ends it.",
            f"  FHIR  {description['fhir']}",
            f"  docs  {description['docs']}",
            f"  console  {description['fhir'].removesuffix('fhir')}console/",
            f"  log of the embedded DMP  {description['dmp_log']}",
            f"  mailboxes (MSSanté)  {description['mailbox']}",
            "",
            "Patients: " + ", ".join(f"{name} {each['value']}" for name, each in description["patients"].items()),
            "Personas: " + ", ".join(description["tokens"]),
            "",
            "Search the adult's documents as the treating doctor (any persona will do):",
            f"  TOKEN=$({token} treating-doctor)",
            f'  curl -H "Authorization: Bearer $TOKEN" -G {description["fhir"]}/DocumentReference \\',
            f"       --data-urlencode 'patient.identifier={adult['system']}|{adult['value']}' -d status=current",
        ]
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _check_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoFailed(f"port {port} is taken: choose another with {option}, or 0 for any free one") from error


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own OK
    except (urllib.error.URLError, OSError):
        return False

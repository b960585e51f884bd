"""The processes of a drill: started, killed without warning, started again, and certain to be gone at the end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_END_SECONDS = 8.0
_READY_SECONDS = 60.0
_POSTGRESQL = "/usr/lib/postgresql/*/bin"


class DrillFailed(RuntimeError):
    """A part did not start or did not answer: the drill says nothing about the facade."""


class Part:
    """A program in a session of its own. ``ready`` says whether it serves; ``account`` is who runs it, for root."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        account: str | None = None,
    ) -> None:
        self.name = name
        self.env = dict(os.environ if env is None else env)
        self._command = list(command)
        self._folder = folder
        self._ready = ready
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it wrote on its standard output and error."""
        return self._folder / f"{self.name}.log"

    def start(self, before: Callable[[], None] = lambda: None) -> None:
        """Start it and wait until it serves. ``before`` runs in the child. Raises DrillFailed."""
        self.launch(before)
        self.wait()

    def launch(self, before: Callable[[], None] = lambda: None) -> None:
        """Start it and do not wait."""

        def prepare() -> None:
            _die_with_us()
            before()

        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self.env,
                user=self._account,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 - no thread of ours holds a lock a child needs
            )

    def wait(self) -> None:
        """Wait until it serves. Raises DrillFailed."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self._ready():
            if not self.runs or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-2000:]
                raise DrillFailed(f"{self.name} did not start:\n{said}")
            time.sleep(0.05)

    @property
    def runs(self) -> bool:
        """Whether its first process is alive."""
        return self._process is not None and self._process.poll() is None

    def tree(self) -> list[psutil.Process]:
        """Its first process and all descendants."""
        if not self.runs or self._process is None:
            return []
        try:
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """SIGKILL to every one of its processes at once."""
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it politely, then not."""
        everyone = self.tree()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        for process in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()


class Postgresql:
    """A PostgreSQL server of the drill's own. ``url`` is its database; raises DrillFailed where there is no server."""

    def __init__(self, folder: Path) -> None:
        programs = postgresql_programs()
        if programs is None:
            raise DrillFailed("PostgreSQL is not here: apt-get install postgresql-15 (initdb is looked for)")
        self.port = free_port()
        # The server refuses to be root, and another account cannot enter a private folder.
        self._account = "postgres" if os.geteuid() == 0 else None
        folder.mkdir(parents=True)
        if self._account:
            shutil.chown(folder, self._account)
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "facade", "--auth=trust", "--encoding=UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            user=self._account,
        )
        # A killed process loses nothing of what the kernel was given: only a power cut needs fsync.
        settings = ["fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "log_statement=ddl"]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(self.port)]
        command += [word for setting in settings for word in ("-c", setting)]
        if self._account:
            command = ["setpriv", f"--reuid={self._account}", f"--regid={self._account}", "--init-groups", *command]
        self.part = Part("postgresql", command, folder.parent, self._answers)
        self._psql = programs / "psql"
        self.part.start()

    @property
    def url(self) -> str:
        """Its address, as a setting of the facade."""
        return f"postgresql://facade@127.0.0.1:{self.port}/postgres"

    def _answers(self) -> bool:
        asked = [self._psql, "-h", "127.0.0.1", "-p", str(self.port), "-U", "facade", "postgres", "-qc", "SELECT 1"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def end_tidily() -> None:
    """Take a request to end as a reason to leave: what was started is then ended on the way out."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))


def postgresql_programs() -> Path | None:
    """Where PostgreSQL's programs are: beside the initdb on the path, or where Debian keeps them. None: nowhere."""
    found = shutil.which("initdb") or next((str(p) for p in sorted(Path("/").glob(f"{_POSTGRESQL}/initdb"[1:]))), None)
    return Path(found).resolve().parent if found else None


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _die_with_us() -> None:
    """Ask the kernel to end the child when we die without a chance to tidy up."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

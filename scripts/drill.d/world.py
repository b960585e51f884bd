"""Where a drill happens: one embedded DMP, its token issuer, a database, and facades as several hosts would run them.

Everything is on the loopback interface and in one temporary folder, and gone when the world is closed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import requests
from parts import Part, Postgresql, free_port, listens

from facade.embedded import sample, settings_file
from facade.embedded.demo import SERVICES
from facade.embedded.issuer import Issuer, base_url
from facade.embedded.world import prepare
from facade.records.engine import open_database
from facade.records.traces import Traces

ROOT = Path(__file__).resolve().parents[2]
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# Longer than a publication may take with the patience below, and short enough to be waited for.
PENDING_SECONDS = 10
_PATIENCE = {
    "DMP_FACADE_PUBLICATION_PENDING_SECONDS": str(PENDING_SECONDS),
    "DMP_FACADE_DMP__ANSWER_SECONDS": "4",
    "DMP_FACADE_DMP__READ_TIMEOUTS": '{"TD2.1": 4}',
    "DMP_FACADE_DMP__CONNECT_TIMEOUT": "1",
    "DMP_FACADE_DMP__CIRCUIT_SECONDS": "2",
}


class World:
    """A context manager. ``hosts`` facades share one database: a SQLite file (one host) or one PostgreSQL.

    ``settings`` are environment variables of every facade; ``before`` fills the DMP's folder before anything starts;
    ``ready`` is the path that answers 200 once a facade serves. Raises DrillFailed when a part does not start.
    """

    def __init__(
        self,
        *,
        hosts: int = 1,
        database: str = SQLITE,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
        sqlite_folder: Path | None = None,
        before: Callable[[Path], None] = lambda _data: None,
        ready: str = "/readyz",
    ) -> None:
        self._hosts = hosts
        self._product = database
        self._workers = workers
        self._settings = dict(settings or {})
        self._sqlite_folder = sqlite_folder
        self._before = before
        self._ready = ready
        self._stack = ExitStack()
        self.facades: list[Part] = []
        self.ports: list[int] = []

    def __enter__(self) -> World:
        self.folder = Path(tempfile.mkdtemp(prefix="dmp-facade-drill-"))
        self.folder.chmod(0o755)
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def base(self) -> str:
        """The FHIR base of the first facade."""
        return f"http://127.0.0.1:{self.ports[0]}/fhir"

    @property
    def issuer_keys(self) -> Issuer:
        """The issuer's keys: what it publishes, and what tokens are made with."""
        return Issuer(self.data / "issuer", base_url(self.issuer_port))

    def ins(self, patient: str) -> dict[str, str]:
        """The identifier of a sample patient."""
        (found,) = (each.ins for each in sample.PATIENTS if each.name == patient)
        return {"system": f"urn:oid:{sample.INS_TEST_OID}", "value": found}

    def traces(self) -> Traces:
        """The chain as it is in the database."""
        return Traces(open_database(self.database_url))

    def add(self, part: Part) -> Part:
        """Make sure a part ends with this world."""
        self._stack.callback(part.stop)
        return part

    def facade(self, number: int, extra: Mapping[str, str] | None = None) -> Part:
        """One more facade, as another host would have it: own port, folder and temporary files. Not started."""
        folder, port = self.folder / f"host-{number}", free_port()
        folder.mkdir()
        issuer, dmp = base_url(self.issuer_port), f"https://127.0.0.1:{self.dmp_port}/{SERVICES}"
        lines = settings_file.lines(self.data, port=port, issuer=issuer, dmp=dmp, database=self.database_url)
        (folder / "facade.toml").write_text("\n".join(lines) + "\n")
        own = {"DMP_FACADE_WORKERS": str(self._workers), "TMPDIR": str(folder)}
        env = {**os.environ, "PYTHONPATH": str(ROOT), **_PATIENCE, **own, **self._settings, **(extra or {})}
        command = [sys.executable, "-m", "facade.cli", "serve", "--config", str(folder / "facade.toml")]
        part = self.add(Part(f"facade-{number}", command, folder, lambda: _answers(port, self._ready), env))
        self.facades.append(part)
        self.ports.append(port)
        return part

    def _start(self) -> None:
        self.data = self.folder / "dmp"
        self.dmp_port, self.issuer_port = free_port(), free_port()
        self._before(self.data)
        prepare(self.data)
        embedded = [sys.executable, "-m", "facade.embedded"]
        data, env = ["--data", str(self.data)], {**os.environ, "PYTHONPATH": str(ROOT)}
        dmp, issuer = self.dmp_port, self.issuer_port
        self.dmp = self.add(
            Part("dmp", [*embedded, "dmp", *data, "--port", str(dmp)], self.folder, lambda: listens(dmp), env)
        )
        self.issuer = self.add(
            Part(
                "issuer", [*embedded, "issuer", *data, "--port", str(issuer)], self.folder, lambda: listens(issuer), env
            )
        )
        self.dmp.launch()
        self.issuer.launch()
        self.postgresql: Postgresql | None = None
        if self._product == POSTGRESQL:
            self.postgresql = Postgresql(self.folder / "postgresql")
            self._stack.callback(self.postgresql.part.stop)
            self.database_url = self.postgresql.url
        else:
            self.database_url = f"sqlite:///{self._sqlite_folder or self.folder}/facade.db"
        parts = [self.facade(number) for number in range(1, self._hosts + 1)]
        # All at once, as an orchestrator would: each of them finds an empty database and migrates it.
        for part in parts:
            part.launch()
        for part in (self.dmp, self.issuer, *parts):
            part.wait()


def _answers(port: int, path: str) -> bool:
    with contextlib.suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == requests.codes.ok
    return False

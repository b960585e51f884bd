"""The stand of a load: a demonstration with documents in it, a slow DMP in front of its DMP, facades to be loaded."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from processes import BenchFailed, Child

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
AUTHOR, READER, PATIENT = "author-doctor", "treating-doctor", "adult"
_READY_SECONDS = 60.0
_RESULTS, _SMALL, _LARGE = 100, 300, 1024 * 1024
# Takes the place of the first bytes of a file, so that no two publications are the same.
MARK = "@@@@@@@@@@@@@@@@@@@@@@@@"


class Stand:
    """A context manager. Entering it starts and fills everything; raises BenchFailed when a part does not start."""

    def __init__(self, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._seed = seed
        self._stack = ExitStack()
        self.requests: dict[str, tuple[str, str, str, str]] = {}

    def __enter__(self) -> Stand:
        self.folder = Path(tempfile.mkdtemp(prefix="dmp-facade-load-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder)}
            self._data = self.folder / "demo"
            options = ["demo", "--port", "0", "--json", "--data", str(self._data)]
            demo = self._child("the facade", [sys.executable, "-m", "facade.cli", *options])
            self._demo: dict[str, Any] = json.loads(demo.hear(_READY_SECONDS))
            self._fill()
            command = [str(self._data / "pki"), self._demo["dmp"], str(self._seconds)]
            self.dmp = self._child("the slow DMP", [sys.executable, str(HERE / "slow_dmp.py"), *command])
            self._dmp_port = self.dmp.hear(_READY_SECONDS).strip()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def facade(self, server: str, settings: Mapping[str, str]) -> Loaded:
        """A facade on the slow DMP under one server, with a database of its own. Close it when done."""
        port = _free_port()
        base_url = self._demo["dmp"].replace(self._demo["dmp"].split("/")[2], f"127.0.0.1:{self._dmp_port}")
        env = self._env | {
            "DMP_FACADE_CONFIG": str(self._data / "facade.toml"),
            "DMP_FACADE_PORT": str(port),
            "DMP_FACADE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DMP_FACADE_WORKERS": "3",
            "DMP_FACADE_LOG_LEVEL": "WARNING",
            "DMP_FACADE_DATABASE_URL": f"sqlite:///{self.folder / f'load-{port}.db'}",
            "DMP_FACADE_DMP__BASE_URL": base_url,
            "MALLOC_ARENA_MAX": "2",
            **settings,
        }
        granian = [sys.executable, "-m", "facade.cli", "serve"]
        command = granian if server == "granian" else [sys.executable, str(HERE / "prototypes.py"), server]
        child = Child(server, command, self.folder / f"{server}-{port}.log", env)
        loaded = Loaded(child, port, self.folder / f"{server}-{port}.log")
        self._stack.callback(loaded.close)
        return loaded

    def clients(self) -> Child:
        """The clients' program, waiting for its task."""
        return self._child("the clients", [sys.executable, str(HERE / "clients.py")])

    def _fill(self) -> None:
        tokens, patient = self._demo["tokens"], self._demo["patients"][PATIENT]
        bodies = random.Random(self._seed)  # noqa: S311 - bytes of a file, no secret
        session = requests.Session()
        session.trust_env = False

        def publish(size: int) -> str:
            body = json.dumps(self._document(bodies.randbytes(size)))
            headers = {"Authorization": f"Bearer {tokens[AUTHOR]}", "Content-Type": "application/fhir+json"}
            answer = session.post(f"{self._demo['fhir']}/DocumentReference", data=body, headers=headers, timeout=60)
            if answer.status_code != 201:
                raise BenchFailed(f"a publication answered {answer.status_code}: {answer.text[:500]}")
            return str(answer.json()["id"])

        for _ in range(_RESULTS - 1):
            publish(_SMALL)
        one = publish(_LARGE)
        body = self.folder / "publication.json"
        data = base64.b64encode(bodies.randbytes(_LARGE)).decode()
        text = json.dumps(self._document(b"")).replace('"data": ""', f'"data": "JVBERi0xLjQK{"A" * 4}{MARK}{data}"')
        body.write_text(text.replace(f"{'A' * 4}{MARK}", MARK))
        query = urlencode({"patient.identifier": f"{patient['system']}|{patient['value']}", "_count": str(_RESULTS)})
        self.requests = {
            "read": ("GET", f"/fhir/DocumentReference/{one}", tokens[READER], ""),
            "search": ("GET", f"/fhir/DocumentReference?{query}", tokens[READER], ""),
            "publish": ("POST", "/fhir/DocumentReference", tokens[AUTHOR], str(body)),
            "retrieve": ("GET", f"/fhir/Binary/{one}", tokens[READER], ""),
        }

    def _document(self, content: bytes) -> dict[str, Any]:
        data = base64.b64encode(b"%PDF-1.4\n" + content).decode() if content else ""
        return {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
            "subject": {"identifier": self._demo["patients"][PATIENT]},
            "content": [{"attachment": {"contentType": "application/pdf", "data": data, "title": "Compte rendu"}}],
        }

    def _child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.folder / f"{name.replace(' ', '-')}.log", self._env)
        self._stack.callback(child.close)
        return child


class Loaded:
    """A running facade: its process and its port."""

    def __init__(self, child: Child, port: int, log: Path) -> None:
        self._child = child
        self._log = log
        self.port = port

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._child.pid

    def warm(self, calls: Mapping[str, tuple[str, str, str, str]]) -> None:
        """Until it is ready and has answered each kind of request. Raises BenchFailed when one fails."""
        root = f"http://127.0.0.1:{self.port}"
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            with suppress(requests.RequestException):
                if requests.get(f"{root}/healthz", timeout=2).status_code == 200:
                    break
            time.sleep(0.1)
        for number, (name, (method, path, token, file)) in enumerate(calls.items()):
            for turn in range(6):
                mark = f"{self.port:012d}{100 * turn + number:012d}"
                body = Path(file).read_text().replace(MARK, mark) if file else None
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
                answer = requests.request(method, f"{root}{path}", data=body, headers=headers, timeout=60)
                if answer.status_code not in (200, 201):
                    said = self._log.read_text(errors="replace")[-1500:]
                    raise BenchFailed(f"{name} answered {answer.status_code}: {answer.text[:500]}\n{said}")

    def close(self) -> None:
        """End it with its workers, whatever they still do: how it stops is not what is measured."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

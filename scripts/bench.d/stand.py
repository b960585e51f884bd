"""The test stand: a demonstration of the facade with documents in it, what was recorded of it, a sink, the floors.

Everything is in one temporary folder and on the loopback interface, and is gone when the stand is closed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import processes
import requests
from fresh import FreshFacade
from processes import BenchFailed, Child

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
FHIR_JSON = "application/fhir+json"
# The searched record holds small documents only; large ones are published elsewhere and never found by the search.
SEARCHED, FED = "adult", "objector"
AUTHOR, READER = "author-doctor", "treating-doctor"
_READY_SECONDS = 240.0
_SMALL = 300
_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many results a search has, and the bytes of the files."""

    results: int
    published: int
    retrieved: int
    large: int


@dataclass(frozen=True, slots=True)
class Served:
    """A program of ours that answers over HTTP: its address and its leading process."""

    base: str
    pid: int


class Stand:
    """A context manager. Entering it starts and fills everything; raises BenchFailed when a part does not start."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.session = requests.Session()
        self.session.trust_env = False
        self._stack = ExitStack()
        self._sink_port = ""
        self.retrieved = self.small = self.read = ""

    def __enter__(self) -> Stand:
        self.folder = Path(tempfile.mkdtemp(prefix="dmp-facade-bench-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            # The parts of the demonstration keep their temporary files here too: nothing is left behind.
            self._env = os.environ | {
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(self.folder),
                "DMP_FACADE_MAX_BODY_BYTES": str(max(_BODY, self.sizes.large * 3 // 2)),
            }
            self._recorded = self.folder / "recorded"
            self._recorded.mkdir()
            self._start_demo()
            self.idle = self._memory()
            self._fill()
            self._record()
            self._start_sink()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with processes.undisturbed():
            self.session.close()
            self._stack.close()

    @property
    def tree(self) -> list[int]:
        """The facade's processes: its supervisor and its workers, not the DMP nor the issuer."""
        return processes.tree(int((self._data / "facade.pid").read_text()))

    @property
    def fhir(self) -> str:
        """The FHIR base of the demonstration's facade."""
        return str(self._demo["fhir"])

    def call(self, base: str, persona: str, method: str, path: str, body: bytes | None = None) -> requests.Response:
        """One request as a persona. Raises BenchFailed for anything but success."""
        headers = self.authorization(persona) | {"Content-Type": FHIR_JSON}
        answer = self.session.request(method, f"{base}{path}", headers=headers, data=body, timeout=60)
        if answer.status_code not in (200, 201):
            raise BenchFailed(f"{method} {path.partition('?')[0]} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def authorization(self, persona: str) -> dict[str, str]:
        """The header a persona's token goes in."""
        return {"Authorization": f"Bearer {self._demo['tokens'][persona]}"}

    @property
    def search_path(self) -> str:
        """The search that finds every document of the searched record."""
        patient = self._demo["patients"][SEARCHED]
        return "/DocumentReference?" + urlencode(
            {"patient.identifier": f"{patient['system']}|{patient['value']}", "_count": str(self.sizes.results)}
        )

    def document(self, patient: str, size: int) -> dict[str, Any]:
        """A DocumentReference with a PDF of so many bytes, like no other."""
        attachment = {
            "contentType": "application/pdf",
            "data": base64.b64encode(b"%PDF-1.4\n" + os.urandom(size - 9)).decode(),
            "title": "Compte rendu",
        }
        return {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
            "subject": {"identifier": self._demo["patients"][patient]},
            "content": [{"attachment": attachment}],
        }

    def publication(self, size: int) -> bytes:
        """The body of a publication of a file of so many bytes."""
        return json.dumps(self.document(FED, size)).encode()

    def floor(self, operation: str) -> Child:
        """A running floor program, ended with the stand."""
        command = [*_python("floor.py"), operation, str(self._recorded), str(self._data / "pki"), self._sink_port]
        child = Child(operation, command, self.folder / f"{operation}.log", self._env)
        self._stack.callback(child.close)
        return child

    def floor_server(self) -> Served:
        """The running floor over HTTP, ended with the stand."""
        issuer = tomllib.loads((self._data / "facade.toml").read_text())["issuers"][0]["issuer"]
        arguments = [str(self._recorded), str(self._data / "pki"), self._sink_port, issuer]
        command = [*_python("floor_server.py"), *arguments, str(self.folder / "floor.db")]
        return self._served("the floor", command, "/best/DocumentReference/x", AUTHOR)

    def fhirstarter(self, python: str) -> Served:
        """The running peer, in the environment of ``python``, ended with the stand."""
        command = [python, str(HERE / "peer_fhirstarter.py"), str(self._recorded)]
        return self._served("fhirstarter", command, "/metadata", AUTHOR)

    @property
    def data(self) -> Path:
        """The data folder of the demonstration."""
        return self._data

    def _served(self, name: str, command: list[str], ready: str, persona: str) -> Served:
        env = {name: value for name, value in self._env.items() if name != "PYTHONPATH"}
        env |= {"MALLOC_ARENA_MAX": "2", "PYTHONPATH": f"{HERE}:{ROOT}"}
        child = Child(name, command, self.folder / f"{name.replace(' ', '-')}.log", env)
        self._stack.callback(child.close)
        served = Served(f"http://127.0.0.1:{int(child.hear(_READY_SECONDS))}", child.pid)
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            with suppress(requests.RequestException, BenchFailed):
                self.call(served.base, persona, "GET", ready)
                return served
            time.sleep(0.1)
        raise BenchFailed(f"{name} was not ready in time")

    def fresh(self, name: str, **settings: str) -> FreshFacade:
        """Another facade on the same DMP, ended with the stand at the latest."""
        facade = FreshFacade(name, self._data / "facade.toml", self.folder, self._env | settings)
        self._stack.callback(facade.close)
        return facade

    def _start_demo(self) -> None:
        self._data = self.folder / "demo"
        options = ["demo", "--port", "0", "--json", "--data", str(self._data)]
        command = [sys.executable, "-m", "facade.cli", *options]
        began = time.monotonic()
        demo = Child("the facade", command, self.folder / "demo.log", self._env)
        self._stack.callback(demo.close)
        self._demo: dict[str, Any] = json.loads(demo.hear(_READY_SECONDS))
        self.ready_seconds = time.monotonic() - began

    def _start_sink(self) -> None:
        command = [*_python("sink.py"), str(self._data / "pki"), str(self._recorded)]
        sink = Child("the sink", command, self.folder / "sink.log", self._env)
        self._stack.callback(sink.close)
        self._sink_port = sink.hear(_READY_SECONDS).strip()

    def _fill(self) -> None:
        def publish(patient: str, size: int) -> str:
            body = json.dumps(self.document(patient, size)).encode()
            return str(self.call(self.fhir, AUTHOR, "POST", "/DocumentReference", body).json()["id"])

        with ThreadPoolExecutor(2) as pool:
            small = list(pool.map(lambda _: publish(SEARCHED, _SMALL), range(self.sizes.results)))
        self.read = f"/DocumentReference/{small[0]}"
        self.retrieved = f"/Binary/{publish(FED, self.sizes.retrieved)}"
        self.small = f"/Binary/{publish(FED, self.sizes.published)}"

    def _record(self) -> None:
        resource = self.document(FED, self.sizes.published)
        (self._recorded / "publish.json").write_text(json.dumps(resource))
        task = {
            "folder": str(self._recorded),
            "config": str(self._data / "facade.toml"),
            "reader": self._demo["tokens"][READER],
            "author": self._demo["tokens"][AUTHOR],
            "search": f"/fhir{self.search_path}",
            "read": f"/fhir{self.read}",
            "retrieve": f"/fhir{self.retrieved}",
            "small": f"/fhir{self.small}",
            "publish": resource,
        }
        done = subprocess.run(
            _python("recorder.py"),
            input=json.dumps(task).encode(),
            capture_output=True,
            env=self._env,
            timeout=_READY_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BenchFailed(f"the recorder failed:\n{done.stderr.decode(errors='replace')[-2000:]}")

    def _memory(self) -> list[dict[str, float]]:
        """Memory of each of the facade's processes."""
        return [{"rss_mb": processes.rss_mb(pid), "pss_mb": processes.pss_mb(pid)} for pid in self.tree]


def _python(program: str) -> list[str]:
    return [sys.executable, str(HERE / program)]

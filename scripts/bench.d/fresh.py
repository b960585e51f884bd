"""A facade of one worker that has served nothing yet: what it holds at rest, and what one class of request adds.

Memory that was once used is not always given back, so each class of request gets a facade of its own. All of them
speak to the same embedded DMP as the demonstration's facade does, with the same settings but for the port.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import processes
import requests
from processes import BenchFailed, Child

_READY_SECONDS = 240.0


class FreshFacade:
    """``dmp-facade serve`` on a port of its own. ``fhir`` is its base URL. Close it when done."""

    def __init__(self, name: str, config: Path, folder: Path, env: Mapping[str, str]) -> None:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        self.fhir = f"{url}/fhir"
        self._ready = f"{url}/readyz"
        settings = {"DMP_FACADE_PORT": str(port), "DMP_FACADE_PUBLIC_URL": url, "DMP_FACADE_WORKERS": "1"}
        command = [sys.executable, "-m", "facade.cli", "serve", "--config", str(config)]
        self._began = time.monotonic()
        self.ready_seconds = 0.0
        self._child = Child(f"a facade for {name}", command, folder / f"facade-{port}.log", {**env, **settings})

    def wait(self) -> None:
        """Until it is ready; ``ready_seconds`` is how long that took. Raises BenchFailed when it takes too long."""
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            with suppress(requests.RequestException):
                if requests.get(self._ready, timeout=2).status_code == 200:
                    self.ready_seconds = time.monotonic() - self._began
                    return
            time.sleep(0.02)
        raise BenchFailed("a facade with one worker was not ready in time")

    @property
    def worker(self) -> int:
        """The process that serves: the supervisor's largest child."""
        return max(processes.tree(self._child.pid)[1:], key=processes.rss_mb)

    def close(self) -> None:
        """End it."""
        self._child.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

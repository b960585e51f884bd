"""Runs ``dmp-facade serve`` a second time beside a demonstration: same DMP, same issuer, other settings."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from facade.embedded.issuer import issuer_of
from facade.identity.tokens import thumbprint
from tests.support.demo import RunningDemo

READY_SECONDS = 40.0
Certificate = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Facade:
    """A running server: its process, where it is, the authority of its certificate, its log."""

    process: subprocess.Popen[bytes]
    root: str
    ca: str
    log: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.root.rpartition(":")[2])

    def call(
        self, token: str, method: str, path: str, certificate: Certificate | None = None, **kwargs: Any
    ) -> requests.Response:
        """One request on a connection of its own, with a client certificate or none."""
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en", **kwargs.pop("headers", {})}
        url = f"{self.root}/fhir{path}"
        return requests.request(method, url, headers=headers, cert=certificate, verify=self.ca, timeout=60, **kwargs)


def write_settings(demo: RunningDemo, folder: Path, changes: Mapping[str, Any]) -> Path:
    """The demonstration's settings with top-level ones replaced (None takes one out), in a file of this folder."""
    settings = tomllib.loads((demo.data / "facade.toml").read_text(encoding="utf-8"))
    settings |= {"database_url": f"sqlite:///{folder / 'facade.db'}", **changes}
    scalars = [f"{name} = {_toml(value)}" for name, value in settings.items() if _is_scalar(value)]
    tables = [
        "\n".join([f"[[{name}]]", *(f"{key} = {_toml(each)}" for key, each in row.items())])
        for name, rows in settings.items()
        if isinstance(rows, list) and rows and isinstance(rows[0], dict)
        for row in rows
    ]
    dmp = ["[dmp]", *(f"{name} = {_toml(value)}" for name, value in settings["dmp"].items())]
    file = folder / "facade.toml"
    file.write_text("\n".join([*scalars, *tables, *dmp]) + "\n", encoding="utf-8")
    return file


@contextlib.contextmanager
def served(demo: RunningDemo, folder: Path, **changes: Any) -> Iterator[Facade]:
    """``dmp-facade serve`` with these settings, until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    scheme = "https" if changes.get("tls_certificate") else "http"
    root = f"{scheme}://127.0.0.1:{port}"
    config = write_settings(demo, folder, {"port": port, "public_url": root, **changes})
    log = folder / "serve.log"
    command = [sys.executable, "-m", "facade.cli", "serve", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ.copy())
    running = Facade(process, root, str(demo.data / "pki" / "ca.pem"), log)
    try:
        _await(running)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


def bound_token(demo: RunningDemo, persona: str, certificate: Path) -> str:
    """A token of a persona, bound to this client certificate (``cnf.x5t#S256``)."""
    return issuer_of(demo.data).mint(persona, claims={"cnf": {"x5t#S256": thumbprint(der(certificate))}})


def der(certificate: Path) -> bytes:
    """A PEM certificate as DER."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)


def client_cert(certificate: Path) -> str:
    """The Client-Cert header for a PEM certificate (RFC 9440)."""
    return f":{base64.b64encode(der(certificate)).decode()}:"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(running: Facade) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            requests.get(f"{running.root}/healthz", verify=running.ca, timeout=5)
            return
        time.sleep(0.05)
    raise AssertionError(running.log.read_text(encoding="utf-8"))


def _is_scalar(value: Any) -> bool:
    is_table = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
    return value is not None and not is_table


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str | Path) else str(value)

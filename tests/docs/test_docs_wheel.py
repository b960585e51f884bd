"""The wheel is whole: installed away from the checkout it knows its tables, makes its database and runs the demo."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.guides import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)])
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``facade`` is the wheel's and the checkout is not looked at."""
    site = tmp_path_factory.mktemp("site")
    _run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)])
    return os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}


def _run(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    finished: subprocess.CompletedProcess[str] = done
    return finished


def test_every_table_and_every_file_of_the_code_is_in_it(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tables = {f"facade/_mappings/{each.relative_to(ROOT / 'mappings')}" for each in (ROOT / "mappings").rglob("*.csv")}
    code = {str(each.relative_to(ROOT)) for each in (ROOT / "facade").rglob("*") if each.suffix in (".py", ".csv")}
    assert len(tables) > 30
    assert tables | code <= packed
    assert not {name for name in packed if name.startswith(("tests/", "scripts/"))}


def test_the_policy_is_printed_from_the_tables_inside(installed: dict[str, str], tmp_path: Path) -> None:
    where = "import facade, facade.knowledge; print(facade.__file__, facade.knowledge.folder())"
    found = _run([sys.executable, "-c", where], env=installed, cwd=tmp_path).stdout
    assert str(ROOT) not in found
    printed = _run([sys.executable, "-m", "facade.cli", "policy"], env=installed, cwd=tmp_path).stdout
    assert "art. L. 1111-16" in printed


@pytest.fixture
def demonstration(installed: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "facade.cli", "demo", "--port", "0", "--json"]
    with subprocess.Popen(command, env=installed, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], 60)
            yield json.loads(process.stdout.readline()) if ready else {}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_the_demonstration_starts_from_it(demonstration: dict[str, str]) -> None:
    ready = requests.get(demonstration["fhir"].replace("/fhir", "/readyz"), timeout=30)
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")

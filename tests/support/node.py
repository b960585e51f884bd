"""Node, for the clients and the validator that are written in JavaScript: installed from their lock on first use."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "clients"
needs_node = pytest.mark.skipif(
    shutil.which("npm") is None, reason="node and npm are not installed (Debian: apt-get install nodejs npm)"
)


@cache
def install() -> None:
    """``npm ci``, unless what is installed is already what the lock says."""
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr


def run_node(script: str, given: Any) -> Any:
    """Run a script of tests/clients on a JSON value and return the JSON it prints."""
    install()
    done = subprocess.run(
        ["node", script], cwd=FOLDER, input=json.dumps(given), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

"""``scripts/drill`` breaks what it says, loses nothing and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import left_behind

ROOT = Path(__file__).resolve().parents[2]


def drill(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "scripts" / "drill.d" / "run.py")]
    env = {**os.environ, "TMPDIR": str(tmp_path), **environment}
    return subprocess.run([*program, *arguments], env=env, capture_output=True, text=True, timeout=110, check=False)


def test_a_facade_killed_at_work_loses_nothing(tmp_path: Path) -> None:
    done = drill(tmp_path, "kill-facade", "--requests", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 acts told" in done.stdout
    assert ", 0 cut off" not in done.stdout, "it was killed while clients worked"
    assert left_behind(tmp_path) == []


def test_a_drill_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = drill(tmp_path, "no-such-drill")
    assert done.returncode == 2
    assert "no drill named no-such-drill" in done.stderr

"""``scripts/bench`` runs, says what it must, and leaves nothing behind. Times are never a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import left_behind

ROOT = Path(__file__).resolve().parents[2]
BENCH = [sys.executable, str(ROOT / "scripts" / "bench.d" / "run.py"), "--quick"]
COSTS = {"facade_ms", "floor_ms", "ratio", "wall_ms", "peak_mb", "rest_mb", "floor_peak_mb"}


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary files are in the test's own folder."""
    return {**os.environ, "TMPDIR": str(tmp_path)}


def _wait_for(there: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert process.poll() is None, "the benchmark ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_benchmark_writes_each_comparison_and_leaves_nothing_behind(
    tmp_path: Path, surroundings: dict[str, str]
) -> None:
    file = tmp_path / "bench.json"
    done = subprocess.run(
        [*BENCH, "--json", str(file)],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(file.read_text())
    assert result["same_answer"], "the floor of the search gives another answer than the facade"
    assert result["machine"]["cores"] >= 1
    *rows, published, retrieved, rest = result["rows"]
    assert (published["name"], retrieved["name"]) == ("publish 1 MB", "retrieve 1 MB")
    assert all("x the document" in row["floor"] for row in (published, retrieved))
    compared = {(row["name"].split()[0], row["against"]) for row in rows}
    assert compared == {
        ("search", "floor"),
        ("search", "models"),
        ("search", "naive"),
        ("read", "floor"),
        ("publish", "raw"),
        ("publish", "parts"),
        ("retrieve", "raw"),
        ("retrieve", "parts"),
        *((name, kind) for name in ("search", "read", "publish", "retrieve") for kind in ("best", "duties")),
    }
    for row in rows:
        assert all(isinstance(row[cost], int | float) and row[cost] > 0 for cost in COSTS), row
        assert row["name"] in done.stdout
        assert row["floor"] in done.stdout
    assert rest["peak_mb"] > 0
    assert rest["ready_s"] > 0
    behaviour = result["behaviour"]
    assert behaviour["parallel"]["wall_s"] >= behaviour["parallel"]["slow_s"]
    assert [int(count) for count in behaviour["growth"]["cpu_ms"]] == [2, 5]
    assert behaviour["pieces"]["first_ms"] <= behaviour["pieces"]["last_ms"]
    assert left_behind(tmp_path) == []


def test_an_interrupted_benchmark_leaves_nothing_behind(tmp_path: Path, surroundings: dict[str, str]) -> None:
    with subprocess.Popen(BENCH, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as bench:
        try:
            _wait_for(lambda: list(tmp_path.glob("dmp-facade-bench-*/demo/facade.pid")), bench)
            bench.send_signal(signal.SIGINT)
            assert bench.wait(20) == 130
        finally:
            bench.kill()
    assert left_behind(tmp_path) == []

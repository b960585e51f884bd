"""``scripts/mutation`` names each fault that no test notices; tests that fail anyway and old rows do not content it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENTS = "scripts/mutation.d/equivalents.csv"
LIMIT = '"""A limit."""\n\n\ndef over(count: int) -> bool:\n    """Whether this is too many."""\n    return count > 3\n'
NOTICES = (
    "from facade.policy.limit import over\n\n\ndef test_over() -> None:\n    assert over(4)\n    assert not over(3)\n"
)
NOTHING = "def test_nothing() -> None:\n    assert True\n"
STALE = (
    ("facade/policy/limit.py", "return count > 3", "return count >= 3"),
    ("facade/policy/days.py", "return the_day_before", "return the_day_after"),
)


def _equivalents(root: Path) -> list[dict[str, str]]:
    with (root / EQUIVALENTS).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_each_known_equivalent_is_a_line_that_stands_with_its_reason() -> None:
    found = _equivalents(ROOT)
    assert len({(row["module"], row["line"], row["mutant"]) for row in found}) == len(found)
    for row in found:
        assert row["line"] in " ".join((ROOT / row["module"]).read_text(encoding="utf-8").split()), row
        assert row["mutant"] != row["line"]
        assert row["reason"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The facade with one more module of the policy, and nothing but two assertions that know it."""
    for name in ("facade", "mappings", "scripts/mutation.d"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements-dev.lock"):
        shutil.copy2(ROOT / name, tmp_path / name)
    for name in ("policy/test_policy_corpus", "policy/test_policy_tables", "supervision/test_supervision_days"):
        _write(tmp_path / f"tests/{name}.py", NOTHING)
    _write(tmp_path / "tests/support/__init__.py", "")
    _write(tmp_path / "tests/policy/test_policy_limit.py", NOTICES)
    _write(tmp_path / "facade/policy/limit.py", LIMIT)
    _write(tmp_path / EQUIVALENTS, "module,line,mutant,reason\n" + "".join(f"{','.join(row)},old\n" for row in STALE))
    return tmp_path


def _write(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(said, encoding="utf-8")


def _run(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/mutation.d/run.py", "--workers", "1", "facade/policy/limit.py"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_a_fault_that_no_test_notices_is_named_and_so_is_a_row_that_is_none(project: Path) -> None:
    ended = _run(project)
    assert ended.returncode == 1, ended.stderr
    said = ended.stdout.splitlines()
    assert said[:3] == ["survived: facade/policy/limit.py", "  - return count > 3", "  + return count != 3"]
    assert said[3:5] == [
        f"wrong: no surviving mutant is the equivalent {STALE[0]}",
        f"wrong: no line is that of the equivalent {STALE[1]}",
    ]
    assert said[5] == "facade/policy/limit.py: killed 6 of 7, 0 more change nothing"
    assert "survived 1: 85.7 % killed" in said[6]


def test_tests_that_fail_without_a_fault_notice_none(project: Path) -> None:
    _write(project / "tests/policy/test_policy_tables.py", NOTHING.replace("True", "False"))
    ended = _run(project)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "the tests fail without any mutant" in ended.stderr

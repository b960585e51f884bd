"""The command line as an operator types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.demo import RunningDemo


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facade.cli", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_serve_without_settings_names_what_is_missing() -> None:
    done = _run("serve")
    assert done.returncode == 1
    assert "DMP_FACADE_SEAL_SECRETS" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_that_all_is_well(demo: RunningDemo) -> None:
    done = _run("check", "--config", str(demo.data / "facade.toml"))
    assert (done.returncode, done.stdout.splitlines()[-1][:5]) == (0, "ready")


def test_traces_are_verified_and_exported(demo: RunningDemo) -> None:
    config = str(demo.data / "facade.toml")
    demo.publish("author-doctor", "adult")
    assert "whole" in _run("traces", "verify", "--config", config).stdout
    exported = _run("traces", "export", "--config", config, "--format", "csv", "--patient", demo.ins("adult")).stdout
    header, *rows = exported.splitlines()
    assert header.startswith("seq,")
    assert rows
    assert all(demo.patients["adult"]["value"] in row for row in rows)


def test_a_token_is_for_a_known_persona_of_a_demonstration(demo: RunningDemo, tmp_path: Path) -> None:
    assert _run("token", "nurse", "--data", str(demo.data)).stdout.count(".") == 2
    assert "no persona named" in _run("token", "nobody", "--data", str(demo.data)).stderr
    assert "no demonstration in this folder" in _run("token", "nurse", "--data", str(tmp_path)).stderr


def test_the_policy_prints_annexe_3_and_its_articles() -> None:
    text, html = _run("policy").stdout, _run("policy", "--format", "html").stdout
    assert "Annexe 3" in text
    assert "art. L. 1111-16 CSP" in text
    assert html.lstrip().lower().startswith("<!doctype html>")


def test_json_and_tour_do_not_go_together() -> None:
    assert _run("demo", "--json", "--tour").returncode == 2

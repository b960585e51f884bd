"""The command line as an operator types it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facade.records.engine import migrate, open_database
from facade.records.traces import Traces
from tests.support.demo import RunningDemo
from tests.support.records import ins, trace


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


@pytest.fixture
def half_a_year(tmp_path: Path) -> Path:
    """Settings over a database with traces of 250, 200, 150 and 0 days ago, of two persons on two records."""
    url = f"sqlite:///{tmp_path / 'facade.db'}"
    migrate(url)
    database = open_database(url)
    for number, days in enumerate((250, 200, 150, 0)):
        person = "899700000018" if number % 2 else "899700000026"
        when = datetime.now(UTC) - timedelta(days=days)
        Traces(database).append(trace(number, time=when, person_id=person, patient=ins(number % 2)))
    database.close()
    config = tmp_path / "facade.toml"
    config.write_text(f'database_url = "{url}"\n')
    return config


def _traces_of(config: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run("traces", command, "--config", str(config), *arguments)


@pytest.mark.parametrize("command", [["traces", "verify"], ["traces", "purge"], ["pairings", "list"], ["check"]])
def test_a_database_out_of_reach_is_said_in_one_line(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "facade.toml"
    config.write_text(f'database_url = "sqlite:///{tmp_path / "nowhere" / "facade.db"}"\n')
    done = _run(*command, "--config", str(config))
    assert done.returncode == 1
    assert done.stderr == "Error: the database cannot be used: OperationalError SQLITE_CANTOPEN\n"


def test_traces_are_kept_six_months_or_as_long_as_the_setting_says(half_a_year: Path) -> None:
    assert _traces_of(half_a_year, "purge").stdout == "2 traces removed\n"
    half_a_year.write_text(half_a_year.read_text() + "trace_retention_days = 100\n")
    assert _traces_of(half_a_year, "purge").stdout == "1 traces removed\n"
    assert "whole" in _traces_of(half_a_year, "verify").stdout
    assert len(_traces_of(half_a_year, "export").stdout.splitlines()) == 1


def test_an_export_is_of_a_record_a_person_or_a_period(half_a_year: Path) -> None:
    def days(*arguments: str) -> list[str]:
        return [
            json.loads(line)["document"] for line in _traces_of(half_a_year, "export", *arguments).stdout.splitlines()
        ]

    middle = (datetime.now(UTC) - timedelta(days=175)).date().isoformat()
    assert len(days()) == 4
    assert days("--person", "899700000018") == ["document-1", "document-3"]
    assert days("--patient", f"{ins(0).system}|{ins(0).value}") == ["document-0", "document-2"]
    assert days("--since", middle) == ["document-2", "document-3"]
    assert days("--until", middle, "--person", "899700000026") == ["document-0"]


def test_a_trace_that_was_changed_makes_the_examination_fail(half_a_year: Path) -> None:
    with closing(sqlite3.connect(half_a_year.parent / "facade.db")) as database, database:
        database.execute("UPDATE traces SET rule = 'another' WHERE seq = 2")
    done = _traces_of(half_a_year, "verify")
    assert (done.returncode, done.stdout) == (1, "trace 2: trace 2 is not what was written\n")


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

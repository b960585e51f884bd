"""``scripts/drill`` breaks what it says, sees every kind of loss, loses nothing and leaves nothing behind."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from facade.embedded import ebrim, store
from facade.records.engine import migrate, open_database
from facade.records.traces import Traces
from tests.support.processes import left_behind
from tests.support.records import trace

DRILLS = Path(__file__).resolve().parents[2] / "scripts" / "drill.d"


def _drill(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(DRILLS / "run.py"), *arguments]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    return subprocess.run(program, env=env, capture_output=True, text=True, timeout=110, check=False)


def test_a_facade_killed_at_work_loses_nothing(tmp_path: Path) -> None:
    done = _drill(tmp_path, "kill-facade", "--requests", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 acts told" in done.stdout
    assert ", 0 cut off" not in done.stdout, "it was killed while clients worked"
    assert left_behind(tmp_path) == []


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """What a drill leaves to be judged: the DMP's store and the facade's database, both empty."""
    url = f"sqlite:///{tmp_path / 'facade.db'}"
    migrate(url)
    records = store.Store(tmp_path / "dmp.sqlite")
    records.create()
    records.close()
    return SimpleNamespace(data=tmp_path, database_url=url, traces=lambda: Traces(open_database(url)))


def _held(world: Any, title: str, number: int, status: str = ebrim.APPROVED) -> None:
    row = {"entry_uuid": f"urn:{number}", "logical_id": f"urn:{number}", "version": 1, "ins": "1", "fragment": b""}
    row |= {"unique_id": str(number), "status": status, "is_signature": False}
    records = store.Store(world.data / "dmp.sqlite")
    with records.writing() as db:
        db.execute(sa.insert(store.entries).values(**row, facets={"title": title, "confidentiality": []}))
    records.close()


def test_every_kind_of_loss_is_seen(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DRILLS))
    acts, verdict = importlib.import_module("acts"), importlib.import_module("verdict")
    book = acts.Book()
    assert verdict.losses(world, [book]) == []
    for number, title in enumerate(("whole", "gone", "doubled", "changed")):
        book.documents.append(acts.Document(title, b"", b"", "key", f"id-{number}"))
    for number, title in enumerate(("whole", "doubled", "doubled")):
        _held(world, title, number)
    _held(world, "changed", 9, ebrim.DELETED)
    book.consents.append(acts.Consent("899700000018", "id"))
    book.told += [acts.Told("read", "c-1"), acts.Told("search", "c-2")]
    world.traces().append(trace(1))
    for number in (0, 1, 2):
        world.traces().append(trace(document_unique_id=str(number), act="publish", outcome="unknown"))
    world.traces().append(trace(document_unique_id="9", act="withdraw", outcome="refused"))
    book.wrong.append("read: 500 server.unexpected")
    book.given_up.append("publish")
    assert verdict.losses(world, [book]) == [
        "an answer nobody expects: read: 500 server.unexpected",
        "given up after its patience: publish",
        "gone was told to be stored and is not in the DMP",
        "doubled is in the DMP 2 times",
        "changed was told to be visible and is deleted",
        "the opposition to 899700000018 was told to be recorded and is not",
        "search c-2 was told and left 0 traces",
        "changed was changed and no trace tells of it: publish",
        "changed was changed and no trace tells of it: withdraw",
    ]

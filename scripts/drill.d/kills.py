"""SIGKILL in the middle of the work: a worker, the whole facade, PostgreSQL, the embedded DMP."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

import psutil
from load import Load
from parts import Part
from report import Report
from verdict import losses
from world import POSTGRESQL, SQLITE, World

# How long something stays dead before it is started again, in seconds.
_DEAD = 1.0
# A worker that dies twice within 5.5 s of its start is taken by its supervisor for one that cannot start: it gives up,
# and leaves the rest to whoever supervises it (systemd, Docker).
_APART = 6.0
_MANY, _OFTEN = 60, 3


def kill_worker(report: Report) -> None:
    """SIGKILL to a worker process, again and again; its supervisor starts another."""
    with World() as world:
        chosen = random.Random(report.seed)  # noqa: S311 - a drill, not a secret
        _work(report, world, lambda: _kill_a_worker(world.facades[0], chosen))


def kill_facade(report: Report) -> None:
    """SIGKILL to all processes of the facade, started again on the same SQLite file."""
    with World(database=SQLITE) as world:
        _work(report, world, lambda: _dies(world.facades[0]))


def kill_postgresql(report: Report) -> None:
    """SIGKILL to all processes of PostgreSQL, started again; the facade is left alone."""
    with World(database=POSTGRESQL) as world:
        assert world.postgresql is not None
        part = world.postgresql.part
        _work(report, world, lambda: _dies(part))


def kill_dmp(report: Report) -> None:
    """SIGKILL to all processes of the embedded DMP, started again on the same store."""
    with World() as world:
        _work(report, world, lambda: _dies(world.dmp))


def _work(report: Report, world: World, incident: Callable[[], None]) -> None:
    times = _OFTEN if report.requests >= _MANY else 1
    load = Load(world, requests=report.requests, seed=report.seed)
    load.run(*((number / (times + 1), incident) for number in range(1, times + 1)))
    report.acts(load.books, f"{times} times")
    report.lost(losses(world, load.books))


def _dies(part: Part) -> None:
    part.kill()
    time.sleep(_DEAD)
    part.start()


def _kill_a_worker(part: Part, choice: random.Random) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        choice.choice(part.tree()[1:]).kill()
    time.sleep(_APART)

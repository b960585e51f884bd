"""The metrics of all server processes as Prometheus reads them.

prometheus_client's multiprocess mode: each process writes files of its own, whoever is asked adds them up.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from facade.observability.shared_folder import FOLDER

_LIVE_GAUGE = re.compile(r"gauge_live[a-z]+_([0-9]+)\.db")

__all__ = ["CONTENT_TYPE_LATEST", "exposition"]


def exposition(*others: Collector) -> bytes:
    """The metrics of every process, and those others know, in the text format.

    What a process that ended was using is no longer counted.
    """
    asked = CollectorRegistry()
    for other in others:
        asked.register(other)
    return _of_processes() + generate_latest(asked)


def _of_processes() -> bytes:
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest(REGISTRY)
    for pid in _pids(Path(folder)):
        if _lives(pid):
            continue
        # Another process may be asked, and tidy up, at the same time.
        with suppress(FileNotFoundError):
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _pids(folder: Path) -> set[int]:
    return {int(found[1]) for file in folder.iterdir() if (found := _LIVE_GAUGE.fullmatch(file.name))}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

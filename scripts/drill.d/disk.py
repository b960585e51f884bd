"""The disk of the trace store is full: nothing is answered that left no trace, and it is over when there is room."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests
from acts import Book
from load import Load
from report import Report
from verdict import losses
from world import World

# More than twice what /readyz wants to be left.
_SIZE = "160m"
_KEPT = 64 * 1024


def disk_full(report: Report) -> None:
    """The SQLite trace store has no room (a small tmpfs for root, else RLIMIT_FSIZE), then has again."""
    with _small_disk() as disk, World(sqlite_folder=disk, workers=1) as world:
        report.say(
            f"a tmpfs of {_SIZE}" if disk else "RLIMIT_FSIZE on the facade: no file grows (no tmpfs without privileges)"
        )
        load = Load(world, requests=report.requests // 2, seed=report.seed)
        load.run()
        report.lost(losses(world, load.books))
        with _no_room(world, disk):
            refused = Load(world, requests=60, seed=report.seed + 1, clients=4, patience=2.0, hopeless=60, first=10)
            refused.run()
        told = sum(len(book.told) for book in refused.books)
        report.say(f"while it was full: {told} acts told, {_given_up(refused.books)} answered 503 to the end")
        report.expect(seen=_given_up(refused.books) > 0, wanted=True, what="the disk was full")
        # What was not told may be repeated as it was: the client's own key settles it.
        _wait_until_ready(world)
        for book in refused.books:
            book.given_up.clear()
        after = Load(world, requests=report.requests // 2, seed=report.seed + 2, first=20)
        after.run()
        report.acts([*load.books, *refused.books, *after.books], "once full, once relieved; not started again")
        report.lost(losses(world, [*load.books, *refused.books, *after.books]))


def _given_up(books: list[Book]) -> int:
    return sum(len(book.given_up) for book in books)


@contextlib.contextmanager
def _small_disk() -> Iterator[Path | None]:
    """A tmpfs of a few megabytes, None where we may not mount one."""
    folder = Path(tempfile.mkdtemp(prefix="dmp-facade-drill-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)  # noqa: S607
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _no_room(world: World, disk: Path | None) -> Iterator[None]:
    if disk is not None:
        free = shutil.disk_usage(disk).free
        filler = disk / "filler"
        filler.write_bytes(b"\0" * max(0, free - _KEPT))
        yield
        filler.unlink()
        return
    size = max(file.stat().st_size for file in world.folder.glob("facade.db*"))
    pids = [process.pid for process in world.facades[0].tree()]
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + _KEPT, resource.RLIM_INFINITY)) for pid in pids]
    yield
    for pid, limit in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def _wait_until_ready(world: World) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if requests.get(world.base.replace("/fhir", "/readyz"), timeout=5).status_code == requests.codes.ok:
                return
        time.sleep(0.2)

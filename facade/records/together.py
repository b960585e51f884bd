"""Short writes of several threads in one transaction: the first waits for the disk, the others for the first.

Each request writes a trace. One transaction at a time can write; with one of its own each request would queue for the
disk, and in SQLite sleep while another process has the file. Whoever comes to the head of the queue writes for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from facade.domain.errors import FacadeError
from facade.records.prepared import Cursor

Result = TypeVar("Result")
_MOST = 100  # what one transaction takes, so that nobody else's waits long


class OneAtFault(Exception):
    """Trouble of the database with one write, not with the others of its transaction."""


class _Job(Generic[Result]):
    """One write: what it does, and what became of it."""

    def __init__(self, write: Callable[[Cursor], Result]) -> None:
        self.write = write
        self.done = False
        self._found: list[Result] = []
        self._error: Exception | None = None

    def ends(self, *found: Result, error: Exception | None = None) -> None:
        """It was written, or was not."""
        self._found, self._error, self.done = list(found), error, True

    def result(self) -> Result:
        """What it found. Raises its error."""
        if self._error is not None:
            raise self._error
        return self._found[0]


class Together:
    """The queue of one database in one process. ``transaction`` opens one: durable when it is left."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Cursor]]) -> None:
        self._transaction = transaction
        self._waiting: list[_Job[object]] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def run(self, write: Callable[[Cursor], Result], *, patience: float) -> Result:
        """What ``write`` returns, once it is durable. It touches nothing but its cursor: it may be run twice.

        Raises what it raises (the writes of others are not undone for it), what the transaction raises, and
        TimeoutError when ``patience`` seconds were not enough to be begun, or when the thread that wrote was stopped
        (KeyboardInterrupt, SystemExit).
        """
        job: _Job[Result] = _Job(write)
        with self._lock:
            self._waiting.append(job)  # type: ignore[arg-type]
        if not self._turn.acquire(timeout=patience):
            if self._gives_up(job):
                raise TimeoutError("the writes before this one did not finish in time")
            self._turn.acquire()  # somebody is writing it
        try:
            while not job.done:
                self._lead(self._next())
        finally:
            self._turn.release()
        return job.result()

    def _gives_up(self, job: _Job[Result]) -> bool:
        with self._lock:
            waits = job in self._waiting
            if waits:
                self._waiting.remove(job)  # type: ignore[arg-type]
            return waits

    def _next(self) -> list[_Job[object]]:
        with self._lock:
            jobs, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            return jobs

    def _lead(self, jobs: Sequence[_Job[object]]) -> None:
        if not jobs:
            raise TimeoutError("whoever took this write was stopped")
        try:
            self._write(jobs)
        except BaseException:
            # It is this thread that is stopped: the others are told, and go on.
            for job in jobs:
                if not job.done:
                    job.ends(error=TimeoutError("whoever was writing this was stopped"))
            raise

    def _write(self, jobs: Sequence[_Job[object]]) -> None:
        writing = False
        found: list[object] = []
        try:
            with self._transaction() as cursor:
                for job in jobs:
                    writing = True
                    found.append(job.write(cursor))
                    writing = False
        except Exception as error:  # noqa: BLE001 - whoever waits for this must hear of it
            # A mistake in one undoes all: each is tried by itself. Where the database is the trouble, all have it; and
            # a transaction whose end failed may have been made.
            of_one = isinstance(error, OneAtFault) or not isinstance(error, FacadeError)
            if writing and len(jobs) > 1 and of_one:
                for job in jobs:
                    self._write([job])
                return
            for job in jobs:
                job.ends(error=error)
        else:
            for job, each in zip(jobs, found, strict=True):
                job.ends(each)

"""A question about the outside world that health checks ask: never asked twice at once, never waited for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

_PATIENCE = 1.0
_KEPT = 0.25


class Probe(Generic[Answer]):
    """A question that may take long: asked by one thread of its own, its answer kept for a moment.

    Whoever asks waits a second at most, and gets ``pending`` when there is no answer by then.
    """

    def __init__(self, question: Callable[[], Answer], *, pending: Answer) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._question = question
        self._pending = pending
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._asked_at = 0.0

    def answer(self) -> Answer:
        """The answer, or ``pending``."""
        asked = self._current()
        try:
            return asked.result(_PATIENCE)
        except TimeoutError:
            return self._pending

    def _current(self) -> Future[Answer]:
        with self._lock:
            asked, now = self._asked, time.monotonic()
            if asked is None or (asked.done() and now - self._asked_at > _KEPT):
                asked = self._asked = self._thread.submit(self._question)
                self._asked_at = now
            return asked

"""How many requests one process works on, how many wait for their turn, and that the turn goes by order of arrival.

The promise: ``places`` requests at most are in work, ``queue`` more at most wait, each for a time its waiter chooses;
whoever comes beyond that is told so at once. A place that is given back goes to the one that waits longest and to
nobody else: under load no request overtakes another, so the slowest answers stay close to the median.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Lock

# What is answered however many requests wait, beside the queue: it must be cheap and wait for nothing.
ALWAYS = frozenset({"/healthz", "/metrics"})


class QueueFull(Exception):
    """Every place is taken and the queue is full."""


class Admission:
    """The places of one process, for threads and coroutines alike."""

    def __init__(self, places: int, queue: int) -> None:
        self._free = max(1, places)
        self._queue = queue
        self._waiting: deque[Future[None]] = deque()
        self._lock = Lock()

    def enter(self) -> Future[None]:
        """Ask for a place: the ticket is done when it is given, often at once. Raises QueueFull.

        To give up waiting, ``cancel`` the ticket; where that says False the place had just been given.
        """
        ticket: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                ticket.set_result(None)
                return ticket
            while self._waiting and self._waiting[0].cancelled():
                self._waiting.popleft()
            if len(self._waiting) >= self._queue and not self._forget_cancelled():
                raise QueueFull
            self._waiting.append(ticket)
        return ticket

    def leave(self) -> None:
        """Give a place back, to whoever waits longest."""
        with self._lock:
            while self._waiting:
                ticket = self._waiting.popleft()
                if ticket.set_running_or_notify_cancel():
                    break
            else:
                self._free += 1
                return
        ticket.set_result(None)

    def _forget_cancelled(self) -> bool:
        """Take those who gave up out of the queue; whether that made room."""
        self._waiting = deque(ticket for ticket in self._waiting if not ticket.cancelled())
        return len(self._waiting) < self._queue

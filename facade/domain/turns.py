"""Turns at the processor: large answers are read and written one after the other, small ones in between.

Threads that work on large answers at the same time keep each other from the interpreter's lock and from the memory they
just filled: together they take longer than one after the other, and light requests wait behind all of them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from threading import BoundedSemaphore

# Documents, or kilobytes of an answer, from which on a section is worth its turn.
LARGE_COUNT, LARGE_BYTES = 10, 64 * 1024


class Turns:
    """``at_once`` large sections at the same time in one process; 0: as many as there are."""

    def __init__(self, at_once: int = 0) -> None:
        self._turn = BoundedSemaphore(at_once) if at_once else None

    def of_count(self, documents: int) -> AbstractContextManager[object]:
        """A turn for a section that works on so many documents. It must not wait for anything but the processor."""
        return self._turn if self._turn and documents >= LARGE_COUNT else nullcontext()

    def of_bytes(self, size: int) -> AbstractContextManager[object]:
        """The same for an answer of so many bytes."""
        return self._turn if self._turn and size >= LARGE_BYTES else nullcontext()

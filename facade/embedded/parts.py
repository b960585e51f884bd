"""The processes of the demonstration: each with a group of its own, told to end when the demonstration dies."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

_PR_SET_PDEATHSIG = 1


class Part(Protocol):
    """A process, as ``subprocess.Popen`` shows it."""

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group too."""

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end. Raises TimeoutExpired when it takes longer than so many seconds."""


class _Fork:
    """A fork of this process. A part that shares its libraries with the demonstration has none left to import."""

    def __init__(self, serve: Callable[[], object], log: Path) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_alone, args=(serve, log))
        self._process.start()
        # Both do it: whichever comes first, a signal to the group finds it.
        _lead_a_group(self.pid)

    @property
    def pid(self) -> int:
        pid = self._process.pid
        if pid is None:
            raise ValueError("a process that was started has an id")
        return pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        if timeout is not None and self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a part of the demonstration", timeout)
        return self._process.exitcode


def program(command: Sequence[str], log: Path) -> Part:
    """Start a program; what it writes goes to the end of ``log``."""
    with log.open("ab") as output:
        started: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_us,  # noqa: PLW1509 - no thread runs in this process yet
        )
    return started


def fork(serve: Callable[[], object], log: Path) -> Part:
    """Run ``serve`` in a process of its own; what it writes goes to the end of ``log``. No thread may run here yet."""
    return _Fork(serve, log)


def signal_group(part: Part, number: signal.Signals) -> None:
    """Send a signal to a part and all it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(part.pid, number)


def _alone(serve: Callable[[], object], log: Path) -> None:
    """In the fork: nothing of the terminal or the standard output of the demonstration stays open."""
    _lead_a_group(0)
    _die_with_us()
    with log.open("ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    serve()


def _lead_a_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(pid, 0)


def _die_with_us() -> None:
    """Ask the kernel to end this child when the demonstration dies without a chance to tidy up (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

"""Child processes that are certain to end, and what a process tree costs: processor time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_END_SECONDS = 8.0
_REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class BenchFailed(RuntimeError):
    """A part of the benchmark did not start or did not answer; the message says which and what it last said."""


class Child:
    """A process in a session of its own (a Ctrl-C is ours to handle), told to end when we do."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._name = name
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(env),
                start_new_session=True,
                preexec_fn=_die_with_us,  # noqa: PLW1509 - no thread runs in this process
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Write one line to its standard input."""
        if self._process.stdin is None or self._process.poll() is not None:
            raise self._failure()
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, within: float) -> str:
        """The next line of its standard output. Raises BenchFailed when there is none in time."""
        output = self._process.stdout
        if output is None or not select.select([output], [], [], within)[0]:
            raise self._failure()
        line = output.readline()
        if not line:
            raise self._failure()
        return line.decode()

    def close(self) -> None:
        """End it: politely, and if it does not, by force. It ends its own children."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END_SECONDS)

    def _failure(self) -> BenchFailed:
        said = self._log.read_text(errors="replace")[-2000:]
        return BenchFailed(f"{self._name} did not start or did not answer:\n{said}")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore every request to end while we are ending anyway: a second Ctrl-C must not leave a process behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _REQUESTS_TO_END}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tree(leader: int) -> list[int]:
    """A process and all its descendants."""
    return [leader, *(child.pid for child in psutil.Process(leader).children(recursive=True))]


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of live processes since they started, by their own clocks (/proc counts in 10 ms)."""
    return sum(_cpu_of(pid) for pid in pids)


def peak_mb(pid: int | None) -> float:
    """The largest resident set since it started, in MB. None is this process."""
    return _status_mb(pid, "VmHWM")


def rss_mb(pid: int | None) -> float:
    """The resident set, in MB."""
    return _status_mb(pid, "VmRSS")


def pss_mb(pid: int | None) -> float:
    """The proportional set: shared pages counted once over all who share them, in MB."""
    for line in _proc(pid, "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def settle(pids: Sequence[int]) -> float:
    """Wait until a server has finished what it does after an answer; return its processor time."""
    before = cpu_seconds(pids)
    for _ in range(20):
        time.sleep(0.01)
        now = cpu_seconds(pids)
        if now - before < 0.0005:
            return now
        before = now
    return before


def _cpu_of(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3), as Linux computes it
    except OSError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def _status_mb(pid: int | None, name: str) -> float:
    for line in _proc(pid, "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _proc(pid: int | None, name: str) -> Path:
    return Path("/proc") / str(pid or os.getpid()) / name


def _die_with_us() -> None:
    """Ask the kernel to end the child when we die without a chance to tidy up."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

"""The hash chain of the traces: what is hashed, and what an examination of the chain can find. No database here.

Each trace holds SHA-256 over the hash of the one before and its own canonical JSON (référentiel DMP, EXI 18: traces
whose integrity can be shown). Without a key, a chain rewritten from end to end by someone who can write to the
database is only found by comparing its head with one noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

_ADDED_LATER = frozenset({"recipients"})
GENESIS = "0" * 64

Content = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the chain: the number and the hash of its last trace. ``seq`` 0 is the empty chain."""

    seq: int
    hash: str


class Fault(StrEnum):
    """What can be wrong with one place of the chain."""

    REMOVED = "removed"
    CHANGED = "changed"
    UNLINKED = "unlinked"
    TRUNCATED = "truncated"
    UNANNOUNCED = "unannounced"
    HEAD_CHANGED = "head-changed"


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """One fault found, at trace number ``seq``. ``text`` names numbers only, nothing of a trace's content."""

    seq: int
    fault: Fault
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """One trace as the chain sees it."""

    seq: int
    content: Content
    previous: str
    hash: str


def canonical(content: Content) -> bytes:
    """The one way to write a trace as bytes: JSON, sorted keys, no spaces, UTF-8.

    What was added to traces later is left out where it is empty: those written before keep the hash they have.
    """
    told = {name: value for name, value in content.items() if value or name not in _ADDED_LATER}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link_hash(previous: str, content: Content) -> str:
    """The hash of a trace, from the hash of the one before it."""
    return hashlib.sha256(previous.encode("ascii") + canonical(content)).hexdigest()


class Examination:
    """Walks a chain, link by link in the order of their numbers, from ``start`` (genesis or anchor)."""

    def __init__(self, start: ChainHead) -> None:
        self._last = start

    def see(self, link: Link) -> Iterator[ChainProblem]:
        """What is wrong with this link where it stands."""
        expected = self._last.seq + 1
        if link.seq > expected:
            yield ChainProblem(link.seq, Fault.REMOVED, f"traces {expected} to {link.seq - 1} are missing")
        elif link.seq < expected:
            yield ChainProblem(link.seq, Fault.UNANNOUNCED, f"trace {link.seq} stands before the start of the chain")
        elif link.previous != self._last.hash:
            yield ChainProblem(link.seq, Fault.UNLINKED, f"trace {link.seq} does not follow trace {self._last.seq}")
        if link_hash(link.previous, link.content) != link.hash:
            yield ChainProblem(link.seq, Fault.CHANGED, f"trace {link.seq} is not what was written")
        self._last = ChainHead(link.seq, link.hash)

    def end(self, head: ChainHead) -> Iterator[ChainProblem]:
        """What is wrong with the end of the chain, compared with where its head says it ends."""
        last = self._last
        if last.seq < head.seq:
            yield ChainProblem(head.seq, Fault.TRUNCATED, f"traces {last.seq + 1} to {head.seq} are missing at the end")
        elif last.seq > head.seq:
            yield ChainProblem(last.seq, Fault.UNANNOUNCED, f"traces after {head.seq} were not written by the facade")
        elif last.hash != head.hash:
            yield ChainProblem(last.seq, Fault.HEAD_CHANGED, f"trace {last.seq} is not the one the head names")

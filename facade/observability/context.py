"""The trace a request belongs to, read strictly and continued; known on every thread that works for the request.

W3C Trace Context (Recommendation, 23 November 2021), sections 3.2 (traceparent) and 3.3 (tracestate). What is not
well formed is as if it had not been sent: a new trace begins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

_NO_TRACE, _NO_SPAN, _NO_VERSION = "0" * 32, "0" * 16, "ff"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?")
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(rf"({_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS, _LONGEST_STATE = 32, 512
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: its correlation id, its trace, its own place in it (``span_id``) and that of whoever called.

    ``parent_id`` is empty where the trace begins here. ``state`` is the client's tracestate: it is handed on to the DMP
    and written nowhere, for a client may put anything into it.
    """

    correlation_id: str
    trace_id: str
    span_id: str
    parent_id: str = ""
    flags: int = 0
    state: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request made for this one."""
        headers = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        return headers | {"tracestate": self.state} if self.state else headers


_current: ContextVar[RequestContext | None] = ContextVar("dmp_facade_request", default=None)


def current() -> RequestContext | None:
    """The request this thread works for."""
    return _current.get()


def enter(context: RequestContext | None) -> None:
    """From here on this thread works for that request, or for none."""
    _current.set(context)


def read_context(correlation_id: str, traceparent: str, tracestate: str) -> RequestContext:
    """The context of a request from its headers, empty where it had none: its trace is continued, or begins here."""
    found = _PARENT.fullmatch(traceparent)
    if found is None or not _is_valid(*found.groups()):
        return RequestContext(correlation_id, os.urandom(16).hex(), os.urandom(8).hex())
    _, trace_id, parent_id, flags, _ = found.groups()
    # Of the flags only the first is defined in the version that is written.
    return RequestContext(
        correlation_id=correlation_id,
        trace_id=trace_id,
        span_id=os.urandom(8).hex(),
        parent_id=parent_id,
        flags=int(flags, 16) & _SAMPLED,
        state=tracestate if tracestate and _is_state(tracestate) else "",
    )


def at_span(context: RequestContext, trace_id: str, span_id: str, *, sampled: bool) -> RequestContext:
    """The same request at a span another made for it."""
    return replace(context, trace_id=trace_id, span_id=span_id, flags=int(sampled))


class ContextThreads(ThreadPoolExecutor):
    """Threads that work for the request that gave them the work."""

    def submit(self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        """As ``ThreadPoolExecutor.submit``."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


def _is_valid(version: str, trace_id: str, parent_id: str, flags: str, rest: str | None) -> bool:
    """A later version may add fields after a dash, version 00 has none."""
    del flags
    known = version != _NO_VERSION and (version != "00" or rest is None)
    return known and trace_id != _NO_TRACE and parent_id != _NO_SPAN


def _is_state(tracestate: str) -> bool:
    """Whether every member of the list is well formed and none comes twice. Longer ones may be dropped (3.3.1.5)."""
    if len(tracestate) > _LONGEST_STATE:
        return False
    members = [member for each in tracestate.split(",") if (member := each.strip(" \t"))]
    keys = [found[1] for member in members if (found := _MEMBER.fullmatch(member))]
    return 0 < len(members) == len(keys) == len(set(keys)) <= _MOST_MEMBERS

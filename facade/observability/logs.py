"""Structured logs, one JSON object a line on standard error. Routes are logged as patterns: a URL may hold an id.

Every line of a request carries its correlation id and its trace, whichever thread writes it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from facade.observability import foreign, metrics
from facade.observability.context import current

_log = structlog.get_logger("facade")
_PROBES = ("/healthz", "/readyz", "/metrics")
_OK = 200


def configure(level: str) -> None:
    """Set up our own logs."""
    structlog.configure(
        processors=[
            _of_the_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def own_process() -> None:
    """Of a process that is a server's and nobody else's: what libraries write and what nobody catches is tamed too."""
    foreign.tame(log_uncaught)


def log_request(route: str, method: str, status: int, seconds: float) -> None:
    """One line per HTTP request; of those machines make every few seconds, at DEBUG only."""
    write = _log.debug if route in _PROBES and status == _OK else _log.info
    write("http.request", route=route, method=method, status=status, ms=_milliseconds(seconds))


def log_dmp(transaction: str, result: str, seconds: float, message_id: str) -> None:
    """One line per DMP transaction. ``message_id`` is the wsa:MessageID last sent, a random UUID: empty if none was."""
    _log.info(
        "dmp.transaction", transaction=transaction, result=result, ms=_milliseconds(seconds), message_id=message_id
    )


def log_circuit(service: str, *, is_open: bool) -> None:
    """A service of the DMP is left alone from now on, or is asked again."""
    if is_open:
        _log.warning("dmp.circuit-open", service=service)
    else:
        _log.info("dmp.circuit-closed", service=service)


def log_emergency(purpose: str) -> None:
    """Alert: a record was opened in an emergency. Who, whose and why is in the trace of this correlation id only."""
    _log.warning("access.emergency", purpose=purpose)


def log_alert(criterion: str, severity: str, alert_id: str, *, suspends: bool) -> None:
    """Alert of supervision: which criterion was reached. Whose uses they are is told by the alert of this id only."""
    _log.warning("supervision.alert", criterion=criterion, severity=severity, alert=alert_id, suspends=suspends)


def log_settled(changes: int) -> None:
    """Changes whose process died before it could say what became of them: how many. Their traces say unknown."""
    _log.warning("trace.outcome-unknown", changes=changes)


def log_supervision_failed(kind: str) -> None:
    """The traces could not be looked through: the exception's class, never its message."""
    _log.error("supervision.failed", error=kind)


def log_unexpected(error: BaseException) -> None:
    """A defect in a request: the exception's class and where it was raised, never its message (it quotes data)."""
    metrics.observe_defect()
    _log.error("http.unexpected", error=type(error).__name__, where=place_of(error.__traceback__))


def log_uncaught(error: type[BaseException], trace: TracebackType | None) -> None:
    """A defect outside any request, on whichever thread."""
    metrics.observe_defect()
    _log.error("process.uncaught", error=error.__name__, where=place_of(trace))


def place_of(trace: TracebackType | None) -> str:
    """Function and line where an exception was raised, ``-`` when it is not known."""
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "-"


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _of_the_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = current()
    if context is not None:
        event["correlation_id"] = context.correlation_id
        event["trace_id"] = context.trace_id
        event["span_id"] = context.span_id
    return event

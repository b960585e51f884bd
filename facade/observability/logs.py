"""Structured logs, one JSON object a line on standard error. Routes are logged as patterns: a URL may hold an id."""

from __future__ import annotations

import logging
import sys

import structlog

_log = structlog.get_logger("facade")


def configure(level: str) -> None:
    """Set up structlog for the whole process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_request(route: str, method: str, status: int, correlation_id: str) -> None:
    """One line per HTTP request."""
    _log.info("http.request", route=route, method=method, status=status, correlation_id=correlation_id)


def log_emergency(purpose: str, correlation_id: str) -> None:
    """Alert: a record was opened in an emergency. Who, whose and why is in the trace of this correlation id only."""
    _log.warning("access.emergency", purpose=purpose, correlation_id=correlation_id)


def log_alert(criterion: str, severity: str, alert_id: str, *, suspends: bool) -> None:
    """Alert of supervision: which criterion was reached. Whose uses they are is told by the alert of this id only."""
    _log.warning("supervision.alert", criterion=criterion, severity=severity, alert=alert_id, suspends=suspends)


def log_supervision_failed(kind: str) -> None:
    """The traces could not be looked through: the exception's class, never its message."""
    _log.error("supervision.failed", error=kind)


def log_unexpected(kind: str, where: str, correlation_id: str) -> None:
    """A defect: the exception's class and where it was raised, never its message (it may quote health data)."""
    _log.error("http.unexpected", error=kind, where=where, correlation_id=correlation_id)

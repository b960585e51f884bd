"""Prometheus metrics: requests by route, DMP transactions by result. Labels come from closed lists only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

_REQUESTS = Counter("dmp_facade_requests_total", "HTTP requests", ["route", "method", "status"])
_DMP = Histogram(
    "dmp_facade_dmp_seconds",
    "Time of DMP transactions",
    ["transaction", "result"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30),
)
_OTHER_INS = Counter(
    "dmp_facade_entries_of_another_ins_total",
    "Document entries held under another INS than the one asked for (EX_3.1-1055)",
    ["shown"],
)
_ALERTS = Counter("dmp_facade_alerts_total", "Alerts of supervision (RECO 01)", ["criterion"])
_CERTIFICATE_END = Gauge(
    "dmp_facade_certificate_end_seconds",
    "When our certificates end, in seconds since 1970",
    ["certificate"],
    multiprocess_mode="mostrecent",
)


def observe_alert(criterion: str) -> None:
    """Count one alert of supervision by its criterion."""
    _ALERTS.labels(criterion).inc()


def observe_request(route: str, method: str, status: int) -> None:
    """Count one HTTP request by its route pattern."""
    _REQUESTS.labels(route, method, str(status)).inc()


def observe_dmp(transaction: str, seconds: float, result: str) -> None:
    """Record one DMP transaction: its name, seconds, and result code."""
    _DMP.labels(transaction, result).observe(seconds)


def observe_other_ins(*, kept: int, withheld: int) -> None:
    """Count entries under another INS: kept as the record's own, withheld as another person's."""
    _OTHER_INS.labels("yes").inc(kept)
    _OTHER_INS.labels("no").inc(withheld)


def watch_certificates(ends: Mapping[str, datetime]) -> None:
    """Show when each certificate ends, by its use."""
    for name, end in ends.items():
        _CERTIFICATE_END.labels(name).set(end.timestamp())

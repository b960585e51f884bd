"""Prometheus metrics: requests by route, DMP transactions by result. Labels come from closed lists only."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

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

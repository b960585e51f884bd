"""Prometheus metrics. Labels come from closed lists only: routes, acts, rules, result codes, services, uses.

Counts of decisions tell what exists: whoever may read them is a setting (``metrics_addresses``). Children of hot
metrics are looked up once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 120)
_APPEND_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10)
# Of a process that ended nothing is in use any more: its gauges of these modes end with it.
_SUM: Final = "livesum"

_REQUESTS = Counter("dmp_facade_requests_total", "HTTP requests", ["route", "method", "status"])
_REQUESTS_IN_FLIGHT = Gauge(
    "dmp_facade_requests_in_flight", "Requests being served: threads busy", multiprocess_mode=_SUM
)
_THREADS = Gauge("dmp_facade_threads", "Requests that can be served at once", multiprocess_mode=_SUM)
_BODIES = Gauge("dmp_facade_bodies_in_flight", "Request bodies being received", multiprocess_mode=_SUM)
_ACTS = Histogram(
    "dmp_facade_act_seconds", "Time of business acts, by how they ended", ["act", "outcome"], buckets=_SECONDS
)
_DMP = Histogram("dmp_facade_dmp_seconds", "Time of DMP transactions", ["transaction", "result"], buckets=_SECONDS)
_CIRCUIT = Gauge(
    "dmp_facade_circuit_open", "Processes that leave this service of the DMP alone", ["service"], multiprocess_mode=_SUM
)
_CONNECTIONS = Gauge("dmp_facade_dmp_connections_busy", "Exchanges with the DMP under way", multiprocess_mode=_SUM)
_CONNECTIONS_LIMIT = Gauge("dmp_facade_dmp_connections_limit", "Exchanges with the DMP at most", multiprocess_mode=_SUM)
_DATABASE = Gauge("dmp_facade_database_connections_busy", "Connections of the database in use", multiprocess_mode=_SUM)
_DATABASE_LIMIT = Gauge("dmp_facade_database_connections_limit", "Connections at most", multiprocess_mode=_SUM)
_DEFECTS = Counter("dmp_facade_defects_total", "Exceptions nobody expected")
_DECISIONS = Counter("dmp_facade_decisions_total", "Decisions of the access policy, as traced", ["rule", "effect"])
_EMERGENCIES = Counter("dmp_facade_emergencies_total", "Records opened in an emergency", ["purpose"])
_TRACES = Histogram(
    "dmp_facade_trace_append_seconds", "Time to append an access trace", ["result"], buckets=_APPEND_SECONDS
)
_TOKENS = Counter("dmp_facade_token_refusals_total", "Requests without a token to be believed", ["reason"])
_JWKS = Counter("dmp_facade_jwks_fetches_total", "Fetches of the issuers' keys", ["issuer_kind", "result"])
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
_BUILD = Gauge("dmp_facade_build_info", "The version that runs", ["version"], multiprocess_mode="mostrecent")


def describe_process(version: str, *, threads: int, dmp_connections: int, purposes: Iterable[str]) -> None:
    """Show what this process is and how much it can do at once; and zero of what an alert must see the first of."""
    for purpose in purposes:
        _EMERGENCIES.labels(purpose)
    for shown in ("yes", "no"):
        _OTHER_INS.labels(shown)
    for result in ("ok", "failed"):
        _trace(result)
    _BUILD.labels(version).set(1)
    _THREADS.set(threads)
    _CONNECTIONS_LIMIT.set(dmp_connections)


def request_begins() -> None:
    """Count a request that is being served."""
    _REQUESTS_IN_FLIGHT.inc()


def request_ends() -> None:
    """It was answered."""
    _REQUESTS_IN_FLIGHT.dec()


def observe_alert(criterion: str) -> None:
    """Count one alert of supervision by its criterion."""
    _ALERTS.labels(criterion).inc()


def observe_request(route: str, method: str, status: int) -> None:
    """Count one HTTP request by its route pattern."""
    _request(route, method, status).inc()


def body_begins() -> None:
    """Count a body that is being received."""
    _BODIES.inc()


def body_ends() -> None:
    """It was received, or given up."""
    _BODIES.dec()


def observe_act(act: str, outcome: str, seconds: float) -> None:
    """Record one business act: its name, how it ended (a class, no code), its time."""
    _act(act, outcome).observe(seconds)


def observe_dmp(transaction: str, seconds: float, result: str) -> None:
    """Record one DMP transaction: its name, seconds, and result code."""
    _dmp(transaction, result).observe(seconds)


def show_circuits(services: Iterable[str]) -> None:
    """Show the services of the DMP, none of them left alone."""
    for service in services:
        show_circuit(service, is_open=False)


def show_circuit(service: str, *, is_open: bool) -> None:
    """Show whether this process leaves a service of the DMP alone."""
    _CIRCUIT.labels(service).set(int(is_open))


def exchange_begins() -> None:
    """Count an exchange with the DMP that is under way."""
    _CONNECTIONS.inc()


def exchange_ends() -> None:
    """It is over."""
    _CONNECTIONS.dec()


def connection_taken() -> None:
    """Count a connection of the database that is in use."""
    _DATABASE.inc()


def connection_given_back() -> None:
    """It is free again."""
    _DATABASE.dec()


def show_database_limit(limit: int) -> None:
    """Show how many there may be."""
    _DATABASE_LIMIT.set(limit)


def observe_defect() -> None:
    """Count an exception nobody expected."""
    _DEFECTS.inc()


def observe_decision(rule: str, effect: str) -> None:
    """Count one decision by the rule that made it."""
    _decision(rule, effect).inc()


def observe_emergency(purpose: str) -> None:
    """Count one record opened in an emergency."""
    _EMERGENCIES.labels(purpose).inc()


def observe_trace(seconds: float, *, kept: bool) -> None:
    """Record one appending to the journal of traces."""
    _trace("ok" if kept else "failed").observe(seconds)


def observe_token_refusal(reason: str) -> None:
    """Count a request whose token was missing or not believed, by the code of the error."""
    _TOKENS.labels(reason).inc()


def observe_jwks(issuer_kind: str, *, fetched: bool) -> None:
    """Count a fetch of an issuer's keys."""
    _JWKS.labels(issuer_kind, "ok" if fetched else "failed").inc()


def observe_other_ins(*, kept: int, withheld: int) -> None:
    """Count entries under another INS: kept as the record's own, withheld as another person's."""
    _OTHER_INS.labels("yes").inc(kept)
    _OTHER_INS.labels("no").inc(withheld)


def watch_certificates(ends: Mapping[str, datetime]) -> None:
    """Show when each certificate ends, by its use."""
    for name, end in ends.items():
        _CERTIFICATE_END.labels(name).set(end.timestamp())


@cache
def _request(route: str, method: str, status: int) -> Counter:
    return _REQUESTS.labels(route, method, str(status))


@cache
def _act(act: str, outcome: str) -> Histogram:
    return _ACTS.labels(act, outcome)


@cache
def _dmp(transaction: str, result: str) -> Histogram:
    return _DMP.labels(transaction, result)


@cache
def _decision(rule: str, effect: str) -> Counter:
    return _DECISIONS.labels(rule, effect)


@cache
def _trace(result: str) -> Histogram:
    return _TRACES.labels(result)

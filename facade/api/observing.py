"""What is seen of every request, whatever becomes of it: its correlation id, its trace, a log line, a count, a span.

W3C Trace Context. The trace is not told back: ``traceresponse`` is no Recommendation, and ``X-Request-Id`` finds it.
"""

from __future__ import annotations

import re
import time
import uuid
from contextlib import ExitStack

from flask import Flask, Response, g, request

from facade.domain.ins import ins_key
from facade.observability import context, logs, metrics, spans

_CORRELATION = re.compile(r"^[A-Za-z0-9._-]{8,64}\Z")
# Hexadecimal, as a UUID or a W3C trace id is: no room for the words of a reason (EXI 02).
_WORDLESS = re.compile(r"^[0-9A-Fa-f-]{8,64}\Z")
# Overlapping ones too.
_MATRICULE = re.compile(r"(?=([0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{8}))")
_SAFE = ("GET", "HEAD", "OPTIONS")
# What a client may send is without bound, what is counted must not be.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _names_somebody(given: str) -> bool:
    """Whether a matricule INS stands in an id: it would be logged."""
    return any(ins_key(found[:13]) == int(found[13:]) for found in _MATRICULE.findall(given.upper()))


def observe_requests(app: Flask) -> None:
    """Begin before everything else that looks at a request, end after everything that makes its answer."""
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()
    # A page of the console asks the API while it is made: its own context comes back when that is answered.
    g.outer = context.current()
    metrics.request_begins()
    # Beside a statement of the patient nothing is kept, or handed on, that can hold a word.
    wordless = request.blueprint == "Consent" and request.method not in _SAFE
    headers = request.headers
    given = headers.get("X-Request-Id", "")
    accepted = (_WORDLESS if wordless else _CORRELATION).match(given) and not _names_somebody(given)
    g.correlation_id = given if accepted else str(uuid.uuid4())
    state = "" if wordless else headers.get("tracestate", "")
    found = context.read_context(g.correlation_id, headers.get("traceparent", ""), state)
    g.observed = ExitStack()
    g.span = g.observed.enter_context(spans.request_span(f"{_method()} {_route()}", found))
    place = spans.here()
    if place is not None:
        trace_id, span_id, sampled = place
        found = context.at_span(found, trace_id, span_id, sampled=sampled)
    context.enter(found)


def _answered(response: Response) -> Response:
    route, method, status = _route(), _method(), response.status_code
    metrics.observe_request(route, method, status)
    logs.log_request(route, method, status, time.perf_counter() - g.began)
    g.span.tell("http.request.method", method)
    g.span.tell("http.route", route)
    g.span.tell("http.response.status_code", status)
    g.span.tell("dmp_facade.correlation_id", g.correlation_id)
    return response


def _end(_error: BaseException | None) -> None:
    if "observed" in g:
        metrics.request_ends()
        g.observed.close()
        context.enter(g.outer)


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "-"


def _method() -> str:
    return request.method if request.method in _METHODS else "other"

"""W3C Trace Context to the letter, and the spans of one request joined with its client's and the DMP's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.observability.context import ContextThreads, current, enter, read_context
from tests.support.demo import RunningDemo, running_demo
from tests.support.otlp import Receiver, receiver

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (GOOD, 1),
        (f"00-{TRACE}-{PARENT}-00", 0),
        (f"00-{TRACE}-{PARENT}-ff", 1),
        (f"01-{TRACE}-{PARENT}-03", 1),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be", 1),
        (f"fe-{TRACE}-{PARENT}-01-", 1),
    ],
)
def test_a_trace_is_continued(traceparent: str, flags: int) -> None:
    found = read_context("id", traceparent, "")
    assert (found.trace_id, found.parent_id, found.flags) == (TRACE, PARENT, flags)
    assert found.span_id != PARENT
    assert found.headers == {"traceparent": f"00-{TRACE}-{found.span_id}-{flags:02x}"}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        GOOD.upper(),
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD},{GOOD}",
        f"{GOOD}-00",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-0g",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}0-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01.what-the-future-will-not-be",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE.replace('0', '٠')}-{PARENT}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace_and_its_tracestate_is_dropped(traceparent: str) -> None:
    found = read_context("id", traceparent, "vendor=value")
    assert re.fullmatch(r"[0-9a-f]{32}", found.trace_id)
    assert found.trace_id not in (TRACE, "0" * 32)
    assert (found.parent_id, found.state) == ("", "")


@pytest.mark.parametrize(
    "tracestate",
    ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "0tenant@vendor=x", "a=1 , b=2,,c=3", "a=b;c:d", "a-_*/=!~"],
)
def test_a_tracestate_is_handed_on_as_it_came(tracestate: str) -> None:
    assert read_context("id", GOOD, tracestate).headers["tracestate"] == tracestate


@pytest.mark.parametrize(
    "tracestate",
    ["a", "=1", "A=1", "a=", "a=1,a=2", "a=1=2", "a b=1", "a=é", "a=1\r\nX: y", "1a=x", "a@B=x", ",,", "a=1\x00"],
)
def test_what_is_no_tracestate_is_dropped_and_the_trace_continued(tracestate: str) -> None:
    found = read_context("id", GOOD, tracestate)
    assert (found.trace_id, "tracestate" in found.headers) == (TRACE, False)


def test_a_tracestate_that_is_too_long_is_dropped() -> None:
    many = ",".join(f"k{number}=1" for number in range(33))
    for tracestate in (many, f"a={'x' * 257}", f"{'a' * 257}=1", f"a={'x' * 250},b={'x' * 250},c=12345678"):
        assert "tracestate" not in read_context("id", GOOD, tracestate).headers


@given(traceparent=st.text(max_size=80), tracestate=st.text(max_size=80))
def test_whatever_comes_what_is_sent_is_well_formed(traceparent: str, tracestate: str) -> None:
    headers = read_context("id", traceparent, tracestate).headers
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", headers["traceparent"])
    assert "\n" not in headers.get("tracestate", "")


def test_threads_work_for_the_request_that_gave_them_the_work() -> None:
    first, second = (read_context(name, "", "") for name in ("first", "second"))
    with ContextThreads(1) as threads, ThreadPoolExecutor(1) as plain:
        enter(first)
        of_first = threads.submit(current)
        enter(second)
        assert (of_first.result(), threads.submit(current).result()) == (first, second)
        assert plain.submit(current).result() is None, "or this test could not fail"
    enter(None)


@pytest.fixture(scope="module")
def received() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def traced(received: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_OTEL_ENDPOINT", received.endpoint)
        with running_demo(tmp_path_factory.mktemp("traced")) as running:
            yield running


def test_the_spans_of_a_search_are_one_trace_with_its_client(traced: RunningDemo, received: Receiver) -> None:
    answer = traced.search("nurse", "adult", {"traceparent": GOOD, "tracestate": "vendor=kept-out-of-spans"})
    assert answer.status_code == 200
    received.wait(lambda: any(span.name.startswith("GET") for span in received.of_trace(TRACE)))
    spans = received.of_trace(TRACE)
    by_id = {span.span_id: span for span in spans}
    parents = {span.name: by_id[span.parent_span_id].name for span in spans if span.parent_span_id in by_id}
    route, act = "GET /fhir/DocumentReference", "act find-documents"
    [request] = [span for span in spans if span.name == route]
    assert request.parent_span_id.hex() == PARENT
    assert parents | {"DMP TD0.2": act, "DMP TD3.1": act, act: route} == parents
    assert parents["database transaction"] in (route, act)
    assert not any(span.trace_state or span.events for span in spans)
    told = {attribute.key: attribute.value.string_value for attribute in request.attributes}
    assert told["http.route"] == "/fhir/DocumentReference"
    assert told["dmp_facade.correlation_id"] == answer.headers["X-Request-Id"]


def test_a_client_that_is_not_sampled_makes_no_spans(traced: RunningDemo, received: Receiver) -> None:
    silent, heard = "1" * 32, "2" * 32
    traced.search("nurse", "adult", {"traceparent": f"00-{silent}-{PARENT}-00"})
    traced.search("nurse", "adult", {"traceparent": f"00-{heard}-{PARENT}-01"})
    received.wait(lambda: any(span.name.startswith("GET") for span in received.of_trace(heard)))
    assert received.of_trace(silent) == []


def test_what_comes_without_a_trace_begins_one(traced: RunningDemo, received: Receiver) -> None:
    answer = traced.search("nurse", "adult")
    wanted = answer.headers["X-Request-Id"]
    received.wait(lambda: any(wanted.encode() in raw for raw in received.raw))
    [request] = [span for span in received.spans if wanted in str(span.attributes)]
    assert request.parent_span_id == b""
    assert len(received.of_trace(request.trace_id.hex())) >= 4


_PROGRAM = """
import sys
import facade.app
from facade.observability import spans
with spans.span("x") as span:
    span.tell("a", 1)
print([name for name in sys.modules if name.startswith("opentelemetry")], spans.here())
"""


def test_without_the_setting_nothing_of_opentelemetry_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] None\n"

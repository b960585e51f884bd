"""Spans of OpenTelemetry, where a setting says where they go; without it nothing of it is imported and nothing costs.

What a span says of a request: its route pattern, its act, the DMP transaction, the kind of database transaction, a
status or result code, times. No exception is recorded: its message may quote health data. The client's tracestate is
not put into a span either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal, Protocol

from facade.observability.context import RequestContext

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

Kind = Literal["SERVER", "CLIENT", "INTERNAL"]
_TRACES = "/v1/traces"
_EVERY_MILLISECONDS = 1000


class Span(Protocol):
    """What may be said about a span: closed words and numbers."""

    def tell(self, name: str, value: str | int) -> None:
        """Add an attribute."""

    def failed(self, code: str) -> None:
        """It ended with this error code."""


class _Nothing:
    def tell(self, name: str, value: str | int) -> None:
        pass

    def failed(self, code: str) -> None:
        pass


_NOTHING: AbstractContextManager[Span] = nullcontext(_Nothing())
_tracers: list[Tracer] = []


def export_to(endpoint: str, *, version: str, ratio: float) -> None:
    """Send the spans of this process to an OTLP receiver (HTTP, protobuf), ``endpoint`` without ``/v1/traces``.

    ``ratio`` of the traces that begin here is kept; where the client decided, its decision holds. Raises ValueError
    when the packages of the extra ``otel`` are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
    except ImportError:
        raise ValueError("otel_endpoint is set: install dmp-facade with its extra, dmp-facade[otel]") from None
    resource = Resource.create({"service.name": "dmp-facade", "service.version": version})
    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(ratio), resource=resource)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _TRACES)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EVERY_MILLISECONDS))
    _tracers[:] = [provider.get_tracer("facade", version)]


def exporting() -> bool:
    """Whether spans are made at all."""
    return bool(_tracers)


def span(name: str, kind: Kind = "INTERNAL") -> AbstractContextManager[Span]:
    """A span of what is done in the block, inside the one that is open."""
    return _live(_tracers[0], name, kind, None) if _tracers else _NOTHING


def request_span(name: str, context: RequestContext) -> AbstractContextManager[Span]:
    """The span of a request: a child of its client's where that sent one."""
    return _live(_tracers[0], name, "SERVER", context) if _tracers else _NOTHING


def here() -> tuple[str, str, bool] | None:
    """Trace id, span id and whether it is sampled, of the span that is open; None where there is none."""
    if not _tracers:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - only where spans are made

    found = get_current_span().get_span_context()
    return (f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled) if found.is_valid else None


@contextmanager
def _live(tracer: Tracer, name: str, kind: Kind, request: RequestContext | None) -> Iterator[Span]:
    from opentelemetry import context as otel_context  # noqa: PLC0415 - only where spans are made
    from opentelemetry.trace import SpanKind, use_span  # noqa: PLC0415

    # A request belongs to no span an earlier one may have left on this thread.
    parent = None if request is None else _parent(request) or otel_context.Context()
    made = tracer.start_span(name, context=parent, kind=SpanKind[kind], record_exception=False)
    with use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield _Told(made)


def _parent(request: RequestContext) -> Context | None:
    from opentelemetry.trace import (  # noqa: PLC0415 - only where spans are made
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    if not request.parent_id:
        return None
    trace_id, span_id = int(request.trace_id, 16), int(request.parent_id, 16)
    caller = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(request.flags))
    return set_span_in_context(NonRecordingSpan(caller))


class _Told:
    def __init__(self, made: OtelSpan) -> None:
        self._made = made

    def tell(self, name: str, value: str | int) -> None:
        self._made.set_attribute(name, value)

    def failed(self, code: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - only where spans are made

        self._made.set_attribute("error.type", code)
        self._made.set_status(StatusCode.ERROR)

"""What the gateway tells of its exchanges with the DMP: to the log, the metrics and the trace, at one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from facade.domain.errors import DmpRefused, FacadeError
from facade.observability import context, logs, metrics, spans

_OTHER = "other"


class DmpObserver:
    """Implements ``facade.dmp.channel.Observer``. ``codes`` are the result codes there may be: others are ``other``.

    A code comes from the DMP as free text: what is on no list is neither logged nor made a label.
    """

    def __init__(self, codes: Iterable[str], services: Iterable[str]) -> None:
        self._codes = frozenset(codes)
        metrics.show_circuits(services)

    @contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """Around each transaction."""
        with spans.span(f"DMP {name}", "CLIENT") as span:
            span.tell("dmp_facade.transaction", name)
            try:
                yield
            except FacadeError as error:
                span.failed(self._listed(error.code if isinstance(error, DmpRefused) else error.problems[0].code))
                raise

    def ended(self, name: str, seconds: float, result: str, message_id: str) -> None:
        """A transaction is over."""
        code = self._listed(result)
        logs.log_dmp(name, code, seconds, message_id)
        metrics.observe_dmp(name, seconds, code)

    def headers(self) -> Mapping[str, str]:
        """The W3C Trace Context of a message that is about to be sent."""
        request = context.current()
        if request is None:
            return {}
        place = spans.here()
        if place is not None:
            trace_id, span_id, sampled = place
            request = context.at_span(request, trace_id, span_id, sampled=sampled)
        return request.headers

    def circuit(self, service: str, *, is_open: bool) -> None:
        """A service is left alone from now on, or is asked again."""
        logs.log_circuit(service, is_open=is_open)
        metrics.show_circuit(service, is_open=is_open)

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """Around each exchange."""
        metrics.exchange_begins()
        try:
            yield
        finally:
            metrics.exchange_ends()

    def _listed(self, code: str) -> str:
        return code if code in self._codes else _OTHER

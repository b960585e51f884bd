"""An observer of the gateway that keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class ToldObserver:
    """``facade.dmp.channel.Observer``. ``trace`` are the headers it gives each message."""

    def __init__(self, trace: Mapping[str, str] | None = None) -> None:
        self.trace = dict(trace or {})
        self.ended_as: list[tuple[str, str]] = []
        self.message_ids: list[str] = []
        self.circuits: list[tuple[str, bool]] = []
        self.under_way = 0

    @contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        assert name.startswith("TD")
        yield

    def ended(self, name: str, seconds: float, result: str, message_id: str) -> None:
        assert seconds >= 0
        self.ended_as.append((name, result))
        self.message_ids.append(message_id)

    def headers(self) -> Mapping[str, str]:
        return self.trace

    def circuit(self, service: str, *, is_open: bool) -> None:
        self.circuits.append((service, is_open))

    @contextmanager
    def exchange(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

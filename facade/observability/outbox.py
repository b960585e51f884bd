"""The figures of the outbox as Prometheus reads them. Labels are states, endings and reasons, all of closed lists.

The senders listen to nobody, and several share one outbox: each server tells what the database holds, and all of them
tell the same. Where there are several it is their maximum that counts, not their sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from facade.domain.mail import OutboxFigures


class OutboxCollector(Collector):
    """Figures that were read ``now``, as metrics; none where there are none to be had."""

    def __init__(self, figures: OutboxFigures | None, now: datetime) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Four metrics."""
        figures = self._figures
        if figures is None:
            return
        waiting = GaugeMetricFamily("dmp_facade_mail_waiting", "Messages that wait, by state", labels=["state"])
        oldest = GaugeMetricFamily(
            "dmp_facade_mail_oldest_waiting_seconds",
            "How long the first of them has waited, by state; 0 where none waits",
            labels=["state"],
        )
        for state, found in figures.waiting.items():
            waiting.add_metric([state.value], found.count)
            # Queued by another host, whose clock may be ahead.
            waited = (self._now - found.since).total_seconds() if found.since else 0.0
            oldest.add_metric([state.value], max(waited, 0.0))
        yield from (waiting, oldest)
        ended = CounterMetricFamily("dmp_facade_mail_ended_total", "Messages that ended, by how", labels=["result"])
        for ending, count in figures.ended.items():
            ended.add_metric([ending.value], count)
        failed = CounterMetricFamily(
            "dmp_facade_mail_failed_attempts_total",
            "Attempts that failed and are made again, by why",
            labels=["reason"],
        )
        for reason, count in figures.failed.items():
            failed.add_metric([reason], count)
        yield from (ended, failed)

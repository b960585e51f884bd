"""Whose access is suspended, read again every few seconds: every request asks, the answer is nearly always nobody."""

from __future__ import annotations

import time

from facade.records.alerts import Alerts

_SECONDS = 2.0


class Suspensions:
    """The suspensions as they were at most two seconds ago, on every process and host."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._read: tuple[float, frozenset[tuple[str, str]]] = (float("-inf"), frozenset())

    def hold(self, person: str, structure: str) -> bool:
        """Whether this person's access through this structure is suspended. Raises RecordsUnavailable."""
        since, suspended = self._read
        if time.monotonic() - since > _SECONDS:
            suspended = self._alerts.suspended()
            self._read = (time.monotonic(), suspended)
        return (person, structure) in suspended

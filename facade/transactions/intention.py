"""What an act is about to change, kept before it does: whenever this process dies, the change leaves a trace (EXI 18).

One commit before the change; the commit that writes the traces of the act removes what was kept here. What a dead
process left is made into traces by the next round of any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from facade.domain.errors import FacadeError, Problem
from facade.observability.logs import log_settled
from facade.records.engine import RecordsUnavailable
from facade.records.traces import Trace
from facade.transactions.services import Services

_RETRY_AFTER = 5
# An act of several changes says so often that it goes on; most take a second.
_ALIVE = timedelta(seconds=30)


class Intention:
    """The intents of one act. ``id`` is empty as long as it changes nothing."""

    def __init__(self, services: Services) -> None:
        self.id = ""
        self._services = services
        self._heard_of = services.clock()
        self._declared: set[tuple[str, str, str]] = set()

    def declare(self, traces: Sequence[Trace]) -> None:
        """Keep the traces of what is about to be done, those that are not kept yet; durable when this returns.

        Asked again, much later, it says that this process is alive. Raises FacadeError ``trace.intent-unavailable``:
        the act is then not done. Raises RuntimeError where there is nothing: an act is judged before it is done.
        """
        now = self._services.clock()
        new = [trace for trace in traces if _key(trace) not in self._declared]
        if new:
            self._write(new)
        elif not self._declared:
            raise RuntimeError("an act is judged before it is done")
        elif now - self._heard_of > _ALIVE:
            self._renew()
        else:
            return
        self._heard_of = now

    def _write(self, traces: Sequence[Trace]) -> None:
        services = self._services
        self.id = self.id or services.new_uuid()
        try:
            services.intents.declare(self.id, traces, now=services.clock(), first=len(self._declared))
        except Exception as error:
            # Whatever the storage says; the cause stays in the exception chain.
            raise FacadeError(Problem("trace.intent-unavailable"), retry_after=_RETRY_AFTER) from error
        self._declared |= {_key(trace) for trace in traces}

    def _renew(self) -> None:
        # Where that cannot be written the act goes on all the same: its intents are old only much later.
        with suppress(RecordsUnavailable):
            self._services.intents.renew(self.id, now=self._services.clock())


def _key(trace: Trace) -> tuple[str, str, str]:
    return trace.act, trace.document, trace.document_unique_id


def settle_intents(services: Services) -> None:
    """Make traces of what dead processes left. Every process of every host may do so at the same time.

    Raises RecordsUnavailable; what was not settled then is next time.
    """
    settled = services.intents.settle(services.clock() - timedelta(seconds=services.settings.intent_seconds))
    if settled:
        log_settled(settled)

"""The thread of each server process that does what no request asks for.

It writes the traces of changes whose process died, removes preloads in time and fetches those that are due.
It may be killed at any moment: what it was fetching is begun again by another process when its lease ends.
"""

from __future__ import annotations

import threading
from random import SystemRandom

from facade.domain.errors import FacadeError
from facade.observability.logs import log_uncaught
from facade.transactions.intention import settle_intents
from facade.transactions.preload_sweep import sweep_preloads
from facade.transactions.services import Services

_CHORES = (settle_intents, sweep_preloads)
_RANDOM = SystemRandom()


def start_sweeper(services: Services) -> threading.Thread:
    """Start sweeping, first at once: what ended while nobody served is removed before anything else."""
    thread = threading.Thread(target=_sweep_for_ever, args=(services,), name="sweeper", daemon=True)
    thread.start()
    return thread


def _sweep_for_ever(services: Services) -> None:
    pause = threading.Event()
    while True:
        for chore in _CHORES:
            try:
                chore(services)
            except FacadeError:
                pass  # the database is not there now: /readyz says so, and the next round comes
            except Exception as error:  # noqa: BLE001 - a thread that ends would leave data in place past its time
                log_uncaught(type(error), error.__traceback__)
        # Not all processes at the same instant.
        pause.wait(services.settings.preload.sweep_seconds * _RANDOM.uniform(0.8, 1.2))

"""One round of what is done without a request: remove what is over, fetch what is due."""

from __future__ import annotations

from facade.transactions import preload_terms as terms
from facade.transactions.preload_fetch import fetch_due
from facade.transactions.services import Services

_AT_ONCE = 10


def sweep_preloads(services: Services) -> None:
    """Remove, then fetch a few of those due. Raises RecordsUnavailable; what an order fails by stays with the order.

    Every process of every host may do so at the same time: each order is taken by one of them.
    """
    now = services.clock()
    services.preloads.sweep(now, terms.settled_for(services))
    if not services.settings.preload.enabled:
        return
    for preload_id in services.preloads.due(now, _AT_ONCE):
        fetch_due(services, preload_id)

"""Whether this facade can serve: database, DMP reachable, certificates valid for more than seven days."""

from __future__ import annotations

from datetime import timedelta

from facade.transactions.services import Services

_LONG_ENOUGH = timedelta(days=7)


def readiness(services: Services) -> list[str]:
    """What is not usable, in words without any secret; empty when all is."""
    problems = []
    if (database := services.database.ping()) is not None:
        problems.append(f"database: {database}")
    if (dmp := services.gateway.probe()) is not None:
        problems.append(f"dmp: {dmp}")
    limit = services.clock() + _LONG_ENOUGH
    for name, expiry in services.gateway.certificate_expiry().items():
        if expiry <= limit:
            problems.append(f"certificate {name} expires on {expiry:%Y-%m-%d}")
    return problems

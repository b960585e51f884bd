"""Whether this facade can serve: database, DMP reachable, certificates valid for more than seven days.

And what will stop it soon: the end of a structure's AIR self-homologation is told sixty days before (EXI 29), that of
a certificate as well.
"""

from __future__ import annotations

from datetime import timedelta

from facade.domain.caller import Structure
from facade.policy.access import homologation_warning
from facade.transactions.services import Services

_LONG_ENOUGH = timedelta(days=7)
_SOON = timedelta(days=60)


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


def warnings(services: Services) -> list[str]:
    """Structures whose homologation ends soon or has ended: their professionals can then no longer read (EXI 29).

    And our certificates that end soon: a new one takes weeks to order.
    """
    now = services.clock()
    found = [
        f"certificate {name} ends on {end:%Y-%m-%d}, renew it"
        for name, end in services.gateway.certificate_expiry().items()
        if now + _LONG_ENOUGH < end <= now + _SOON
    ]
    for structure in services.settings.structures:
        end = structure.homologated_until
        left = homologation_warning(
            Structure(structure.id, structure.name, structure.sector, end), now, services.policy
        )
        if end is None:
            found.append(f"structure {structure.id} has no homologation: it can feed but not read (EXI 29)")
        elif left is not None and left < 0:
            found.append(f"structure {structure.id}: homologation ended on {end:%Y-%m-%d} (EXI 29)")
        elif left is not None:
            found.append(f"structure {structure.id}: homologation ends on {end:%Y-%m-%d}, renew it (EXI 29)")
    return found

"""Whether this facade can serve, and what will stop it soon. Asked often, by machines: it waits for nobody long.

Not ready: the database or its tables, its disk, the DMP, a certificate that ends within seven days, issuers none of
whose keys can be had. Soon: the end of a structure's AIR self-homologation, sixty days before (EXI 29), that of a
certificate as well; a service of the DMP that is left alone for a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from facade.domain.caller import Structure
from facade.policy.access import homologation_warning
from facade.transactions.services import Services

_LONG_ENOUGH = timedelta(days=7)
_SOON = timedelta(days=60)
_MEGABYTE = 1024 * 1024
_LEAST_DISK = 64 * _MEGABYTE
_LITTLE_DISK = 1024 * _MEGABYTE


def readiness(services: Services) -> list[str]:
    """What is not usable, in words without any secret; empty when all is."""
    problems = []
    if (database := services.database.ping()) is not None:
        problems.append(f"database: {database}")
    elif (disk := _disk(services, _LEAST_DISK)) is not None:
        problems.append(disk)
    if (dmp := services.dmp_probe.answer()) is not None:
        problems.append(f"dmp: {dmp}")
    limit = services.clock() + _LONG_ENOUGH
    for name, expiry in services.gateway.certificate_expiry().items():
        if expiry <= limit:
            problems.append(f"certificate {name} expires on {expiry:%Y-%m-%d}")
    without_keys = services.verifier.issuers_without_keys()
    if without_keys and len(without_keys) == len(services.settings.issuers):
        problems.append("identity: no issuer's keys can be had, no token can be verified")
    return problems


def warnings(services: Services) -> list[str]:
    """What ends soon, or works in part only: a new certificate takes weeks to order.

    A structure whose homologation has ended cannot read any more (EXI 29).
    """
    now = services.clock()
    return [
        *_certificates(services, now),
        *_structures(services, now),
        *(f"dmp: {service} is left alone for a while" for service in services.gateway.open_circuits()),
        *(f"identity: keys of an issuer of kind {kind} cannot be had" for kind in _without_keys(services)),
        *filter(None, [_disk(services, _LITTLE_DISK)]),
    ]


def _certificates(services: Services, now: datetime) -> list[str]:
    return [
        f"certificate {name} ends on {end:%Y-%m-%d}, renew it"
        for name, end in services.gateway.certificate_expiry().items()
        if now + _LONG_ENOUGH < end <= now + _SOON
    ]


def _structures(services: Services, now: datetime) -> list[str]:
    found = []
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


def _without_keys(services: Services) -> list[str]:
    return [kind.value for kind in services.verifier.issuers_without_keys()]


def _disk(services: Services, least: int) -> str | None:
    free = services.database.free_bytes()
    return f"disk: {free // _MEGABYTE} MB left beside the database" if free is not None and free < least else None

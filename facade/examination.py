"""What is usable of an installation and what will soon not be: for ``dmp-facade check`` and the homologation file."""

from __future__ import annotations

from dataclasses import dataclass

from facade.mailroom import diagnose
from facade.settings import Settings
from facade.tls import problems as tls_problems
from facade.transactions.readiness import readiness, warnings
from facade.wiring import wire


@dataclass(frozen=True, slots=True)
class Examination:
    """In words without any secret: what is not usable, and what will stop the facade soon."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(settings: Settings) -> Examination:
    """Try settings, certificates, database and DMP. A setting that is missing or wrong is a problem too."""
    try:
        services = wire(settings)
        found = [
            *tls_problems(settings, services.clock()),
            *readiness(services),
            *services.gateway.diagnose(),
            *diagnose(settings),
        ]
        return Examination(tuple(dict.fromkeys(found)), tuple(warnings(services)))
    except ValueError as error:
        return Examination((str(error),), ())

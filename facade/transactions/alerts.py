"""GET /Flag: the alerts of supervision on uses in the caller's own structure (RECO 01).

They are for whoever answers for the uses: the structure's own software, and the professionals the installation names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade import knowledge
from facade.domain.access import Decision, Effect
from facade.domain.caller import CallerKind
from facade.records.alerts import Alert
from facade.transactions.actor import Actor
from facade.transactions.own_lists import require_list
from facade.transactions.services import Services
from facade.translation.flag_out import FlagFacts, flag

_OWN = Decision(Effect.PERMIT, "supervision.own-structure", "référentiel DMP, RECO 01")
_MANUAL = {"fr": "Suspension décidée par la structure", "en": "Suspension decided by the structure"}


@dataclass(frozen=True, slots=True)
class WantedAlerts:
    """Which alerts, and which part of them; None is any. ``active`` are those not released."""

    active: bool | None = None
    ids: frozenset[str] | None = None
    offset: int = 0
    count: int = 50
    language: str = "fr"


@dataclass(frozen=True, slots=True)
class FoundAlerts:
    """``total`` counts all that fit, ``resources`` holds the page."""

    total: int
    resources: list[dict[str, Any]]


def find_alerts(services: Services, actor: Actor, wanted: WantedAlerts) -> FoundAlerts:
    """The alerts of the caller's structure, newest first. Raises Refused for everybody who does not answer for it."""
    caller = actor.caller
    readers = {reader.get_secret_value() for reader in services.settings.supervision.readers}
    answers = {CallerKind.STRUCTURE} | ({CallerKind.PROFESSIONAL} if caller.id in readers else set())
    require_list(services, actor, "list-alerts", _OWN, answers)
    found = [alert for alert in services.alerts.of_structure(caller.structure.id) if _fits(alert, wanted)]
    page = found[wanted.offset : wanted.offset + wanted.count]
    return FoundAlerts(len(found), [flag(_facts(alert, wanted.language)) for alert in page])


def _fits(alert: Alert, wanted: WantedAlerts) -> bool:
    if wanted.active is not None and wanted.active is not (alert.released_at is None):
        return False
    return wanted.ids is None or alert.id in wanted.ids


def _facts(alert: Alert, language: str) -> FlagFacts:
    texts = {row["criterion"]: row[f"text_{language}"] for row in knowledge.rows("supervision/criteria.csv")}
    return FlagFacts(
        id=alert.id,
        criterion=alert.criterion,
        text=texts.get(alert.criterion, _MANUAL[language]),
        severity=alert.severity,
        person=alert.person,
        structure=alert.structure,
        first=alert.first,
        last=alert.last,
        count=alert.count,
        raised=alert.raised_at,
        released=alert.released_at,
        suspends=alert.suspends,
    )

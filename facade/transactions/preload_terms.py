"""When a preload may be fetched, when it is, and until when it is held; and how the act is judged.

Référentiel EXI 11 and EXI 12: fetched three days before the appointment at the earliest, removed three days after it
was fetched at the latest, or when the episode of care is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from facade import knowledge
from facade.domain.access import Preloading
from facade.domain.document import XdsTime
from facade.domain.dossier import Dossier
from facade.domain.errors import Refused
from facade.domain.preload import PreloadOrder
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.translation.preload_tables import PreloadTables
from facade.translation.times import to_instant

# An appointment whose end is not told: nothing is fetched for it any more a day after it began.
_EPISODE = timedelta(days=1)
# The act is judged by the order and the caller alone: what the DMP says is judged when it is asked.
NOT_ASKED = Dossier(exists=False)


@cache
def tables() -> PreloadTables:
    """The codes of a Task that preloads."""
    return PreloadTables.from_rows(knowledge.rows)


def opens(services: Services, order: PreloadOrder) -> datetime:
    """From when on data may be fetched."""
    return order.start - timedelta(hours=services.settings.preload.window_hours)


def closes(order: PreloadOrder) -> datetime:
    """From when on nothing is fetched any more."""
    return order.end or order.start + _EPISODE


def due(services: Services, order: PreloadOrder, now: datetime) -> datetime | None:
    """When it is fetched without being asked for: late enough to be held still when the patient comes."""
    settings = services.settings.preload
    if not settings.automatic:
        return None
    lead = min(settings.lead_hours, settings.window_hours, settings.retention_hours)
    return max(now, order.start - timedelta(hours=lead))


def expires(services: Services, order: PreloadOrder, fetched: datetime) -> datetime:
    """When what was fetched is removed at the latest."""
    latest = fetched + timedelta(hours=services.settings.preload.retention_hours)
    return min(latest, order.end) if order.end else latest


def settled_for(services: Services) -> timedelta:
    """How long a preload that is over is still told of, and counted: as long as its data could have been held."""
    return timedelta(hours=services.settings.preload.retention_hours)


def asked(order: PreloadOrder, *, fetching: bool = False, documents: int = 0, patients: int = 1) -> Preloading:
    """What the policy judges an order, or its fetch, by."""
    return Preloading(order.start, closes(order), fetching, documents, patients)


def judge(case: Case, order: PreloadOrder, preloading: Preloading) -> None:
    """Judge the act ``preload``. Raises Refused, its numbers said."""
    case.preloads(preloading)
    limits = case.services.settings.preload
    over = preloading.documents > limits.documents
    try:
        case.precheck()
        case.require(NOT_ASKED)
    except Refused as refused:
        values = {
            "hours": f"{limits.window_hours:g}",
            "days": str(limits.order_days),
            "opens": to_instant(XdsTime.at(opens(case.services, order))),
            "documents": str(limits.documents),
            "patients": str(limits.patients),
            "asked": str(preloading.documents if over else preloading.patients),
        }
        raise Refused(refused.decision, values=values) from None

"""GET /Task: what this facade was asked to send or to preload, and how far it got.

The Task of a message belongs to the structure it was asked for, and nobody else is told that it exists; its reader is
told no more than that reader may know (``mail_tasks``). That of a preload belongs to the professional who ordered it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Decision, Effect
from facade.domain.caller import Caller, CallerKind
from facade.domain.errors import NotFound
from facade.domain.ins import INS
from facade.transactions import mail_tasks
from facade.transactions.actor import Actor
from facade.transactions.own_lists import require_list
from facade.transactions.preload_orders import Wanted as PreloadsWanted
from facade.transactions.preload_orders import find_preloads
from facade.transactions.services import Services

_OWN = Decision(Effect.PERMIT, "task.own-structure", "référentiel socle MSSanté no 2, CONF.17")
_ACT = "read-tasks"
PRELOAD, SEND = "preload", "send"
KINDS = (PRELOAD, SEND)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which Tasks: of these kinds, statuses and ids (None: all), about a patient, which page of them."""

    kinds: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    patient: INS | None = None
    offset: int = 0
    count: int = 50


def read_task(services: Services, actor: Actor, task_id: str, language: str) -> dict[str, Any]:
    """One Task of the caller's structure. Raises NotFound, Refused."""
    require_list(services, actor, _ACT, _OWN, two_factors=False)
    found = mail_tasks.read(services, actor, task_id, language)
    if found is None:
        raise NotFound.of("task.unknown")
    return found


def find_tasks(services: Services, actor: Actor, wanted: Wanted, language: str) -> tuple[int, list[dict[str, Any]]]:
    """How many Tasks fit, and a page of them: own preloads, then messages of the structure, the latest of each first.

    A caller of whom a kind is asked for that it may not list is refused, whatever else is asked for; without a kind
    asked for, these are all that such a caller can have. Raises Refused.
    """
    kinds = wanted.kinds if wanted.kinds is not None else _possible(actor.caller)
    total, page = 0, list[dict[str, Any]]()
    if PRELOAD in kinds:
        orders = find_preloads(services, actor, PreloadsWanted(wanted.patient, wanted.statuses, wanted.ids))
        total, page = len(orders), orders[wanted.offset : wanted.offset + wanted.count]
    # Two kinds at once no Task is of: there is nothing to find, and still somebody asked.
    if SEND in kinds or not kinds:
        require_list(services, actor, _ACT, _OWN, two_factors=False)
    if SEND in kinds:
        rest = (max(0, wanted.offset - total), wanted.count - len(page))
        number, messages = mail_tasks.find(
            services, actor, mail_tasks.Which(wanted.statuses, wanted.ids, wanted.patient), rest, language
        )
        total, page = total + number, page + messages
    return total, page


def _possible(caller: Caller) -> frozenset[str]:
    """The kinds of Task a caller can have: only professionals order preloads (référentiel 5.1.3)."""
    return frozenset(KINDS if caller.kind is CallerKind.PROFESSIONAL else (SEND,))

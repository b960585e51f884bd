"""GET /Task of messages: what this facade was asked to send, and how far it got.

A Task belongs to the structure it was asked for, and nobody else is told that it exists; its reader is told no more
than that reader may know (``mail_tasks``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Decision, Effect
from facade.domain.errors import NotFound
from facade.domain.ins import INS
from facade.transactions import mail_tasks
from facade.transactions.actor import Actor
from facade.transactions.own_lists import require_list
from facade.transactions.services import Services

_OWN = Decision(Effect.PERMIT, "task.own-structure", "référentiel socle MSSanté no 2, CONF.17")
_ACT = "read-tasks"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which Tasks: of these statuses (None: all), about a patient, which page of them."""

    statuses: frozenset[str] | None = None
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
    """How many Tasks of the caller's structure fit, and a page of them, newest first. Raises Refused."""
    require_list(services, actor, _ACT, _OWN, two_factors=False)
    page = (wanted.offset, wanted.count)
    return mail_tasks.find(services, actor, wanted.statuses, wanted.patient, page, language)

"""GET /Task: what this facade was asked to do later, and how far it got. One module for each kind of Task, by its code.

A kind has ``CODE``, ``read`` and ``find``; it tells its reader no more than that reader may know. A Task belongs to the
structure it was asked for, and nobody else is told that it exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from facade.domain.access import Decision, Effect
from facade.domain.caller import Caller, CallerKind
from facade.domain.errors import NotFound, Refused
from facade.domain.ins import INS
from facade.policy.vocabulary import Rule
from facade.transactions import mail_tasks
from facade.transactions.actor import Actor
from facade.transactions.services import Services
from facade.transactions.tracing import trace_local

_OWN = Decision(Effect.PERMIT, "task.own-structure", "référentiel socle MSSanté no 2, CONF.17")
_ACT = "read-tasks"


class Kind(Protocol):
    """What a module of one kind of Task has."""

    CODE: str

    def read(self, services: Services, actor: Actor, task_id: str, language: str) -> dict[str, Any] | None:
        """One Task of the caller's structure, None where there is none of this id."""

    def find(
        self,
        services: Services,
        actor: Actor,
        statuses: Iterable[str] | None,
        patient: INS | None,
        limit: int,
        language: str,
    ) -> list[dict[str, Any]]:
        """The newest ones, as many as ``limit`` at most."""


_KINDS: tuple[Kind, ...] = (mail_tasks,)
CODES = tuple(kind.CODE for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which Tasks: of these kinds and statuses (None: all), about a patient, which page of them."""

    codes: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    patient: INS | None = None
    offset: int = 0
    count: int = 50


def read_task(services: Services, actor: Actor, task_id: str, language: str) -> dict[str, Any]:
    """One Task of the caller's structure. Raises NotFound, Refused."""
    _allow(services, actor)
    for kind in _KINDS:
        found = kind.read(services, actor, task_id, language)
        if found is not None:
            return found
    raise NotFound.of("task.unknown")


def find_tasks(services: Services, actor: Actor, wanted: Wanted, language: str) -> tuple[list[dict[str, Any]], bool]:
    """A page of Tasks of the caller's structure, newest first, and whether there are more. Raises Refused."""
    _allow(services, actor)
    limit = wanted.offset + wanted.count + 1
    found = [
        task
        for kind in _KINDS
        if wanted.codes is None or kind.CODE in wanted.codes
        for task in kind.find(services, actor, wanted.statuses, wanted.patient, limit, language)
    ]
    found.sort(key=lambda task: str(task["authoredOn"]), reverse=True)
    return found[wanted.offset : limit - 1], len(found) >= limit


def _allow(services: Services, actor: Actor) -> None:
    refused_by = _refused_by(actor.caller)
    decision = services.access.decision(refused_by) if refused_by else _OWN
    trace_local(services, actor, _ACT, decision)
    if not decision.permits:
        raise Refused(decision)


def _refused_by(caller: Caller) -> str | None:
    if caller.refusal is not None:
        return caller.refusal
    known = caller.kind in (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE)
    return None if known else Rule.RIGHT_NOT_FOR_CALLER

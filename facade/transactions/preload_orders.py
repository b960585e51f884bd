"""Task, preload: order it, see how far it is, end it. Only the professional who ordered it knows that it is there.

Source: référentiel 5.1.3: the professional sets the criteria, logged in with two factors (EXI 23). No software orders
on its own, and nothing is asked of the DMP yet: what it would say is judged when the data is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from facade.domain.access import Act, Decision, Effect
from facade.domain.caller import Caller, CallerKind
from facade.domain.errors import InvalidInput, NotFound
from facade.domain.ins import INS
from facade.domain.preload import PreloadOrder
from facade.records.preload_states import Preload, State
from facade.transactions import preload_terms as terms
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.own_lists import require_list
from facade.transactions.services import Services
from facade.translation.preload_in import PreloadRequest, read_preload
from facade.translation.preload_out import PreloadFacts, task

_OWN = Decision(Effect.PERMIT, "preload.own-orders", "référentiel DMP, EXI 11 and EXI 12")
_RULES, _ERRORS = "urn:dmp-facade:rule", "urn:dmp-facade:error"
_KIND = "preload-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the caller's preloads; None asks for all."""

    patient: INS | None = None
    statuses: frozenset[str] | None = None
    ids: frozenset[str] | None = None


def order_preload(services: Services, actor: Actor, resource: dict[str, Any]) -> dict[str, Any]:
    """Record an order; the Task as it now stands. Raises InvalidInput, Refused."""
    settings = services.settings.preload
    if not settings.enabled:
        raise InvalidInput.of("preload.disabled", "Task")
    wanted = read_preload(resource, services.subjects, services.codes, terms.tables(), most=settings.documents)
    with Case(services, actor, Act.PRELOAD, wanted.patient, "local") as case:
        order = _order(case, wanted)
        documents = order.criteria.most if order.criteria.content else 0
        terms.judge(case, order, terms.asked(order, documents=documents))
        if wanted.people - {case.caller.id}:
            raise InvalidInput.of("preload.owner", "Task.requester", "Task.owner")
        preload_id = _KIND + services.new_uuid()
        due = terms.due(services, order, case.now)
        patients = services.preloads.place(
            preload_id, order, due=due, closes=terms.closes(order), now=case.now, most=settings.patients
        )
        terms.judge(case, order, terms.asked(order, documents=documents, patients=patients))
        placed = services.preloads.get(preload_id)
        if placed is None:
            raise NotFound.of("resource.unknown")
        return as_task(services, placed)


def find_preloads(services: Services, actor: Actor, wanted: Wanted) -> list[dict[str, Any]]:
    """The caller's own preloads, the latest order first.

    Raises Refused. Not judged by ``policy.access``, which judges an act on one record: this list goes over several.
    """
    caller = actor.caller
    require_list(services, actor, "list-preloads", _OWN, (CallerKind.PROFESSIONAL,))
    services.preloads.sweep(services.clock(), terms.settled_for(services))
    found = services.preloads.of_person(caller.id, caller.structure.id)
    shown = [(each, as_task(services, each)) for each in found]
    return [resource for each, resource in shown if _matches(each, resource, wanted)]


def read_preload_task(services: Services, actor: Actor, preload_id: str) -> dict[str, Any]:
    """One preload as it stands. Raises NotFound, Refused."""
    with own(services, actor, preload_id, Act.PRELOAD) as (_, found):
        return as_task(services, found)


def end_preload(services: Services, actor: Actor, preload_id: str) -> dict[str, Any]:
    """The episode of care is over: what is held is removed now. Raises NotFound, Refused."""
    with own(services, actor, preload_id, Act.END_PRELOAD) as (case, found):
        services.preloads.end(preload_id, State.ENDED, case.now)
        return as_task(services, services.preloads.get(preload_id) or found)


def delete_preload(services: Services, actor: Actor, preload_id: str) -> None:
    """Remove the order with what is held for it. Raises NotFound, Refused."""
    with own(services, actor, preload_id, Act.END_PRELOAD):
        services.preloads.delete(preload_id)


@contextmanager
def own(services: Services, actor: Actor, preload_id: str, act: Act) -> Iterator[tuple[Case, Preload]]:
    """A preload of this caller, once the act was judged; what is past its time was removed before.

    Raises NotFound for one that does not exist or that somebody else ordered, Refused.
    """
    found = _current(services, preload_id)
    # What a minor asked to be kept secret when it was ordered stays so, whoever forgets to say it again.
    discreet = replace(actor, secret=actor.secret or found.order.secret)
    with Case(services, discreet, act, found.order.patient, "local") as case:
        if not _ordered_by(case.caller, found.order):
            case.hidden = True
            raise NotFound.of("resource.unknown")
        case.precheck()
        case.require(terms.NOT_ASKED)
        yield case, found


def as_task(services: Services, found: Preload) -> dict[str, Any]:
    """The Task of a preload."""
    reason = None
    if found.outcome:
        reason = (found.outcome, _RULES if found.outcome in services.access.rules else _ERRORS)
    moments = (found.recorded, found.fetched, found.settled)
    facts = PreloadFacts(
        id=found.id,
        order=found.order,
        patient_id=services.ids.seal_patient(found.order.patient),
        state=found.state.value,
        recorded=found.recorded,
        changed=max(moment for moment in moments if moment is not None),
        opens=terms.opens(services, found.order),
        due=found.due if found.state is State.WAITING else None,
        fetched=found.fetched,
        expires=found.expires,
        matched=found.matched,
        held=found.held,
        reason=reason,
    )
    return task(facts, services.codes, terms.tables())


def _order(case: Case, wanted: PreloadRequest) -> PreloadOrder:
    return PreloadOrder(case.caller, wanted.patient, wanted.start, wanted.end, wanted.criteria, case.actor.secret)


def _current(services: Services, preload_id: str) -> Preload:
    found = services.preloads.get(preload_id) if preload_id.startswith(_KIND) else None
    now = services.clock()
    if found is not None and found.expires is not None and found.expires <= now:
        services.preloads.sweep(now, terms.settled_for(services))
        found = services.preloads.get(preload_id)
    if found is None:
        raise NotFound.of("resource.unknown")
    return found


def _ordered_by(caller: Caller, order: PreloadOrder) -> bool:
    same = caller.id == order.caller.id and caller.structure.id == order.caller.structure.id
    return caller.kind is CallerKind.PROFESSIONAL and same


def _matches(found: Preload, resource: dict[str, Any], wanted: Wanted) -> bool:
    return (
        (wanted.patient is None or found.order.patient == wanted.patient)
        and (wanted.statuses is None or resource["status"] in wanted.statuses)
        and (wanted.ids is None or found.id in wanted.ids)
    )

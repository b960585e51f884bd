"""Fetch what was ordered: TD0.2 and TD3.1, then TD3.2 for each document, in the name of who ordered it.

Référentiel 5.1.3 allows it on the professional's own login or before it, by AIR simplifié: the professional is then the
one who logged in with two factors to order it (EXI 23), in a structure that is homologated still (EXI 29). Each step is
an act of its own, judged and traced as if the professional had done it now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from facade.domain.access import Act, Purpose
from facade.domain.caller import Caller, Structure
from facade.domain.dmp import DocumentQuery
from facade.domain.document import DocumentEntry, XdsTime
from facade.domain.dossier import Dossier
from facade.domain.errors import Conflict, DmpRefused, FacadeError, NotFound, Refused
from facade.domain.preload import Criteria, Kept, PreloadOrder
from facade.policy.vocabulary import Rule
from facade.records.preload_states import Claim, Limits, State
from facade.transactions import preload_terms as terms
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.preload_orders import as_task, own
from facade.transactions.services import Services
from facade.transactions.versions import only_current
from facade.translation.tables import Json

_LONGEST_PAUSE = timedelta(hours=1)
_MISMATCHED = "dmp.document-mismatched"
_SETTLED = (State.ENDED, State.EXPIRED, State.FAILED)


def run_preload(services: Services, actor: Actor, preload_id: str) -> Json:
    """Fetch an order now, on the professional's own call; the Task as it then stands.

    Raises NotFound, Refused (too early, too many), Conflict, DmpRefused, DmpUnavailable. One that is there already is
    not fetched again.
    """
    with own(services, actor, preload_id, Act.PRELOAD) as (case, found):
        if found.state in _SETTLED:
            raise Conflict.of("preload.not-ready", "Task.status", state=found.state.value)
        if found.state is State.READY:
            return as_task(services, found)
        terms.judge(case, found.order, terms.asked(found.order, fetching=True))
        claim = take(services, preload_id, case.now)
    if claim is None:
        raise Conflict.of("preload.in-progress", "Task.status")
    fetch(services, case.actor, claim)
    return as_task(services, services.preloads.get(preload_id) or found)


def fetch_due(services: Services, preload_id: str) -> None:
    """Fetch an order that is due, before its professional logs in. What goes wrong is kept with the order."""
    claim = take(services, preload_id, services.clock())
    if claim is None:
        return
    order = claim.preload.order
    caller = replace(order.caller, structure=_as_it_is(services, order.caller))
    actor = Actor(caller, Purpose.NORMAL, claim.preload.id, secret=order.secret)
    try:
        fetch(services, actor, claim)
    except FacadeError:
        return  # the order says so, and the traces of what was asked


def take(services: Services, preload_id: str, now: datetime) -> Claim | None:
    """The right to fetch an order, None when another process has it."""
    found = services.preloads.get(preload_id)
    if found is None:
        return None
    expires = terms.expires(services, found.order, now)
    return services.preloads.claim(preload_id, services.new_uuid(), now=now, lease=_lease(services), expires=expires)


def fetch(services: Services, actor: Actor, claim: Claim) -> None:
    """Search, count, retrieve and keep. Raises FacadeError; the order then says why, and when it is tried again."""
    began = services.clock()
    try:
        dossier, chosen, matched = _choose(services, actor, claim)
        for rank, entry in enumerate(chosen):
            kept = _retrieved(services, actor, claim.preload.order, dossier, entry)
            now, lease = services.clock(), _lease(services)
            if kept is not None and not services.preloads.keep(claim, rank, kept, now=now, lease=lease):
                return  # it was ended, or another process goes on with it
        services.preloads.done(claim, fetched=began, matched=matched)
    except Refused as refused:
        if refused.decision.rule == Rule.PRELOAD_PATIENTS:
            _again(services, claim, refused.decision.rule)
        else:
            services.preloads.fail(claim, outcome=refused.decision.rule, now=services.clock())
        raise
    except FacadeError as error:
        _again(services, claim, error.problems[0].code)
        raise
    except Exception:
        _again(services, claim, "server.unexpected")
        raise


def _choose(services: Services, actor: Actor, claim: Claim) -> tuple[Dossier, Sequence[DocumentEntry], int]:
    """What is to be kept, the newest first, and how many documents there were. Raises Refused, DmpUnavailable."""
    order = claim.preload.order
    with Case(services, actor, Act.PRELOAD, order.patient, "local") as case:
        terms.judge(case, order, terms.asked(order, fetching=True))
        dossier, found = _search(services, actor, order)
        newest = sorted(found, key=lambda entry: entry.creation_time.start, reverse=True)
        settings = services.settings.preload
        wanted = newest[: order.criteria.most] if order.criteria.content else newest[: services.settings.max_page]
        counted = [entry.logical_id for entry in wanted] if order.criteria.content else []
        room = services.preloads.count(
            claim,
            counted,
            now=case.now,
            since=case.now - timedelta(hours=settings.retention_hours),
            limits=Limits(settings.patients, settings.documents),
        )
        none_left = bool(counted) and not room.documents
        documents = room.already + 1 if none_left else 0
        terms.judge(case, order, terms.asked(order, fetching=True, documents=documents, patients=room.patients))
        if order.criteria.content:
            wanted = [entry for entry in wanted if entry.logical_id in room.documents]
        return dossier, wanted, len(found)


def _search(services: Services, actor: Actor, order: PreloadOrder) -> tuple[Dossier, list[DocumentEntry]]:
    """The documents that meet the criteria and that the professional may see (TD0.2, TD3.1)."""
    with Case(services, actor, Act.SEARCH, order.patient, "TD3.1") as case:
        gateway, query = services.gateway, _query(order.criteria)
        dossier, answer = case.ask(lambda session: gateway.find_documents(session, query))
        answer = only_current(gateway, case.session, answer, always=False)
        return dossier, [entry for entry in case.visible(dossier, answer.entries) if order.criteria.match(entry)]


def _query(criteria: Criteria) -> DocumentQuery:
    start = criteria.created_from
    # A registry may keep a time by its year alone: the criteria decide exactly, afterwards.
    since = XdsTime.at(start.start.replace(month=1, day=1, hour=0, minute=0, second=0)) if start else None
    return DocumentQuery(type_codes=criteria.types, creation_from=since, creation_to=criteria.created_to)


def _retrieved(
    services: Services, actor: Actor, order: PreloadOrder, dossier: Dossier, entry: DocumentEntry
) -> Kept | None:
    """One document to be kept; None for one the professional may not retrieve or the DMP does not give."""
    if not order.criteria.content:
        return Kept(dossier, entry)
    try:
        with Case(services, actor, Act.RETRIEVE, order.patient, "TD3.2") as case:
            case.precheck()
            case.require(dossier, entry)
            found = services.gateway.retrieve(case.session, [entry])[0]
    except (NotFound, DmpRefused):
        return None
    except FacadeError as error:
        if error.problems[0].code == _MISMATCHED:
            return None
        raise
    return Kept(dossier, entry, found.mime_type, bytes(found.content))


def _again(services: Services, claim: Claim, outcome: str) -> None:
    """Put an order back: it is tried again after a pause that grows, until its appointment is over."""
    settings = services.settings.preload
    pause = min(timedelta(seconds=settings.retry_seconds) * 2 ** min(claim.preload.attempts - 1, 6), _LONGEST_PAUSE)
    due = services.clock() + pause if settings.automatic else None
    services.preloads.put_back(claim, due=due, outcome=outcome)


def _as_it_is(services: Services, caller: Caller) -> Structure:
    """The professional's structure with its homologation of today; one that is not served any more has none."""
    for each in services.settings.structures:
        if each.id == caller.structure.id:
            return Structure(each.id, each.name, each.sector, each.homologated_until, each.homologated_on)
    return replace(caller.structure, homologated_until=None, homologated_from=None)


def _lease(services: Services) -> timedelta:
    return timedelta(seconds=services.settings.preload.lease_seconds)

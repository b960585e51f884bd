"""Lists over several records of what this facade itself knows: who may read them, traced once.

``policy.access`` judges an act on one record; these lists go over all of them, and show no document.
"""

from __future__ import annotations

from collections.abc import Collection

from facade.domain.access import Decision
from facade.domain.caller import Caller, CallerKind
from facade.domain.errors import Refused
from facade.policy.vocabulary import Rule
from facade.transactions.actor import Actor
from facade.transactions.services import Services
from facade.transactions.tracing import trace_local


def require_list(
    services: Services,
    actor: Actor,
    act: str,
    permit: Decision,
    kinds: Collection[CallerKind] = (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE),
    *,
    two_factors: bool = True,
) -> None:
    """Let in callers of these kinds, by ``permit``; traced either way.

    Raises Refused for others, for one whose access is suspended (RECO 01) and, with ``two_factors``, for a professional
    with a single factor (EXI 23).
    """
    refused_by = _refused_by(services, actor.caller, kinds, two_factors=two_factors)
    decision = services.access.decision(refused_by) if refused_by else permit
    trace_local(services, actor, act, decision)
    if not decision.permits:
        raise Refused(decision)


def _refused_by(services: Services, caller: Caller, kinds: Collection[CallerKind], *, two_factors: bool) -> str | None:
    if caller.refusal is not None:
        return caller.refusal
    if caller.kind not in kinds:
        return Rule.RIGHT_NOT_FOR_CALLER
    if caller.kind is not CallerKind.PROFESSIONAL:
        return None
    if services.suspensions.hold(caller.id, caller.structure.id):
        return Rule.SUSPENDED
    return Rule.SINGLE_FACTOR if two_factors and not caller.two_factors else None

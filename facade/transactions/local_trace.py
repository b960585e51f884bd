"""The trace of an act that is about no record of the DMP: no access history shows it, the journal does (EXI 18)."""

from __future__ import annotations

from facade.domain.access import Decision
from facade.records.traces import Trace
from facade.transactions.actor import Actor
from facade.transactions.case import write_trace
from facade.transactions.services import Services


def trace_local(services: Services, actor: Actor, act: str, decision: Decision, code: str = "") -> None:
    """Append it. ``code`` is the error the act ended with. Raises FacadeError ``trace.unavailable``."""
    caller = actor.caller
    outcome = "refused" if not decision.permits else "error" if code else "success"
    trace = Trace(
        time=services.clock(),
        kind=caller.kind.value,
        act=act,
        effect=decision.effect.value,
        rule=decision.rule,
        basis=decision.basis,
        outcome=outcome,
        outcome_code=code,
        person_id=caller.id,
        person_name=caller.name,
        local_id=caller.token_id,
        structure_id=caller.structure.id,
        structure_name=caller.structure.name,
        application=caller.application,
        transaction="local",
        correlation_id=actor.correlation_id,
    )
    write_trace(services, trace)

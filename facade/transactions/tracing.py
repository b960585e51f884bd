"""The trace an act leaves (EXI 18): made from its caller and its decision, and appended before the answer is given."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from facade.domain.access import Decision
from facade.domain.caller import Caller
from facade.domain.errors import FacadeError, Problem
from facade.observability import metrics
from facade.records.traces import Trace
from facade.transactions.actor import Actor
from facade.transactions.services import Services

_RETRY_AFTER = 5


def trace_of(caller: Caller, act: str, decision: Decision, now: datetime) -> Trace:
    """The trace of an act as far as its caller and its decision tell: what it was about and became is added to it."""
    return Trace(
        time=now,
        kind=caller.kind.value,
        act=act,
        effect=decision.effect.value,
        rule=decision.rule,
        basis=decision.basis,
        outcome="success" if decision.permits else "refused",
        person_id=caller.id,
        person_name=caller.name,
        local_id=caller.token_id,
        structure_id=caller.structure.id,
        structure_name=caller.structure.name,
        application=caller.application,
    )


def trace_local(services: Services, actor: Actor, act: str, decision: Decision, code: str = "") -> None:
    """Append the trace of an act that is about no record of the DMP: no access history shows it, the journal does.

    ``code`` is the error the act ended with. Raises FacadeError ``trace.unavailable``.
    """
    trace = trace_of(actor.caller, act, decision, services.clock())
    if code and decision.permits:
        trace = replace(trace, outcome="error")
    write_traces(
        services,
        replace(trace, outcome_code=code, transaction="local", correlation_id=actor.correlation_id),
    )


def write_traces(services: Services, *traces: Trace, closes: str = "") -> None:
    """Append to the journal, all or none, and remove the intents ``closes`` with the same commit.

    Raises FacadeError ``trace.unavailable``: the answer is then withheld (EXI 18).
    """
    began, kept = time.perf_counter(), False
    try:
        services.traces.append(*traces, closes=closes)
        kept = True
    except Exception as error:
        # Whatever the storage says; the cause stays in the exception chain.
        raise FacadeError(Problem("trace.unavailable"), retry_after=_RETRY_AFTER) from error
    finally:
        metrics.observe_trace(time.perf_counter() - began, kept=kept)
        for trace in traces:
            metrics.observe_decision(trace.rule, trace.effect)

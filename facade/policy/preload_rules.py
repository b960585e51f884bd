"""What a preload may not be: too early, too late, of too many documents or patients (référentiel EXI 11, EXI 12)."""

from __future__ import annotations

from facade.domain.access import Act
from facade.policy.question import Question
from facade.policy.vocabulary import Rule


def refuse_preload(question: Question) -> str | None:
    """The first limit a preload does not keep, None when it keeps them all or when the act is another."""
    asked, limits, now = question.context.preloading, question.settings.preload, question.context.now
    if question.act.act is not Act.PRELOAD or asked is None:
        return None
    if now >= asked.over:
        return Rule.PRELOAD_OVER
    if asked.fetching and now < asked.appointment - limits.window:
        return Rule.PRELOAD_TOO_EARLY
    if now < asked.appointment - limits.ahead:
        return Rule.PRELOAD_TOO_FAR_AHEAD
    if asked.documents > limits.documents:
        return Rule.PRELOAD_DOCUMENTS
    return Rule.PRELOAD_PATIENTS if asked.patients > limits.patients else None

"""The access policy: may this caller do this, on this record, on this document, now; and by which rule.

Pure functions over ``AccessTables``. What nothing permits is refused; the first rule that matches decides, in the
order of the law: the caller, the record, the holder's block, oppositions, emergency, treating doctor, authorisation,
author, masking, habilitation.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from facade.domain.access import Act, Context, Decision
from facade.domain.caller import Caller, Structure
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.policy.caller_rules import refuse_by_opposition, refuse_caller
from facade.policy.days import legal_day
from facade.policy.document_rules import Judge
from facade.policy.question import Question
from facade.policy.record_rules import record_rule
from facade.policy.sending import new_document_rule
from facade.policy.tables import AccessTables
from facade.policy.traces import trace_visible
from facade.policy.vocabulary import Habilitation, PolicySettings, PreloadLimits, Scope

__all__ = [
    "AccessTables",
    "Habilitation",
    "PolicySettings",
    "PreloadLimits",
    "Scope",
    "decide",
    "decide_new",
    "homologation_warning",
    "precheck",
    "trace_visible",
    "visible",
]


def precheck(
    tables: AccessTables, caller: Caller, act: Act, context: Context, patient: INS, settings: PolicySettings
) -> Decision | None:
    """What is refused whatever the DMP would answer, before it is asked: the caller, its purpose, the oppositions.

    A decision given here is always a denial. None means: ask the DMP, then ``decide``.
    """
    question = Question.of(tables, caller, act, context, patient, settings)
    rule = refuse_caller(question, None) or refuse_by_opposition(question)
    return None if rule is None else tables.decision(rule)


def decide(
    tables: AccessTables,
    caller: Caller,
    act: Act,
    dossier: Dossier,
    document: DocumentEntry | None,
    context: Context,
    patient: INS,
    settings: PolicySettings,
) -> Decision:
    """Decide one act.

    ``document`` None asks about the record: ask that first, its denials depend on no document and are told plainly.
    For ``PUBLISH`` it is the new entry; for every other act, ``REPLACE`` included, the entry that exists.
    ``tables.scope(decision.rule)`` says how a denial may be told. Raises ValueError for a time without a zone.
    """
    question = Question.of(tables, caller, act, context, patient, settings)
    rule = record_rule(question, dossier)
    decision = tables.decision(rule)
    if document is None or not decision.permits:
        return decision
    return tables.decision(Judge(question, dossier, rule).rule(document))


def decide_new(
    tables: AccessTables,
    caller: Caller,
    act: Act,
    dossier: Dossier,
    document: DocumentEntry,
    context: Context,
    patient: INS,
    settings: PolicySettings,
) -> Decision:
    """Decide on sending (``SEND``, ``SEND_TO_PATIENT``) a document that its caller publishes, or published here."""
    question = Question.of(tables, caller, act, context, patient, settings)
    return tables.decision(new_document_rule(question, dossier, document))


def visible(
    tables: AccessTables,
    caller: Caller,
    dossier: Dossier,
    documents: Iterable[DocumentEntry],
    context: Context,
    patient: INS,
    settings: PolicySettings,
    act: Act = Act.SEARCH,
) -> list[tuple[DocumentEntry, Decision]]:
    """The documents on which the act is permitted, in their order, each with the decision that permits it.

    Empty when the record itself is refused: ``decide`` without a document gives the reason.
    """
    question = Question.of(tables, caller, act, context, patient, settings)
    rule = record_rule(question, dossier)
    if not tables.decision(rule).permits:
        return []
    judge = Judge(question, dossier, rule)
    judged = ((document, tables.decision(judge.rule(document))) for document in documents)
    return [(document, decision) for document, decision in judged if decision.permits]


def homologation_warning(structure: Structure, now: datetime, settings: PolicySettings) -> int | None:
    """Days left of a structure's AIR self-homologation (EXI 29) when it has to be renewed soon, 0 on its last day.

    Negative when it is over. None when no warning is due, or when the structure has none.
    Raises ValueError for a time without a zone.
    """
    until = structure.homologated_until
    if until is None:
        return None
    left = (until - legal_day(now)).days
    return left if left <= settings.homologation_warning_days else None

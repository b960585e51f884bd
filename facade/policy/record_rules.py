"""The decision about a record: the precedence of reading, from the state of the record to the authorisation."""

from __future__ import annotations

from facade.domain.caller import CallerKind
from facade.domain.dossier import Authorisation, Dossier
from facade.policy.caller_rules import refuse_by_opposition, refuse_caller
from facade.policy.question import ADULT, Question
from facade.policy.vocabulary import Rule


def record_rule(question: Question, dossier: Dossier) -> str:
    """The rule that decides about the record, before any document: first match decides, and something must permit."""
    return refuse_caller(question, dossier) or _refuse_record(question, dossier) or _permit(question, dossier)


def _refuse_record(question: Question, dossier: Dossier) -> str | None:
    return (
        _state(question, dossier)
        or _blocked(question, dossier)
        or refuse_by_opposition(question)
        or _objection(question, dossier)
        or _authorisation(question, dossier)
        or _minority(question, dossier)
    )


def _state(question: Question, dossier: Dossier) -> str | None:
    needs = question.act.record
    if needs == "any":
        return None
    if not dossier.exists:
        return Rule.RECORD_ABSENT
    if dossier.closed:
        return Rule.RECORD_CLOSED
    return Rule.DECEASED if needs == "alive" and dossier.deceased else None


def _blocked(question: Question, dossier: Dossier) -> str | None:
    return Rule.BLOCKED if question.act.blocked == "deny" and question.blocked(dossier) else None


def _objection(question: Question, dossier: Dossier) -> str | None:
    """The holder's prior opposition closes its kind of emergency to everyone who invokes it."""
    emergency = question.emergency
    if emergency is None or not question.act.access:
        return None
    objects = {
        "objects_bris_de_glace": dossier.objects_bris_de_glace,
        "objects_centre_15": dossier.objects_centre_15,
    }
    return Rule.EMERGENCY_OBJECTED if objects[emergency.opposition] else None


def _authorisation(question: Question, dossier: Dossier) -> str | None:
    if not (question.professional and question.act.access) or question.emergency is not None:
        return None
    if question.blocked(dossier) or dossier.treating_doctor or dossier.authorisation is Authorisation.VALID:
        return None
    return Rule.NOT_AUTHORISED


def _minority(question: Question, dossier: Dossier) -> str | None:
    """Representatives, masking to them and connexions secrètes exist while the holder is a minor."""
    age = question.age(dossier)
    minor = age is not None and age < ADULT
    if minor:
        return None
    if question.caller.kind is CallerKind.REPRESENTATIVE:
        return Rule.AGE_UNKNOWN if age is None else Rule.OF_AGE
    if question.context.secret and question.act.record != "any":
        return Rule.SECRET_AGE_UNKNOWN if age is None else Rule.SECRET_NOT_A_MINOR
    if question.act.minor:
        return Rule.MINORITY_UNKNOWN if age is None else Rule.NOT_A_MINOR
    return None


def _permit(question: Question, dossier: Dossier) -> str:
    if question.act.permit:
        return question.act.permit
    if question.caller.kind is CallerKind.PATIENT:
        return Rule.PATIENT
    if question.caller.kind is CallerKind.REPRESENTATIVE:
        return Rule.REPRESENTATIVE
    return professional_permit(question, dossier) if question.professional else Rule.NOTHING_MATCHES


def professional_permit(question: Question, dossier: Dossier) -> str:
    """By which title a professional reads the record at all."""
    if question.blocked(dossier):
        return Rule.BLOCKED_OWN_ONLY
    if question.emergency is not None:
        return question.emergency.rule
    return Rule.TREATING_DOCTOR if dossier.treating_doctor else Rule.AUTHORISED

"""What can be refused before the DMP is asked anything: identity, purpose, functional right, strength of the login."""

from __future__ import annotations

from datetime import timedelta

from facade.domain.access import Act, Purpose
from facade.domain.caller import Caller, CallerKind
from facade.domain.dossier import Dossier
from facade.policy.preload_rules import refuse_preload
from facade.policy.question import Question
from facade.policy.rows import EmergencyRow
from facade.policy.vocabulary import Rule


def refuse_caller(question: Question, dossier: Dossier | None) -> str | None:
    """The first rule by which the caller is not who it must be, None when nothing is wrong.

    Without a dossier only what no answer of the DMP could change is refused.
    """
    return (
        _identity(question)
        or _suspended(question)
        or _purpose(question)
        or _right(question, dossier)
        or _strength(question)
        or _homologation(question)
        or _consent_to_application(question)
        or _secret(question)
        or _statement(question)
        or refuse_preload(question)
    )


def refuse_by_opposition(question: Question) -> str | None:
    """The recorded opposition that stops the act (EXI 02). Reading in an emergency is not stopped."""
    if question.citizen:
        return None
    oppositions = question.context.oppositions
    if question.act.opposition == "feeding" and oppositions.feeding:
        return Rule.OPPOSITION_FEEDING
    if question.act.opposition == "consultation" and oppositions.consultation and question.emergency is None:
        return Rule.OPPOSITION_CONSULTATION
    return None


def _identity(question: Question) -> str | None:
    caller = question.caller
    if question.citizen and not question.settings.citizens_enabled:
        return Rule.CITIZENS_OFF
    if caller.refusal is not None:
        return question.tables.refusal(caller.refusal)
    if question.citizen and caller.pairing(question.patient) is None:
        return Rule.NOT_PAIRED
    return Rule.NO_RPPS if question.professional and not caller.id else None


def _suspended(question: Question) -> str | None:
    """A suspended professional still feeds and still records what a patient states: both are duties to the patient."""
    if not (question.professional and question.context.suspended and question.act.suspended):
        return None
    spared = question.emergency is not None and not question.settings.suspension_stops_emergencies
    return None if spared else Rule.SUSPENDED


def _purpose(question: Question) -> str | None:
    emergency = question.emergency
    if emergency is None:
        return None if question.context.purpose is Purpose.NORMAL else Rule.NOTHING_MATCHES
    if not question.professional:
        return Rule.PROFESSIONALS_ONLY
    return _regulation(emergency, question.caller) or _stated(emergency, question)


def _regulation(emergency: EmergencyRow, caller: Caller) -> str | None:
    """Regulation is for the regulating doctor of the centre 15 only."""
    if emergency.regulator and not caller.regulator:
        return Rule.NOT_A_REGULATOR
    if emergency.professions and caller.profession not in emergency.professions:
        return Rule.REGULATION_ROLE
    if emergency.sectors and not caller.structure.sector.startswith(emergency.sectors):
        return Rule.REGULATION_ROLE
    return None


def _stated(emergency: EmergencyRow, question: Question) -> str | None:
    """An emergency is stated in words, and does not outlast its time."""
    if emergency.reason and not question.context.reason.strip():
        return Rule.REASON_MISSING
    return Rule.EMERGENCY_EXPIRED if _expired(question) else None


def _expired(question: Question) -> bool:
    """Whether the emergency stated with this reason began longer ago than an emergency may last here."""
    opened = question.context.emergency_opened
    lasting = timedelta(minutes=question.settings.emergency_minutes)
    return opened is not None and question.context.now - opened > lasting


def _right(question: Question, dossier: Dossier | None) -> str | None:
    if question.right(dossier) is not None:
        return None
    if question.act.reads and question.caller.kind is CallerKind.STRUCTURE:
        return Rule.STRUCTURE_NEVER_READS
    if question.act.reads and question.caller.kind is CallerKind.APPLICATION:
        return Rule.APPLICATION_NEVER_READS
    elsewhere = any(
        question.tables.right_in_some_mode(question.act.act, question.mode(), role) for role in question.roles(dossier)
    )
    return Rule.RIGHT_NOT_IN_MODE if elsewhere else Rule.RIGHT_NOT_FOR_CALLER


def _strength(question: Question) -> str | None:
    lacking = question.professional and question.act.two_factors and not question.caller.two_factors
    return Rule.SINGLE_FACTOR if lacking else None


def _homologation(question: Question) -> str | None:
    if not (question.professional and question.act.homologation):
        return None
    start, until = question.caller.structure.homologated_from, question.caller.structure.homologated_until
    if until is None or (start is not None and question.today < start):
        return Rule.NOT_HOMOLOGATED
    return Rule.HOMOLOGATION_ENDED if question.today > until else None


def _consent_to_application(question: Question) -> str | None:
    pairing = question.caller.pairing(question.patient) if question.citizen else None
    if pairing is None or question.act.record == "any":
        return None
    if question.act.feeds:
        return None if pairing.may_feed else Rule.FEEDING_NOT_CONSENTED
    return None if pairing.may_read else Rule.READING_NOT_CONSENTED


def _secret(question: Question) -> str | None:
    return Rule.SECRET_PROFESSIONALS_ONLY if question.context.secret and question.citizen else None


def _statement(question: Question) -> str | None:
    """A professional masks to professionals for the holder only; an installation may want it stated (4.3)."""
    needed = question.professional and question.settings.on_behalf_required and question.act.act is Act.MASK
    return Rule.NOT_ON_BEHALF if needed and not question.context.on_behalf_of_holder else None

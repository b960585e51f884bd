"""What a new document may carry, whoever publishes it: author institutions and the maskings of the référentiel 4.3."""

from __future__ import annotations

from facade.domain.caller import CallerKind
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.masking import Flag
from facade.policy.origin import names_a_professional
from facade.policy.question import ADULT, Question
from facade.policy.vocabulary import Rule


def publication_rule(question: Question, dossier: Dossier, document: DocumentEntry) -> str | None:
    """The first rule by which this new document is refused, None when it may be published."""
    return (
        _codes(document)
        or _author(question, document)
        or _hidden_from_representatives(question, dossier, document)
        or _hidden_from_patient(question, document)
        or _masked_to_professionals(question, document)
    )


def _codes(document: DocumentEntry) -> str | None:
    return Rule.UNKNOWN_CODE if document.masking.unknown else None


def _author(question: Question, document: DocumentEntry) -> str | None:
    """A structure feeds in its own name; a citizen never in a professional's."""
    if question.citizen:
        return Rule.NOT_AS_PROFESSIONAL if names_a_professional(question.tables, document) else None
    known = document.has_author_institution(question.caller.structure.id)
    return None if known else Rule.INSTITUTION_NOT_CALLERS


def _hidden_from_representatives(question: Question, dossier: Dossier, document: DocumentEntry) -> str | None:
    if Flag.HIDDEN_FROM_REPRESENTATIVES not in document.masking.flags:
        return None
    if question.citizen:
        return Rule.REPRESENTATIVES_PROFESSIONALS_ONLY
    age = question.age(dossier)
    if age is None:
        return Rule.MINORITY_UNKNOWN
    return None if age < ADULT else Rule.NOT_A_MINOR


def _hidden_from_patient(question: Question, document: DocumentEntry) -> str | None:
    hidden = Flag.HIDDEN_FROM_PATIENT in document.masking.flags
    return Rule.PATIENT_PROFESSIONALS_ONLY if hidden and question.citizen else None


def _masked_to_professionals(question: Question, document: DocumentEntry) -> str | None:
    """The holder masks. A professional may for the holder; a structure only where that was stated."""
    if Flag.MASKED_TO_PROFESSIONALS not in document.masking.flags or question.caller.kind is CallerKind.PATIENT:
        return None
    if question.citizen:
        return Rule.MASK_NOT_BY_THIS_CALLER
    must_state = question.caller.kind is CallerKind.STRUCTURE or question.settings.on_behalf_required
    return Rule.NOT_ON_BEHALF if must_state and not question.context.on_behalf_of_holder else None

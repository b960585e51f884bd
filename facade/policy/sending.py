"""To which mailboxes a document may not go: what a mask hides in the DMP is not sent around it by secure messaging."""

from __future__ import annotations

from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.policy.question import ADULT, Question
from facade.policy.reading import never_shown
from facade.policy.vocabulary import Rule


def mask_against_sending(question: Question, dossier: Dossier, document: DocumentEntry) -> str | None:
    """The rule by which this document does not go to that class of mailboxes; None for acts that send nothing.

    A connexion secrète counts as the mask that only a minor has: a message to the minor's box would tell of the visit.
    """
    age = question.age(dossier)
    minor = age is None or age < ADULT
    for row in question.tables.sending:
        secret = row.minors_only and question.context.secret
        masked = document.masking.has(row.flag) or secret
        if row.act is question.act.act and masked and (minor or not row.minors_only):
            return row.rule
    return None


def new_document_rule(question: Question, dossier: Dossier, document: DocumentEntry) -> str:
    """The rule that decides about sending a document that its caller publishes, or published here.

    That it may be published is judged apart. Nothing is read in the DMP: neither an authorisation nor two factors are
    asked for, and a structure may send what it feeds.
    """
    if question.citizen:
        return Rule.RIGHT_NOT_FOR_CALLER
    refused = _record(dossier) or never_shown(document) or mask_against_sending(question, dossier, document)
    return refused or question.act.permit


def _record(dossier: Dossier) -> str | None:
    if not dossier.exists:
        return Rule.RECORD_ABSENT
    return Rule.RECORD_CLOSED if dossier.closed else None

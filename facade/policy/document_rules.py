"""The decision about an act on one document, once the record is open to the caller.

First: is the document visible to it. Then: is the act allowed on it (functional rights with their notes).
"""

from __future__ import annotations

from facade.domain.access import Act
from facade.domain.caller import CallerKind
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.policy.origin import origin
from facade.policy.publication import publication_rule
from facade.policy.question import Question
from facade.policy.reading import Reader, never_shown
from facade.policy.record_rules import record_rule
from facade.policy.sending import mask_against_sending
from facade.policy.vocabulary import Origin, Right, Rule


class Judge:
    """One caller and one act before one record that is open to it; says which rule decides about each document."""

    __slots__ = ("_dossier", "_permit", "_question", "_reader")

    def __init__(self, question: Question, dossier: Dossier, permit: str) -> None:
        self._question = question
        self._dossier = dossier
        self._permit = permit
        self._reader = Reader(question, dossier)

    def rule(self, document: DocumentEntry) -> str:
        """The rule that decides. An act that is about no document is decided by the record alone."""
        if self._question.act.reads:
            return self._reader.rule(document)
        if self._question.act.about == "publication":
            return publication_rule(self._question, self._dossier, document) or self._permit
        if self._question.act.about != "document":
            return self._permit
        if self._question.act.act is Act.REPLACE:
            return self._replace(document)
        return (
            self._invisible(document)
            or self._right(document)
            or mask_against_sending(self._question, self._dossier, document)
            or self._permit
        )

    def _invisible(self, document: DocumentEntry) -> str | None:
        if self._question.caller.kind is CallerKind.STRUCTURE:
            return never_shown(document) or self._not_its(document)
        return _denial(self._question, self._reader.rule(document))

    def _not_its(self, document: DocumentEntry) -> str | None:
        return None if _of_structure(self._question, document) else Rule.NOT_ITS_DOCUMENT

    def _right(self, document: DocumentEntry) -> str | None:
        """The note of the functional right: one's own documents, the structure's, the patient's."""
        right = self._question.right(self._dossier)
        if right is None:
            return Rule.NOTHING_MATCHES
        made_by = origin(self._question.tables, document, self._question.patient)
        if made_by is Origin.HOLDER and right.patient_documents:
            return None if right.role in right.patient_documents else Rule.RIGHT_PATIENT_DOCUMENT
        granted = {
            Right.YES: True,
            Right.OWN: made_by is Origin.PROFESSIONAL and document.has_author(self._question.caller.id),
            Right.OWN_PATIENT: made_by is Origin.HOLDER,
            Right.OWN_STRUCTURE: _of_structure(self._question, document),
        }
        return None if granted.get(right.cell, False) else Rule.RIGHT_NOT_AUTHOR

    def _replace(self, document: DocumentEntry) -> str:
        """Correcting one's own document is feeding and needs no access; another's is not even there (EXI 09)."""
        gone = never_shown(document)
        if gone is not None:
            return gone
        if self._question.caller.kind is CallerKind.STRUCTURE:
            return self._not_its(document) or self._permit
        if self._question.citizen:
            return self._invisible(document) or self._right(document) or self._permit
        if self._corrects_own(document):
            return self._permit
        reading = self._question.about(Act.READ)
        open_record = _denial(reading, record_rule(reading, self._dossier)) is None
        if not open_record or _denial(reading, self._reader.rule(document)) is not None:
            return Rule.REPLACE_NOT_ITS_DOCUMENT
        return self._permit if _of_structure(self._question, document) else Rule.RIGHT_NOT_REPLACEABLE

    def _corrects_own(self, document: DocumentEntry) -> bool:
        """Whether it is its author: Annexe 3 hides one's own document in one case, when one is blocked."""
        made_by = origin(self._question.tables, document, self._question.patient)
        own = made_by is Origin.PROFESSIONAL and document.has_author(self._question.caller.id)
        return own and _denial(self._question, self._reader.rule(document)) is None


def _denial(question: Question, rule: str) -> str | None:
    return None if question.tables.decision(rule).permits else rule


def _of_structure(question: Question, document: DocumentEntry) -> bool:
    return document.has_author_institution(question.caller.structure.id)

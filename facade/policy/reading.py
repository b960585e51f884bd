"""Which documents of a record a reader may see: Annexe 3, row by column, and the table of the other readers.

The reader's column is found once; each document costs a few look-ups.
"""

from __future__ import annotations

from facade.domain.caller import CallerKind
from facade.domain.document import Availability, DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.masking import Flag, Masking
from facade.policy.origin import origin
from facade.policy.question import Question
from facade.policy.record_rules import professional_permit
from facade.policy.vocabulary import Cell, Column, Habilitation, Origin, Rule

_SECRET_ROW = "minor.secret"  # noqa: S105 - the name of a row of Annexe 3
_CITIZEN_ROWS = {
    Flag.MASKED_TO_PROFESSIONALS: "masked-to-professionals",
    Flag.HIDDEN_FROM_PATIENT: "hidden-from-patient",
    Flag.HIDDEN_FROM_REPRESENTATIVES: "hidden-from-representatives",
}


def never_shown(document: DocumentEntry) -> str | None:
    """The rule by which an entry is shown to nobody: withdrawn, or the signature of a lot."""
    if document.is_signature:
        return Rule.SIGNATURE
    return Rule.WITHDRAWN if document.availability is Availability.DELETED else None


class Reader:
    """One caller before one record that is open to it: by which rule does it see, or not see, a document.

    The caller's column is chosen by precedence: blocked, emergency, treating doctor, (author,) any professional.
    """

    __slots__ = ("_annexed", "_column", "_habilitations", "_permit", "_question", "_treating")

    def __init__(self, question: Question, dossier: Dossier) -> None:
        self._question = question
        self._treating = dossier.treating_doctor
        self._column = _column(question, dossier)
        self._permit = professional_permit(question, dossier) if question.professional else ""
        self._annexed: dict[tuple[str, bool, bool, bool], str | None] = {}
        self._habilitations: dict[tuple[str, str], str | None] = {}

    def rule(self, document: DocumentEntry) -> str:
        """The rule that decides about one document of the record."""
        gone = never_shown(document)
        if gone is not None:
            return gone
        if self._column is None:
            return Rule.NOTHING_MATCHES
        if self._column in (Column.PATIENT, Column.REPRESENTATIVE):
            return self._citizen(document.masking, self._column)
        return self._professional(document, self._column)

    def _citizen(self, masking: Masking, column: Column) -> str:
        for flag, row in _CITIZEN_ROWS.items():
            cell = self._question.tables.masking[row, column]
            if masking.has(flag) and cell.cell is not Cell.YES:
                return cell.rule
        return Rule.PATIENT if column is Column.PATIENT else Rule.REPRESENTATIVE

    def _professional(self, document: DocumentEntry, column: Column) -> str:
        made_by = origin(self._question.tables, document, self._question.patient)
        own = made_by is Origin.PROFESSIONAL and document.has_author(self._question.caller.id)
        if own and column is Column.ANY:
            column = Column.AUTHOR
        masked = document.masking.has(Flag.MASKED_TO_PROFESSIONALS)
        secret = document.masking.has(Flag.HIDDEN_FROM_REPRESENTATIVES)
        key = (made_by.value, masked, secret, own)
        if key not in self._annexed:
            self._annexed[key] = self._annex(column, *key)
        refusal = self._annexed[key]
        if refusal is not None:
            return refusal
        if column is Column.BLOCKED:
            return Rule.BLOCKED_OWN
        if column is Column.AUTHOR:
            return Rule.AUTHOR
        return self._within_matrix(document, own=own)

    def _annex(self, column: Column, made_by: str, masked: bool, secret: bool, own: bool) -> str | None:
        """The rule of the first cell of Annexe 3 that refuses; every row the document falls under must let it pass."""
        rows = [f"{made_by}.{'masked' if masked else 'plain'}", *([_SECRET_ROW] if secret else [])]
        for row in rows:
            cell = self._question.tables.masking[row, column]
            if cell.cell is Cell.NO or (cell.cell is Cell.AUTHOR and not own):
                return cell.rule
        return None

    def _within_matrix(self, document: DocumentEntry, *, own: bool) -> str:
        """The matrix limits the authorised professional and the emergency, not the treating doctor nor the author."""
        refusal = self._habilitation(document.type_code.code, document.class_code.code)
        if refusal is None:
            return self._permit
        if self._treating:
            return Rule.TREATING_DOCTOR
        return Rule.AUTHOR if own else refusal

    def _habilitation(self, type_code: str, class_code: str) -> str | None:
        key = (type_code, class_code)
        if key not in self._habilitations:
            self._habilitations[key] = _habilitation(self._question, type_code, class_code)
        return self._habilitations[key]


def _habilitation(question: Question, type_code: str, class_code: str) -> str | None:
    if question.settings.habilitation is Habilitation.OFF:
        return None
    roles = (question.caller.profession, question.caller.specialty)
    allowed = question.tables.habilitation(roles, type_code, class_code)
    if allowed is False:
        return Rule.HABILITATION_DENIED
    unknown = allowed is None and question.settings.habilitation is Habilitation.STRICT
    return Rule.HABILITATION_UNKNOWN if unknown else None


def _column(question: Question, dossier: Dossier) -> Column | None:
    if question.caller.kind is CallerKind.PATIENT:
        return Column.PATIENT
    if question.caller.kind is CallerKind.REPRESENTATIVE:
        return Column.REPRESENTATIVE
    if not question.professional:
        return None
    if question.blocked(dossier):
        return Column.BLOCKED
    if question.emergency is not None:
        return Column.EMERGENCY
    return Column.TREATING if dossier.treating_doctor else Column.ANY

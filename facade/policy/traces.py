"""Which access traces a reader may see (EXI 18, art. R. 1111-43): a trace must not reveal what its document hides."""

from __future__ import annotations

from facade.domain.access import Act, Context
from facade.domain.caller import Caller, CallerKind
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.policy.question import Question
from facade.policy.record_rules import record_rule
from facade.policy.tables import AccessTables
from facade.policy.vocabulary import PolicySettings


def trace_visible(
    tables: AccessTables,
    caller: Caller,
    dossier: Dossier,
    context: Context,
    patient: INS,
    settings: PolicySettings,
    *,
    person_id: str,
    secret: bool,
    about_document: bool,
    document_visible: bool,
) -> bool:
    """Whether one trace may be shown to this reader.

    ``person_id`` is who acted, ``secret`` whether in a connexion secrète, ``about_document`` whether the trace names a
    document and ``document_visible`` whether the reader may see that document now. The patient and the treating
    doctor see all acts, a representative all but the secret ones, another professional its own.
    """
    question = Question.of(tables, caller, Act.READ_TRACES, context, patient, settings)
    if not tables.decision(record_rule(question, dossier)).permits:
        return False
    if about_document and not document_visible:
        return False
    if question.caller.kind is CallerKind.PATIENT:
        return True
    if question.caller.kind is CallerKind.REPRESENTATIVE:
        return not secret
    return _sees_all(question, dossier) or (question.professional and person_id == question.caller.id)


def _sees_all(question: Question, dossier: Dossier) -> bool:
    """The treating doctor, unless the holder blocked that doctor or objects to reading here."""
    standing = question.professional and dossier.treating_doctor and not question.blocked(dossier)
    return standing and not question.context.oppositions.consultation

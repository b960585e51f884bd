"""$explain-access: what the caller may do, by which rule and article. Nothing is done but to look (TD0.2, TD3.1).

It tells of nobody else's right and of no document the caller may not know of: that one answers as one that is not
there. The trace says what was looked at: the record's existence, or one document's metadata.
"""

from __future__ import annotations

from facade.domain.access import Act, Decision
from facade.domain.errors import Refused
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.read_document import find_current, open_id
from facade.transactions.services import Services
from facade.translation.explain_access import AccessQuestion


@measured("explain-access")
def explain_access(services: Services, actor: Actor, question: AccessQuestion) -> tuple[Act, Decision]:
    """The act that was judged and the decision: that of reading, where the document cannot even be looked at.

    Raises NotFound for a document that is not there or not for this caller, DmpRefused, DmpUnavailable.
    """
    try:
        if question.patient is not None:
            return question.act, _on_record(services, actor, question.act, question.patient)
        return question.act, _on_document(services, actor, question.act, question.document)
    except Refused as refusal:
        looked = Act.CHECK if question.patient is not None else Act.READ
        return looked, refusal.decision


def _on_record(services: Services, actor: Actor, act: Act, patient: INS) -> Decision:
    with Case(services, actor, Act.CHECK, patient, "TD0.2") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        case.require(dossier)
        return case.explain(dossier, None, act)


def _on_document(services: Services, actor: Actor, act: Act, sealed: str) -> Decision:
    patient, logical_id = open_id(services, sealed)
    with Case(services, actor, Act.READ, patient, "TD3.1") as case:
        dossier, current = find_current(case, logical_id)
        return case.explain(dossier, current, act)

"""GET /AuditEvent?patient.identifier=: a record's access history, itself masked for its reader.

Sources: référentiel 2.2 and EXI 18; art. R. 1111-43 CSP. A trace about a document the reader may not see is not shown;
an access under connexion secrète is never shown to a representative.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import DocumentAnswer, DocumentQuery
from facade.domain.document import Availability
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.policy import access
from facade.records.traces import StoredTrace
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.transactions.versions import only_current
from facade.translation.audit_event import AuditFacts, audit_event

_UNKNOWN = "document.unknown"
_ALL = DocumentQuery(statuses=(Availability.APPROVED, Availability.ARCHIVED, Availability.DEPRECATED))


def find_traces(services: Services, actor: Actor, patient: INS) -> list[dict[str, Any]]:
    """The traces of a record this caller may see, newest first, as AuditEvent."""
    with Case(services, actor, Act.READ_TRACES, patient, "TD3.1") as case:
        stored = services.traces.for_patient(patient)
        # Own acts may be read without an authorisation, but then no document of the record is told of.
        dossier, answer = case.ask(
            lambda session: services.gateway.find_documents(session, _ALL),
            refused=lambda error: DocumentAnswer((), (error,)),
        )
        answer = only_current(services.gateway, case.session, answer)
        seen = {entry.logical_id for entry in answer.entries if case.sees(dossier, entry)}
        patient_id = services.ids.seal_patient(patient)
        return [
            audit_event(facts, patient, patient_id)
            for trace in stored
            if (facts := _shown(case, dossier, trace, trace.document in seen)) is not None
        ]


def _shown(case: Case, dossier: Dossier, trace: StoredTrace, visible: bool) -> AuditFacts | None:
    """What this reader is shown of a trace; None: nothing.

    One's own attempt on a document that must not exist for oneself reads as an attempt on one that does not exist.
    """
    services, unknown = case.services, bool(trace.document) and not visible
    own_failure = trace.person_id == case.caller.id and trace.outcome != "success"
    told = access.trace_visible(
        services.access,
        case.caller,
        dossier,
        case.context,
        case.patient,
        services.policy,
        person_id=trace.person_id,
        secret=trace.secret,
        about_document=unknown and not own_failure,
        document_visible=visible,
    )
    if not told:
        return None
    facts = _facts(services, trace)
    if unknown or trace.outcome_code == _UNKNOWN:
        return replace(facts, rule=_UNKNOWN, permitted=False, document_id="")
    return facts


def _facts(services: Services, trace: StoredTrace) -> AuditFacts:
    document = services.ids.seal_document(trace.patient, trace.document) if trace.patient and trace.document else ""
    return AuditFacts(
        # Not the number in the chain: a gap would tell of the traces between.
        id=f"trace-{trace.hash[:32]}",
        time=trace.time,
        kind=trace.kind,
        act=trace.act,
        transaction=trace.transaction,
        purpose=trace.purpose,
        reason=trace.reason,
        permitted=trace.effect == "permit",
        succeeded=trace.outcome == "success",
        rule=trace.rule,
        person_id=trace.person_id,
        person_name=trace.person_name,
        structure_id=trace.structure_id,
        structure_name=trace.structure_name,
        token_id=trace.local_id,
        document_id=document,
        base=services.settings.fhir_base,
    )

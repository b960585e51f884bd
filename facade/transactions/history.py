"""GET /AuditEvent?patient.identifier=: a record's access history, itself masked for its reader.

Sources: référentiel 2.2 and EXI 18; art. R. 1111-43 CSP. A trace about a document the reader may not see is not shown;
an access under connexion secrète is never shown to a representative.
"""

from __future__ import annotations

from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability
from facade.domain.ins import INS
from facade.policy import access
from facade.records.traces import StoredTrace
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.transactions.versions import only_current
from facade.translation.audit_event import AuditFacts, audit_event

_ALL = DocumentQuery(statuses=(Availability.APPROVED, Availability.ARCHIVED, Availability.DEPRECATED))


def find_traces(services: Services, actor: Actor, patient: INS) -> list[dict[str, Any]]:
    """The traces of a record this caller may see, newest first, as AuditEvent."""
    with Case(services, actor, Act.READ_TRACES, patient, "TD3.1") as case:
        stored = services.traces.for_patient(patient)
        # Own acts may be read without an authorisation, but then no document of the record is told of.
        dossier, answer = case.ask(
            lambda session: services.gateway.find_documents(session, _ALL), without_documents=True
        )
        answer = only_current(services.gateway, case.session, answer)
        seen = {entry.logical_id for entry in answer.entries if case.sees(dossier, entry)}
        shown = [
            trace
            for trace in stored
            if access.trace_visible(
                services.access,
                case.caller,
                dossier,
                case.context,
                patient,
                services.policy,
                person_id=trace.person_id,
                secret=trace.secret,
                about_document=bool(trace.document),
                document_visible=trace.document in seen,
            )
        ]
        patient_id = services.ids.seal_patient(patient)
        return [audit_event(_facts(services, trace), patient, patient_id) for trace in shown]


def _facts(services: Services, trace: StoredTrace) -> AuditFacts:
    document = services.ids.seal_document(trace.patient, trace.document) if trace.patient and trace.document else ""
    return AuditFacts(
        id=f"trace-{trace.seq}",
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

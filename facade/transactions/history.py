"""GET /AuditEvent?patient.identifier=: a record's access history, itself masked for its reader.

Sources: référentiel 2.2 and EXI 18; art. R. 1111-43 CSP. A trace about a document the reader may not see is not shown;
an access under connexion secrète is never shown to a representative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import DocumentAnswer, DocumentQuery
from facade.domain.document import Availability, DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.policy import access
from facade.records.traces import UNKNOWN, StoredTrace
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.transactions.versions import only_current
from facade.translation.audit_event import AuditFacts, audit_event

_UNKNOWN = "document.unknown"
_ALL = DocumentQuery(statuses=tuple(Availability))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which traces of a record, and which part of them: skip ``offset``, give ``count`` at most.

    ``since`` is included, ``until`` and ``before`` are not; None asks for everything. ``before`` is when the first of
    several pages was read.
    """

    patient: INS
    since: datetime | None = None
    until: datetime | None = None
    purposes: frozenset[str] | None = None
    before: datetime | None = None
    offset: int = 0
    count: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """``total`` counts what this caller may see, ``resources`` holds the page; ``before`` belongs to its next page."""

    total: int
    resources: list[dict[str, Any]]
    before: datetime


@measured("find-traces")
def find_traces(services: Services, actor: Actor, wanted: Wanted) -> Found:
    """The traces of a record this caller may see, newest first, as AuditEvent. Raises Refused, DmpUnavailable."""
    patient = wanted.patient
    with Case(services, actor, Act.READ_TRACES, patient, "TD3.1") as case:
        before = min(wanted.before or case.now, case.now)
        # Own acts may be read without an authorisation, but then no document of the record is told of.
        dossier, answer = case.ask(
            lambda session: services.gateway.find_documents(session, _ALL),
            refused=lambda error: DocumentAnswer((), (error,)),
        )
        answer = only_current(services.gateway, case.session, answer)
        seen = _seen(case, dossier, answer.entries)
        stored = services.traces.of_patient(
            patient, since=wanted.since, until=min(wanted.until or before, before), purposes=wanted.purposes
        )
        total, page = 0, []
        for trace in stored:
            if not _told(case, dossier, trace, _visible(trace, seen)):
                continue
            if wanted.offset <= total < wanted.offset + wanted.count:
                page.append(_shown(case, trace, _visible(trace, seen)))
            total += 1
        patient_id = services.ids.seal_patient(patient)
        return Found(total, [audit_event(facts, patient, patient_id) for facts in page], before)


def _seen(case: Case, dossier: Dossier, entries: Iterable[DocumentEntry]) -> dict[str, bool]:
    """The documents this reader sees or, had they not been withdrawn, would see; and whether it still does.

    That a document is withdrawn does not take away from its readers who had read it, nor who withdrew it.
    """
    return {
        entry.logical_id: entry.availability is not Availability.DELETED
        for entry in entries
        if case.sees(dossier, replace(entry, availability=Availability.APPROVED))
    }


def _visible(trace: StoredTrace, seen: Mapping[str, bool]) -> bool:
    """Whether the reader sees the document of a trace; an attempt on a withdrawn one reads as on one never there.

    What may have been done is told as if it was: it may be the withdrawal.
    """
    return trace.document in seen and (seen[trace.document] or trace.outcome in ("success", UNKNOWN))


def _told(case: Case, dossier: Dossier, trace: StoredTrace, visible: bool) -> bool:
    """Whether this reader is shown a trace.

    One's own attempt on a document that must not exist for oneself reads as an attempt on one that does not exist.
    """
    services, unknown = case.services, bool(trace.document) and not visible
    own_failure = trace.person_id == case.caller.id and trace.outcome != "success"
    return access.trace_visible(
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


def _shown(case: Case, trace: StoredTrace, visible: bool) -> AuditFacts:
    """What is shown of it: no document that the reader does not see."""
    facts = _facts(case.services, trace)
    if (trace.document and not visible) or trace.outcome_code == _UNKNOWN:
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
        outcome=trace.outcome,
        rule=trace.rule,
        person_id=trace.person_id,
        person_name=trace.person_name,
        structure_id=trace.structure_id,
        structure_name=trace.structure_name,
        application=trace.application,
        token_id=trace.local_id,
        document_id=document,
        base=services.settings.fhir_base,
        recipients=tuple(filter(None, trace.recipients.split(","))),
    )

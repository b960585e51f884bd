"""What this facade learns ends preloads at once: an opposition, a block, a closed record, a changed document.

A preload shows a record as it was when it was fetched. Whatever is known here to have changed since is honoured
without waiting for its end (référentiel EXI 02, EXI 03; art. R. 1111-46, R. 1111-49 CSP).
"""

from __future__ import annotations

from datetime import datetime

from facade.domain.access import Context
from facade.domain.caller import Caller, CallerKind
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.ins import INS
from facade.policy.vocabulary import Rule
from facade.records.consents import Category, Consent, Status
from facade.transactions.services import Services


def forget_if_closed(services: Services, caller: Caller, patient: INS, dossier: Dossier, context: Context) -> None:
    """End this professional's preloads of a record that the DMP says is closed to that professional now."""
    if caller.kind is not CallerKind.PROFESSIONAL or not dossier.exists:
        return
    rule = _closing_rule(dossier)
    if rule is not None:
        services.preloads.forget(patient, context.now, rule, person_id=caller.id)


def _closing_rule(dossier: Dossier) -> str | None:
    if dossier.closed:
        return Rule.RECORD_CLOSED
    if dossier.authorisation is Authorisation.BLOCKED:
        return Rule.BLOCKED
    readable = dossier.treating_doctor or dossier.authorisation is Authorisation.VALID
    return None if readable else Rule.NOT_AUTHORISED


def forget_if_opposed(services: Services, consent: Consent, now: datetime) -> None:
    """End the preloads that an opposition to consultation stops, of one professional or of the whole structure."""
    stated = consent.statement
    if stated.category is not Category.OPPOSITION_CONSULTATION or consent.status is not Status.ACTIVE:
        return
    services.preloads.forget(
        stated.patient,
        now,
        Rule.OPPOSITION_CONSULTATION,
        person_id=stated.professional_id,
        structure_id=stated.structure_id,
    )


def forget_document(services: Services, document: DocumentEntry) -> None:
    """Remove every copy of a document that was masked, hidden, shown, archived or withdrawn."""
    services.preloads.forget_document(document.logical_id)

"""Consent: record a patient's opposition or information here, and show it beside what the DMP says (TD0.2).

Sources: référentiel EXI 01, EXI 02, Annexe 2. The reason of an opposition is never received, so never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.errors import NotFound
from facade.domain.ins import INS
from facade.records.consents import Category, Channel, Consent, Statement
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.translation.consent import LocalConsent, read_consent, write_authorisation, write_consent


@dataclass(frozen=True, slots=True)
class Recorded:
    """A Consent as FHIR and its version, for the ETag."""

    resource: dict[str, Any]
    version: int
    id: str


def record_consent(services: Services, actor: Actor, resource: dict[str, Any]) -> Recorded:
    """Record one statement for the caller's own structure. Raises InvalidInput, Refused."""
    asked = read_consent(resource, services.subjects)
    with Case(services, actor, Act.RECORD_CONSENT, asked.patient, "local") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        case.require(dossier)
        statement = Statement(
            category=Category(asked.category),
            patient=asked.patient,
            structure_id=case.caller.structure.id,
            professional_id=asked.professional,
            channel=Channel(asked.channel) if asked.channel else None,
        )
        stored = services.consents.create(statement, recorder_id=case.caller.id, now=case.now)
        return _recorded(services, stored)


def find_consents(services: Services, actor: Actor, patient: INS) -> list[dict[str, Any]]:
    """The statements recorded here, and the caller's own authorisation as the DMP has it."""
    with Case(services, actor, Act.READ_CONSENT, patient, "TD0.2") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        case.require(dossier)
        caller = case.caller
        own = None if caller.pairings else caller.structure.id
        found = [_recorded(services, consent).resource for consent in services.consents.search(patient, own)]
        patient_id = services.ids.seal_patient(patient)
        authorisation = write_authorisation(dossier, caller, patient, patient_id, now=case.now)
        return [*found, authorisation] if authorisation else found


def read_one(services: Services, actor: Actor, consent_id: str) -> Recorded:
    """One statement. Raises NotFound for one of another structure too: it does not exist for this caller."""
    stored = services.consents.get(consent_id)
    if stored is None:
        raise NotFound.of("resource.unknown")
    with Case(services, actor, Act.READ_CONSENT, stored.statement.patient, "local") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        case.require(dossier)
        if not case.caller.pairings and case.caller.structure.id != stored.statement.structure_id:
            case.hidden = True
            raise NotFound.of("resource.unknown")
        return _recorded(services, stored)


def _recorded(services: Services, stored: Consent) -> Recorded:
    statement = stored.statement
    local = LocalConsent(
        patient=statement.patient,
        category=statement.category.value,
        professional=statement.professional_id,
        channel=statement.channel.value if statement.channel else "",
    )
    resource = write_consent(
        local,
        id=stored.id,
        patient_id=services.ids.seal_patient(statement.patient),
        active=stored.status.value == "active",
        recorded=stored.recorded,
        structure_id=statement.structure_id,
        version=stored.version,
    )
    return Recorded(resource, stored.version, stored.id)

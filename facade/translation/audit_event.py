"""A trace as FHIR AuditEvent, after the patterns of IHE BALP and the MHD audit profiles.

The French TDE profile allows one subtype and two agents and cannot be met at the same time: MHD was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facade.domain.ins import INS

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_PURPOSE = "urn:oid:1.2.250.1.213.1.1.4.248"
_PERSON = "urn:oid:1.2.250.1.71.4.2.1"
_STRUCTURE = "urn:oid:1.2.250.1.71.4.2.2"
_RULE = "urn:dmp-facade:rule"
# act -> FHIR interaction, AuditEvent.action, MHD transaction
_ACTS = {
    "search": ("search-type", "E", "ITI-67"),
    "read": ("read", "R", "ITI-67"),
    "retrieve": ("read", "R", "ITI-68"),
    "publish": ("create", "C", "ITI-105"),
    "replace": ("create", "C", "ITI-105"),
    "check": ("search-type", "E", ""),
    "read-consent": ("search-type", "E", ""),
    "read-traces": ("search-type", "E", ""),
    "record-consent": ("create", "C", ""),
}


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """What a trace says, in terms of AuditEvent. ``document_id`` is sealed; empty when no document is concerned."""

    id: str
    time: datetime
    kind: str
    act: str
    transaction: str
    purpose: str
    reason: str
    permitted: bool
    succeeded: bool
    rule: str
    person_id: str
    person_name: str
    structure_id: str
    structure_name: str
    token_id: str
    document_id: str
    base: str


def audit_event(facts: AuditFacts, patient: INS, patient_id: str) -> dict[str, Any]:
    """One AuditEvent as a plain dict."""
    interaction, action, iti = _ACTS.get(facts.act, ("patch", "U", ""))
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": facts.id,
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": _subtypes(facts, interaction, iti),
        "action": action,
        "recorded": facts.time.isoformat(timespec="milliseconds"),
        "outcome": "0" if facts.succeeded else "4",
        "outcomeDesc": facts.rule,
        "agent": _agents(facts),
        "source": {"observer": {"display": "dmp-facade"}},
        "entity": _entities(facts, patient, patient_id),
    }
    if facts.reason:
        event["purposeOfEvent"] = [{"coding": [{"system": _PURPOSE, "code": facts.purpose}], "text": facts.reason}]
    return event


def _subtypes(facts: AuditFacts, interaction: str, iti: str) -> list[dict[str, str]]:
    found = [{"system": _RESTFUL, "code": interaction}, {"system": "urn:dmp-facade:act", "code": facts.act}]
    if iti:
        found.append({"system": "urn:ihe:event-type-code", "code": iti})
    if facts.transaction:
        found.append({"system": "urn:dmp:transaction", "code": facts.transaction})
    return found


def _agents(facts: AuditFacts) -> list[dict[str, Any]]:
    who: dict[str, Any] = {"identifier": {"system": _person_system(facts.kind), "value": facts.person_id}}
    if facts.person_name:
        who["display"] = facts.person_name
    person: dict[str, Any] = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "who": who,
        "requestor": True,
        "purposeOfUse": [{"coding": [{"system": _PURPOSE, "code": facts.purpose}]}],
    }
    if facts.token_id:
        person["policy"] = [f"urn:ietf:params:oauth:jti:{facts.token_id}"]
    structure = {
        "type": {"coding": [{"system": _DCM, "code": "110152", "display": "Destination Role ID"}]},
        "who": {
            "identifier": {"system": _STRUCTURE, "value": facts.structure_id},
            "display": facts.structure_name or facts.structure_id,
        },
        "requestor": False,
    }
    server = {
        "type": {"coding": [{"system": _DCM, "code": "110153", "display": "Source Role ID"}]},
        "who": {"display": "dmp-facade"},
        "requestor": False,
        "network": {"address": facts.base, "type": "5"},
    }
    return [person, structure, server]


def _person_system(kind: str) -> str:
    if kind == "professional":
        return _PERSON
    return _STRUCTURE if kind == "structure" else "urn:dmp-facade:external-id"


def _entities(facts: AuditFacts, patient: INS, patient_id: str) -> list[dict[str, Any]]:
    kind = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
    role = "http://terminology.hl7.org/CodeSystem/object-role"
    found: list[dict[str, Any]] = [
        {
            "what": {
                "reference": f"Patient/{patient_id}",
                "identifier": {"system": patient.system, "value": patient.value},
            },
            "type": {"system": kind, "code": "1"},
            "role": {"system": role, "code": "1"},
        },
        {
            "what": {"identifier": {"system": _RULE, "value": facts.rule}},
            "type": {"system": kind, "code": "4"},
            "role": {"system": role, "code": "13"},
            "description": "permit" if facts.permitted else "deny",
        },
    ]
    if facts.document_id:
        found.append(
            {
                "what": {"reference": f"DocumentReference/{facts.document_id}"},
                "type": {"system": kind, "code": "2"},
                "role": {"system": role, "code": "3"},
            }
        )
    return found

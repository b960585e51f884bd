"""A trace as FHIR AuditEvent, after the patterns of IHE BALP and the MHD audit profiles.

The French TDE profile allows one subtype and two agents and cannot be met at the same time: MHD was chosen.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facade.domain.ins import INS

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_PURPOSE = "urn:oid:1.2.250.1.213.1.1.4.248"
_PERSON = "urn:oid:1.2.250.1.71.4.2.1"
_STRUCTURE = "urn:oid:1.2.250.1.71.4.2.2"
_APPLICATION = "urn:dmp-facade:application"
_RULE = "urn:dmp-facade:rule"
_SERVER = "dmp-facade"
_EMERGENCIES = {
    "bris_de_glace": {"system": _ACT_REASON, "code": "BTG", "display": "break the glass"},
    "centre_15": {"system": _ACT_REASON, "code": "ETREAT", "display": "Emergency Treatment"},
}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern of BALP. ``client`` and ``server`` are the DICOM roles, ``user`` the participation of who acted."""

    profile: str
    interaction: str
    action: str
    client: str
    server: str
    user: str


_DESTINATION, _SOURCE = "110152", "110153"
_ROLES = {_DESTINATION: "Destination Role ID", _SOURCE: "Source Role ID"}
# Data goes to the client of a read; the roles of a query follow its parameters (BALP, note of Query).
_QUERY = _Pattern("PatientQuery", "search-type", "E", _SOURCE, _DESTINATION, "IRCP")
_READ = _Pattern("PatientRead", "read", "R", _DESTINATION, _SOURCE, "IRCP")
_CREATE = _Pattern("PatientCreate", "create", "C", _SOURCE, _DESTINATION, "AUT")
_UPDATE = _Pattern("PatientUpdate", "patch", "U", _SOURCE, _DESTINATION, "AUT")
# act -> pattern, MHD transaction, type of the resource it is about; every other act changes a document
_ACTS = {
    "search": (_QUERY, "ITI-67", "DocumentReference"),
    "read": (_READ, "ITI-67", "DocumentReference"),
    "retrieve": (_READ, "ITI-68", "Binary"),
    "publish": (_CREATE, "ITI-105", "DocumentReference"),
    "replace": (_CREATE, "ITI-105", "DocumentReference"),
    # What is sent was read for it; to whom is told beside the document.
    "send": (_READ, "", "DocumentReference"),
    "send-to-patient": (_READ, "", "DocumentReference"),
    "check": (_QUERY, "", "Patient"),
    "authorise": (_CREATE, "", "Consent"),
    "list-authorisations": (_QUERY, "", "Consent"),
    "record-consent": (_CREATE, "", "Consent"),
    "read-consent": (_QUERY, "", "Consent"),
    "list-fed": (_QUERY, "", "DocumentReference"),
    "read-traces": (_QUERY, "", "AuditEvent"),
    "preload": (_QUERY, "", "Task"),
    "end-preload": (_UPDATE, "", "Task"),
}
_CHANGE = (_UPDATE, "", "DocumentReference")
_SUCCESS, _FAILED = "success", "4"
# 12 is the one code that says of a system that it died, and not of an action that it failed.
_OUTCOMES = {_SUCCESS: "0", "unknown": "12"}


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """What a trace says, in terms of AuditEvent. ``document_id`` is sealed; empty when no document is concerned.

    ``outcome`` is the trace's: ``success``, ``refused``, ``error`` or ``unknown``.
    """

    id: str
    time: datetime
    kind: str
    act: str
    transaction: str
    purpose: str
    reason: str
    permitted: bool
    outcome: str
    rule: str
    person_id: str
    person_name: str
    structure_id: str
    structure_name: str
    application: str
    token_id: str
    document_id: str
    base: str
    recipients: tuple[str, ...] = ()


def audit_event(facts: AuditFacts, patient: INS, patient_id: str) -> dict[str, Any]:
    """One AuditEvent as a plain dict. A success claims the BALP pattern of its act, which is one for successes."""
    pattern, iti, kind = _ACTS.get(facts.act, _CHANGE)
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": facts.id,
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": _subtypes(facts, pattern.interaction, iti),
        "action": pattern.action,
        "recorded": facts.time.isoformat(timespec="milliseconds"),
        "outcome": _OUTCOMES.get(facts.outcome, _FAILED),
        "outcomeDesc": facts.rule,
        "agent": _agents(facts, pattern),
        "source": {"observer": {"display": _SERVER}},
        "entity": _entities(facts, pattern, kind, patient, patient_id),
    }
    if facts.outcome == _SUCCESS:
        event["meta"] = {"profile": [_BALP + pattern.profile]}
    if facts.reason or facts.purpose in _EMERGENCIES:
        event["purposeOfEvent"] = [_purpose(facts)]
    return event


def _purpose(facts: AuditFacts) -> dict[str, Any]:
    """The purpose, in the word every system knows for an emergency too: what an alert is looked for by."""
    coding = [{"system": _PURPOSE, "code": facts.purpose}]
    if facts.purpose in _EMERGENCIES:
        coding.append(_EMERGENCIES[facts.purpose])
    return {"coding": coding} | ({"text": facts.reason} if facts.reason else {})


def _subtypes(facts: AuditFacts, interaction: str, iti: str) -> list[dict[str, str]]:
    found = [{"system": _RESTFUL, "code": interaction}, {"system": "urn:dmp-facade:act", "code": facts.act}]
    if iti:
        found.append({"system": "urn:ihe:event-type-code", "code": iti})
    if facts.transaction:
        found.append({"system": "urn:dmp:transaction", "code": facts.transaction})
    return found


def _agents(facts: AuditFacts, pattern: _Pattern) -> list[dict[str, Any]]:
    who: dict[str, Any] = {"identifier": {"system": _person_system(facts.kind), "value": facts.person_id}}
    if facts.person_name:
        who["display"] = facts.person_name
    person: dict[str, Any] = {
        "type": {"coding": [{"system": _PARTICIPATION, "code": pattern.user}]},
        "who": who,
        "requestor": True,
        "purposeOfUse": [{"coding": [{"system": _PURPOSE, "code": facts.purpose}]}],
    }
    if facts.token_id:
        person["policy"] = [f"urn:ietf:params:oauth:jti:{facts.token_id}"]
    client = {
        "type": _role(pattern.client),
        "who": _client(facts),
        "requestor": False,
        # The address of a client is not kept: it is known by the name its token gives it.
        "network": {"address": facts.application or facts.structure_id or facts.person_id, "type": "1"},
    }
    server = {
        "type": _role(pattern.server),
        "who": {"display": _SERVER},
        "requestor": False,
        "network": {"address": facts.base, "type": "5"},
    }
    return [person, client, server]


def _client(facts: AuditFacts) -> dict[str, Any]:
    """The structure whose software asked; the application of somebody who acts for no structure."""
    if facts.structure_id:
        structure = {"system": _STRUCTURE, "value": facts.structure_id}
        return {"identifier": structure, "display": facts.structure_name or facts.structure_id}
    return {"identifier": {"system": _APPLICATION, "value": facts.application or facts.person_id}}


def _role(code: str) -> dict[str, Any]:
    return {"coding": [{"system": _DCM, "code": code, "display": _ROLES[code]}]}


def _person_system(kind: str) -> str:
    if kind == "professional":
        return _PERSON
    return _STRUCTURE if kind == "structure" else "urn:dmp-facade:external-id"


def _entities(
    facts: AuditFacts, pattern: _Pattern, resource: str, patient: INS, patient_id: str
) -> list[dict[str, Any]]:
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
    thing = {"type": {"system": kind, "code": "2"}, "role": {"system": role, "code": "3"}}
    if pattern is _QUERY:
        # Other parameters than the patient are not kept, and the patient is named by the sealed id.
        query = b64encode(f"{resource}?patient={patient_id}".encode()).decode()
        found.append(thing | {"role": {"system": role, "code": "24"}, "query": query})
    elif facts.document_id:
        boxes = [{"type": "recipient", "valueString": box} for box in facts.recipients]
        document = {"what": {"reference": f"DocumentReference/{facts.document_id}"}}
        found.append(thing | document | ({"detail": boxes} if boxes else {}))
    elif resource in ("Consent", "Task"):
        found.append(thing | {"what": {"type": resource}})
    return found

"""The patterns of IHE BALP 1.1 for a successful act on a patient's data, read from its profiles by hand.

https://profiles.ihe.net/ITI/BALP: PatientQuery, PatientRead, PatientCreate, PatientUpdate.
"""

from __future__ import annotations

from typing import Any

_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REST = ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest")
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT = "http://terminology.hl7.org/CodeSystem/object-role"
_REPORTS = {"3", "4", "20"}
# profile -> action, interactions, DICOM role of the client and of the server, participations of the user
_PATTERNS = {
    "PatientQuery": ("E", {"search", "search-type", "search-system"}, "110153", "110152", {"IRCP"}),
    "PatientRead": ("R", {"read", "vread"}, "110152", "110153", {"IRCP"}),
    "PatientCreate": ("C", {"create"}, "110153", "110152", {"AUT", "INF", "CST"}),
    "PatientUpdate": ("U", {"update", "patch"}, "110153", "110152", {"AUT", "INF", "CST"}),
}


def faults(event: dict[str, Any]) -> list[str]:
    """In what a successful AuditEvent departs from the pattern it claims."""
    [profile] = event["meta"]["profile"]
    action, interactions, client, server, users = _PATTERNS[profile.removeprefix(_PROFILE)]
    return [
        name
        for name, holds in {
            "type": (event["type"]["system"], event["type"]["code"]) == _REST,
            "action": event["action"] == action,
            "outcome": event["outcome"] == "0",
            "recorded": bool(event["recorded"]),
            "subtype": any(each["system"] == _RESTFUL and each["code"] in interactions for each in event["subtype"]),
            "client": _device(event, client),
            "server": _device(event, server)
            and _agents(event, _DCM, {server})[0]["who"] == event["source"]["observer"],
            "user": _user(_agents(event, _PARTICIPATION, users)),
            "patient": _patient(_entities(event, "1")),
            "data": _data(_entities(event, "2"), queried=action == "E"),
        }.items()
        if not holds
    ]


def _agents(event: dict[str, Any], system: str, codes: set[str]) -> list[dict[str, Any]]:
    return [
        agent
        for agent in event["agent"]
        if any(coding["system"] == system and coding["code"] in codes for coding in agent["type"]["coding"])
    ]


def _device(event: dict[str, Any], role: str) -> bool:
    found = _agents(event, _DCM, {role})
    return (
        len(found) == 1 and bool(found[0]["who"]) and bool(found[0]["network"]["address"]) and "media" not in found[0]
    )


def _user(found: list[dict[str, Any]]) -> bool:
    return len(found) == 1 and bool(found[0]["who"]) and found[0]["requestor"] and "network" not in found[0]


def _entities(event: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [each for each in event["entity"] if (each["type"]["system"], each["type"]["code"]) == (_ENTITY, code)]


def _patient(found: list[dict[str, Any]]) -> bool:
    return (
        len(found) == 1
        and found[0]["what"]["reference"].startswith("Patient/")
        and (found[0]["role"]["system"], found[0]["role"]["code"]) == (_OBJECT, "1")
    )


def _data(found: list[dict[str, Any]], *, queried: bool) -> bool:
    if len(found) != 1:
        return False
    if queried:
        return found[0]["role"]["code"] == "24" and bool(found[0]["query"]) and "what" not in found[0]
    return found[0]["role"]["code"] in _REPORTS and bool(found[0]["what"])

"""Consent, both ways: the statements this facade records, and a professional's authorisation as TD0.2 gives it.

No national profile of a DMP Consent exists (PDSm4DMP leaves it open): this one is the project's own. An element that
could carry the reason of an opposition is refused, whatever it holds (référentiel EXI 02).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facade.domain.caller import Caller, CallerKind
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import INS
from facade.translation.subject_in import SubjectRules, read_subject

CATEGORY_SYSTEM = "urn:dmp-facade:consent-category"
CHANNEL_EXTENSION = "urn:dmp-facade:information-channel"
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
PERSON_SYSTEM = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURE_SYSTEM = "urn:oid:1.2.250.1.71.4.2.2"
RECORDED_HERE = ("information-given", "opposition-consultation", "opposition-feeding")
_CHANNELS = ("face-to-face", "telephone", "online", "letter")
_KNOWN = {
    *("resourceType", "id", "meta", "language", "status", "scope", "category", "patient", "dateTime"),
    *("performer", "organization", "policy", "policyRule", "provision", "extension"),
}
_PROSE = {"text", "note", "sourceAttachment", "sourceReference", "contained"}


@dataclass(frozen=True, slots=True)
class LocalConsent:
    """A statement of the patient: its category, the professional it is limited to, how the patient was informed."""

    patient: INS
    category: str
    professional: str = ""
    channel: str = ""


def read_consent(resource: dict[str, Any], rules: SubjectRules) -> LocalConsent:
    """Read a Consent to be recorded. Raises InvalidInput naming every element that is refused."""
    problems = [*_refused_elements(resource), *_fixed_values(resource)]
    category = _category(resource, problems)
    channel = _channel(resource, problems)
    professional = _professional(resource, problems)
    if "patient" not in resource:
        problems.append(Problem("consent.patient-required", ("Consent.patient",)))
    if problems:
        raise InvalidInput(problems)
    subject = read_subject(resource, {}, rules, element="patient")
    return LocalConsent(subject.ins, category, professional, channel)


def write_consent(
    consent: LocalConsent,
    *,
    id: str,  # noqa: A002 - FHIR's own name
    patient_id: str,
    active: bool,
    recorded: datetime,
    structure_id: str,
    version: int,
) -> dict[str, Any]:
    """A recorded statement as FHIR Consent."""
    resource = _base(consent.patient, patient_id, consent.category, active=active, at=recorded)
    resource["id"] = id
    resource["meta"] = {"versionId": str(version), "lastUpdated": recorded.isoformat(timespec="seconds")}
    resource["organization"] = [{"identifier": {"system": STRUCTURE_SYSTEM, "value": structure_id}}]
    if consent.category.startswith("opposition-"):
        resource["provision"] = {"type": "deny", **_actor(consent.professional)}
    if consent.channel:
        resource["extension"] = [{"url": CHANNEL_EXTENSION, "valueCode": consent.channel}]
    return resource


def write_authorisation(
    dossier: Dossier, caller: Caller, patient: INS, patient_id: str, *, now: datetime
) -> dict[str, Any] | None:
    """The caller's own authorisation (TD0.2 AUTORISATION) as Consent; None where the DMP knows none for this caller."""
    if caller.kind is not CallerKind.PROFESSIONAL or dossier.authorisation is Authorisation.NONE:
        return None
    category = "blocked" if dossier.authorisation is Authorisation.BLOCKED else "authorisation"
    valid = dossier.authorisation is not Authorisation.EXPIRED
    resource = _base(patient, patient_id, category, active=valid, at=now)
    effect = "deny" if category == "blocked" else "permit"
    resource["provision"] = {"type": effect, **_actor(caller.id)}
    return resource


def _base(patient: INS, patient_id: str, category: str, *, active: bool, at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active" if active else "inactive",
        "scope": SCOPE,
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": category}]}],
        "patient": {
            "reference": f"Patient/{patient_id}",
            "identifier": {"system": patient.system, "value": patient.value},
        },
        "dateTime": at.isoformat(timespec="seconds"),
        "policyRule": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]
            if category in ("authorisation", "information-given")
            else [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]
        },
    }


def _actor(professional: str) -> dict[str, Any]:
    if not professional:
        return {}
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]}
    return {"actor": [{"role": role, "reference": {"identifier": {"system": PERSON_SYSTEM, "value": professional}}}]}


def _refused_elements(resource: dict[str, Any]) -> list[Problem]:
    """Everything that is not known is refused: an opposition's reason must find no place to hide."""
    problems = []
    for name in sorted(set(resource) - _KNOWN):
        code = "consent.free-text" if name in _PROSE or name.startswith("_") else "consent.element"
        problems.append(Problem(code, (f"Consent.{name}",)))
    return [*problems, *(Problem("consent.free-text", (path,)) for path in _prose_inside(resource, "Consent"))]


def _prose_inside(value: Any, path: str) -> list[str]:
    """Paths of free text below the first level: texts, strings of unknown extensions, a policy that is not a URI."""
    found: list[str] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{name}"
            prose = name in ("text", "div", "valueString", "valueMarkdown", "valueAnnotation", "securityLabel", "data")
            unknown_extension = name == "extension" and any(
                not isinstance(each, dict) or each.get("url") != CHANNEL_EXTENSION for each in inner
            )
            sentence = name in ("uri", "authority") and " " in str(inner)
            if (path != "Consent" and prose) or unknown_extension or sentence or name == "modifierExtension":
                found.append(here)
            else:
                found.extend(_prose_inside(inner, here))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            found.extend(_prose_inside(inner, f"{path}[{position}]"))
    return found


def _fixed_values(resource: dict[str, Any]) -> list[Problem]:
    problems = []
    if resource.get("status") != "active":
        problems.append(Problem("consent.status", ("Consent.status",)))
    codes = [coding.get("code") for coding in (resource.get("scope") or {}).get("coding", [])]
    if codes != ["patient-privacy"]:
        problems.append(Problem("consent.scope", ("Consent.scope",)))
    return problems


def _category(resource: dict[str, Any], problems: list[Problem]) -> str:
    codes = [str(coding.get("code", "")) for each in resource.get("category", []) for coding in each.get("coding", [])]
    if len(codes) == 1 and codes[0] in RECORDED_HERE:
        return codes[0]
    values = {"value": ", ".join(codes)[:60] or "-", "available": ", ".join(RECORDED_HERE)}
    problems.append(Problem("consent.category", ("Consent.category",), values))
    return ""


def _channel(resource: dict[str, Any], problems: list[Problem]) -> str:
    for extension in resource.get("extension", []):
        if isinstance(extension, dict) and extension.get("url") == CHANNEL_EXTENSION:
            code = str(extension.get("valueCode", ""))
            if code in _CHANNELS:
                return code
            problems.append(Problem("consent.channel", ("Consent.extension",), {"available": ", ".join(_CHANNELS)}))
    return ""


def _professional(resource: dict[str, Any], problems: list[Problem]) -> str:
    """The one professional an opposition is limited to, by IdNat_PS; empty: the whole structure."""
    actors = (resource.get("provision") or {}).get("actor", [])
    found = [
        str((actor.get("reference") or {}).get("identifier", {}).get("value", ""))
        for actor in actors
        if isinstance(actor, dict)
    ]
    if len(found) > 1 or (found and not found[0].isdigit()):
        problems.append(Problem("consent.element", ("Consent.provision.actor",)))
    return found[0] if len(found) == 1 else ""

"""A statement as FHIR Consent: those recorded here, and what the DMP says of its own (TD0.2, TD1.6).

No national profile of a DMP Consent exists (PDSm4DMP leaves it open): this one is the project's own, published at
/fhir/StructureDefinition/consent. Sources: FHIR R4 Consent; référentiel EXI 01, EXI 02.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from facade.domain.ins import INS
from facade.translation.consent_tables import (
    CASE_EXTENSION,
    CATEGORY_SYSTEM,
    CHANNEL_EXTENSION,
    NON_OPPOSITION_EXTENSION,
    PROFILE,
    Category,
)

SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
PERSON_SYSTEM = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURE_SYSTEM = "urn:oid:1.2.250.1.71.4.2.2"
_PURPOSE_SYSTEM = "urn:oid:1.2.250.1.213.1.1.4.248"
_POLICY_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_RECIPIENT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]}


@dataclass(frozen=True, slots=True)
class Shown:
    """A statement to be shown.

    ``structure`` is the one it was recorded for; the actor (``person`` or ``actor_structure``) the one it is about;
    ``purpose`` the emergency objected to. ``version`` and ``recorded`` are those of a statement kept here.
    ``non_opposition`` is None where the statement says nothing about it.
    """

    id: str
    patient: INS
    patient_id: str
    category: Category
    active: bool
    at: datetime | None = None
    structure: str = ""
    person: str = ""
    person_name: str = field(default="", repr=False)
    actor_structure: str = ""
    purpose: str = ""
    channel: str = ""
    case: int | None = None
    non_opposition: bool | None = None
    version: int | None = None
    recorded: datetime | None = None


def write_consent(shown: Shown) -> dict[str, Any]:
    """One statement as a plain dict."""
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "id": shown.id,
        "meta": _meta(shown),
        "status": "active" if shown.active else "inactive",
        "scope": SCOPE,
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": shown.category.code}]}],
        "patient": {
            "reference": f"Patient/{shown.patient_id}",
            "identifier": {"system": shown.patient.system, "value": shown.patient.value},
        },
        "policyRule": {"coding": [{"system": _POLICY_SYSTEM, "code": shown.category.policy_rule}]},
    }
    if shown.at is not None:
        resource["dateTime"] = _instant(shown.at)
    if shown.structure:
        resource["organization"] = [{"identifier": {"system": STRUCTURE_SYSTEM, "value": shown.structure}}]
    if extensions := _extensions(shown):
        resource["extension"] = extensions
    if shown.category.effect:
        resource["provision"] = {"type": shown.category.effect, **_about(shown)}
    return resource


def _meta(shown: Shown) -> dict[str, Any]:
    meta: dict[str, Any] = {"profile": [PROFILE]}
    if shown.version is not None:
        meta["versionId"] = str(shown.version)
    if shown.recorded is not None:
        meta["lastUpdated"] = _instant(shown.recorded)
    return meta


def _extensions(shown: Shown) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if shown.channel:
        found.append({"url": CHANNEL_EXTENSION, "valueCode": shown.channel})
    if shown.case is not None:
        found.append({"url": CASE_EXTENSION, "valueCode": str(shown.case)})
    if shown.non_opposition is not None:
        found.append({"url": NON_OPPOSITION_EXTENSION, "valueBoolean": shown.non_opposition})
    return found


def _about(shown: Shown) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if shown.person:
        reference: dict[str, Any] = {"identifier": {"system": PERSON_SYSTEM, "value": shown.person}}
        if shown.person_name:
            reference["display"] = shown.person_name
        about["actor"] = [{"role": _RECIPIENT, "reference": reference}]
    elif shown.actor_structure:
        structure = {"identifier": {"system": STRUCTURE_SYSTEM, "value": shown.actor_structure}}
        about["actor"] = [{"role": _RECIPIENT, "reference": structure}]
    if shown.purpose:
        about["purpose"] = [{"system": _PURPOSE_SYSTEM, "code": shown.purpose}]
    return about


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")

"""From FHIR to what a page shows: one line of a table for each resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_MASKS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
_LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_PURPOSES = ("bris_de_glace", "centre_15")
_ACT = "urn:dmp-facade:act"
# AuditEvent.outcome
_ENDS = {"0": "ok", "12": "unknown"}


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One document as its reader sees it. ``masks`` are codes of JDV_J58; ``why`` is set by the page."""

    id: str
    title: str
    type: str
    date: str
    author: str
    status: str
    masks: tuple[str, ...]
    labels: tuple[dict[str, Any], ...] = field(repr=False)
    why: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One access: when, who, what, by which rule, and how it ended: ``ok``, ``refused`` or ``unknown``."""

    time: str
    who: str
    where: str
    act: str
    rule: str
    end: str
    emergency: str
    reason: str
    document: str


def document_line(resource: dict[str, Any]) -> DocumentLine:
    """Read a DocumentReference."""
    attachment = resource["content"][0]["attachment"]
    coding = resource.get("type", {}).get("coding", [{}])[0]
    labels = tuple(resource.get("securityLabel", []))
    return DocumentLine(
        id=resource["id"],
        title=attachment.get("title") or resource.get("description", ""),
        type=coding.get("display") or coding.get("code", ""),
        date=resource.get("date", "")[:16].replace("T", " "),
        author=", ".join(_authors(resource)),
        status=resource.get("status", ""),
        masks=tuple(code for label in labels for code in _codes(label, _MASKS)),
        labels=labels,
    )


def with_mask(labels: tuple[dict[str, Any], ...], mask: str, *, on: bool) -> list[dict[str, Any]]:
    """The security labels with a mask put on or taken off; the others as they were."""
    kept = [label for label in labels if mask not in _codes(label, _MASKS)]
    if not any(_codes(label, _LEVELS) for label in kept):
        kept.insert(0, {"coding": [{"system": _LEVELS, "code": "N"}]})
    return [*kept, {"coding": [{"system": _MASKS, "code": mask}]}] if on else kept


def trace_line(resource: dict[str, Any]) -> TraceLine:
    """Read an AuditEvent."""
    person, client = resource["agent"][0], resource["agent"][1]
    who = person["who"]
    purposes = [
        coding["code"]
        for purpose in person.get("purposeOfUse", [])
        for coding in purpose["coding"]
        if coding["code"] in _PURPOSES
    ]
    entities = [entity.get("what", {}).get("reference", "") for entity in resource.get("entity", [])]
    return TraceLine(
        time=resource["recorded"][:19].replace("T", " "),
        who=who.get("display") or who.get("identifier", {}).get("value", ""),
        where=client["who"].get("display", ""),
        act=next((subtype["code"] for subtype in resource["subtype"] if subtype["system"] == _ACT), ""),
        rule=resource.get("outcomeDesc", ""),
        end=_ENDS.get(resource["outcome"], "refused"),
        emergency=next(iter(purposes), ""),
        reason=next((each.get("text", "") for each in resource.get("purposeOfEvent", [])), ""),
        document=next((reference for reference in entities if reference.startswith("DocumentReference/")), ""),
    )


def told(parameters: dict[str, Any]) -> dict[str, str]:
    """The Parameters of $explain-access by name: decision, rule, basis, text."""
    found = {}
    for each in parameters.get("parameter", []):
        value = each.get("valueCode") or each.get("valueString") or each.get("valueCoding", {}).get("code", "")
        found[each["name"]] = value
    return found


def _authors(resource: dict[str, Any]) -> list[str]:
    people = {each.get("id", ""): each for each in resource.get("contained", [])}
    found = []
    for author in resource.get("author", []):
        person = people.get(author.get("reference", "").removeprefix("#"), {})
        found.append(author.get("display") or _name(person, people))
    return [name for name in dict.fromkeys(found) if name]


def _name(person: dict[str, Any], people: dict[str, Any]) -> str:
    if person.get("resourceType") == "PractitionerRole":
        person = people.get(person.get("practitioner", {}).get("reference", "").removeprefix("#"), {})
    name = person.get("name", "")
    if isinstance(name, str):
        return name
    first: dict[str, Any] = next(iter(name), {})
    return " ".join([*first.get("given", []), first.get("family", "")]).strip() or str(first.get("text", ""))


def _codes(label: dict[str, Any], system: str) -> list[str]:
    return [coding.get("code", "") for coding in label.get("coding", []) if coding.get("system") == system]

"""An alert of supervision as FHIR Flag: on whose uses, by which criterion, and whether it still stands.

FHIR R4 Flag, on a Practitioner. No patient stands in it: whose records they were is in the access traces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CRITERION_SYSTEM = "urn:dmp-facade:supervision-criterion"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/flag-category"
_PERSON = "urn:oid:1.2.250.1.71.4.2.1"
_STRUCTURE = "urn:oid:1.2.250.1.71.4.2.2"


@dataclass(frozen=True, slots=True)
class FlagFacts:
    """What an alert says. ``text`` is its criterion in the reader's language; ``released`` when it was closed."""

    id: str
    criterion: str
    text: str
    severity: str
    person: str = field(repr=False)
    structure: str
    first: datetime
    last: datetime
    count: int
    raised: datetime
    released: datetime | None
    suspends: bool


def flag(facts: FlagFacts) -> dict[str, Any]:
    """One Flag as a plain dict. Its period is that of the uses; ``active`` until somebody released it."""
    return {
        "resourceType": "Flag",
        "id": facts.id,
        "extension": [
            {"url": "urn:dmp-facade:alert-raised", "valueInstant": _instant(facts.raised)},
            {"url": "urn:dmp-facade:alert-severity", "valueCode": facts.severity},
            {"url": "urn:dmp-facade:alert-uses", "valueInteger": facts.count},
            {"url": "urn:dmp-facade:alert-suspends", "valueBoolean": facts.suspends and facts.released is None},
        ],
        "status": "inactive" if facts.released else "active",
        "category": [{"coding": [{"system": _CATEGORY, "code": "admin"}]}],
        "code": {"coding": [{"system": CRITERION_SYSTEM, "code": facts.criterion}], "text": facts.text},
        "subject": {"type": "Practitioner", "identifier": {"system": _PERSON, "value": facts.person}},
        "period": {"start": _instant(facts.first), "end": _instant(facts.last)},
        "author": {"type": "Organization", "identifier": {"system": _STRUCTURE, "value": facts.structure}},
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")

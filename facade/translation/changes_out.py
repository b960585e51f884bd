"""What became of the documents of a record, as a Bundle of type history.

Source: FHIR R4 Bundle (history: each entry says by request and response what happened); the tag of a resource says
which change it was, in the facade's own CodeSystem (mappings/documents/changes.csv).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from facade.domain.document import XdsTime
from facade.translation.tables import Json
from facade.translation.times import to_instant

CHANGE_SYSTEM = "urn:dmp-facade:document-change-code"


class Change(StrEnum):
    """What happened to a document; ``GONE`` is all that is told of one that is not there for its reader."""

    NEW = "new"
    REPLACED = "replaced"
    VISIBILITY = "visibility"
    AVAILABILITY = "availability"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Changed:
    """One document that changed: as it is now, how it changed, and when, where that may be told."""

    resource: Json
    change: Change
    time: XdsTime | None = None


def changes_bundle(
    changes: Sequence[Changed],
    gone: Sequence[str],
    *,
    base: str,
    asked_at: datetime,
    links: Sequence[dict[str, str]],
    outcome: Json | None = None,
) -> Json:
    """The Bundle. ``gone`` are sealed ids; ``outcome`` is what the client must know besides, ``links`` as in FHIR."""
    entries = [_entry(each, base) for each in changes] + [_gone(each, base) for each in gone]
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "history",
        "timestamp": asked_at.isoformat(timespec="seconds"),
        "total": len(entries),
        "link": list(links),
    }
    if outcome is not None:
        request = {"method": "GET", "url": "DocumentReference/$changes"}
        entries.append({"request": request, "response": {"status": "200", "outcome": outcome}})
    if entries:
        bundle["entry"] = entries
    return bundle


def _entry(changed: Changed, base: str) -> Json:
    resource, new = changed.resource, changed.change is Change.NEW
    tag = {"system": CHANGE_SYSTEM, "code": changed.change.value}
    address = f"DocumentReference/{resource['id']}"
    response = {"status": "201" if new else "200", "etag": f'W/"{resource["meta"]["versionId"]}"'}
    if changed.time is not None:
        response["lastModified"] = to_instant(changed.time)
    return {
        "fullUrl": f"{base}/{address}",
        "resource": resource | {"meta": resource["meta"] | {"tag": [tag, *resource["meta"].get("tag", ())]}},
        "request": {"method": "POST", "url": "DocumentReference"} if new else {"method": "PATCH", "url": address},
        "response": response,
    }


def _gone(document: str, base: str) -> Json:
    address = f"DocumentReference/{document}"
    return {
        "fullUrl": f"{base}/{address}",
        "request": {"method": "DELETE", "url": address},
        "response": {"status": "404"},
    }

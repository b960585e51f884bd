"""What a structure fed into a record, as DocumentReferences that say what its own ledger knows, and the visible mark.

Source: référentiel DMP EXI 05. The mark is a tag (mappings/documents/feeding_marks.csv), its day an extension; what the
DMP alone knows (authors, masks, title) is left out, and the resource tagged as incomplete.
"""

from __future__ import annotations

from binascii import b2a_base64, unhexlify
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from facade.domain.document import XdsTime
from facade.domain.ins import INS
from facade.translation.identifiers import URI_SYSTEM
from facade.translation.tables import CodeTables, Json
from facade.translation.times import to_instant
from facade.translation.vocabulary import IS_DELETED

MARK_SYSTEM = "urn:dmp-facade:feeding-mark-code"
MARK_DATE = "urn:dmp-facade:feeding-mark-date"
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


class Mark(StrEnum):
    """What became of a document that was fed."""

    PUBLISHED = "published"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class FedDocument:
    """One document of the ledger, ready to be written. ``marked_at`` is None where that may not be told.

    ``sha1`` is in hex, of the content as it was handed in.
    """

    id: str
    unique_id: str
    type_code: str
    media_type: str
    sha1: str
    size: int
    fed_at: datetime
    mark: Mark
    marked_at: datetime | None


def fed_document(fed: FedDocument, patient: INS, patient_id: str, tables: CodeTables) -> Json:
    """The DocumentReference of one document that was fed."""
    known = tables.types.with_code(fed.type_code)
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": fed.id,
        "meta": {"tag": [{"system": MARK_SYSTEM, "code": fed.mark.value}, _SUBSETTED]},
        "masterIdentifier": {"use": "usual", "system": URI_SYSTEM, "value": f"urn:oid:{fed.unique_id}"},
        "status": "current" if fed.mark is Mark.PUBLISHED else "superseded",
        "type": tables.concept(known[0]) if known else {"coding": [{"code": fed.type_code}]},
        "subject": {
            "reference": f"Patient/{patient_id}",
            "identifier": {"system": patient.system, "value": patient.value},
        },
        "date": to_instant(XdsTime.at(fed.fed_at)),
        "content": [
            {
                "attachment": {
                    "contentType": fed.media_type,
                    "size": fed.size,
                    "hash": b2a_base64(unhexlify(fed.sha1), newline=False).decode(),
                }
            }
        ],
    }
    if extensions := _extensions(fed):
        resource["extension"] = extensions
    return resource


def _extensions(fed: FedDocument) -> list[Json]:
    found: list[Json] = []
    if fed.marked_at is not None:
        found.append({"url": MARK_DATE, "valueDateTime": to_instant(XdsTime.at(fed.marked_at))})
    if fed.mark is Mark.WITHDRAWN:
        found.append({"url": IS_DELETED, "valueBoolean": True})
    return found

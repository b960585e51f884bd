"""DocumentEntry -> DocumentReference, as a plain dict in the shape of PDSm comprehensive.

Source: MHD 4.2.3 mapping DocumentReference <-> DocumentEntry; PDSm comprehensive document reference (securityLabel in
two slices, isArchived). It is written by hand and not through models: a search answers with a hundred of these.
"""

from __future__ import annotations

from binascii import b2a_base64, unhexlify
from dataclasses import dataclass
from datetime import datetime

from facade.domain.document import Availability, DocumentEntry, ReferenceId, XdsTime
from facade.translation.identifiers import URI_SYSTEM
from facade.translation.labels import write_labels
from facade.translation.people_out import People, PeopleOfDocuments
from facade.translation.provenance import tags
from facade.translation.tables import CodeTables, Json
from facade.translation.times import to_fhir, to_instant
from facade.translation.vocabulary import COMPREHENSIVE, IS_ARCHIVED, IS_DELETED


@dataclass(frozen=True, slots=True)
class NaturalForm:
    """The file as the producer sent it, when the facade wrapped it into the registered CDA."""

    media_type: str
    sha1: str
    size: int


def document_reference(
    entry: DocumentEntry,
    *,
    id: str,  # noqa: A002 - the name FHIR gives it
    patient_id: str,
    base: str,
    tables: CodeTables,
    natural: NaturalForm | None = None,
    replaces_id: str = "",
    last_updated: datetime | None = None,
    people: PeopleOfDocuments | None = None,
) -> Json:
    """The DocumentReference of one entry. No identity trait of the patient is written, only the INS.

    ``id`` and ``patient_id`` are the sealed ids, ``base`` the FHIR base URL without a final slash. ``natural``
    describes the wrapped file; without it the attachment describes the registered CDA. ``replaces_id`` is the sealed
    id of the replaced document; without it ``entry.replaces`` is named by its urn:uuid. ``people`` is shared by the
    documents of one answer.
    """
    within = (people or PeopleOfDocuments(tables)).of(entry)
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": id,
        "meta": _meta(entry, last_updated),
        "contained": within.contained,
        "extension": _flags(entry.availability),
        "masterIdentifier": {"use": "usual", "system": URI_SYSTEM, "value": f"urn:oid:{entry.unique_id}"},
        "identifier": _identifiers(entry),
        "status": "current" if entry.availability in _CURRENT else "superseded",
        "type": tables.concept(entry.type_code),
        "category": [tables.concept(entry.class_code)],
        "subject": {
            "reference": f"Patient/{patient_id}",
            "identifier": {"system": entry.patient.system, "value": entry.patient.value},
        },
        "date": to_instant(entry.creation_time),
        "author": within.authors,
    }
    if within.authenticator is not None:
        resource["authenticator"] = within.authenticator
    _custodian(resource, entry)
    _relates_to(resource, entry, replaces_id)
    if entry.comments:
        resource["description"] = entry.comments
    resource["securityLabel"] = write_labels(entry.masking, tables)
    resource["content"] = [
        {"attachment": _attachment(entry, id, base, natural), "format": tables.coding(entry.format_code)}
    ]
    resource["context"] = _context(entry, within, tables)
    return resource


_CURRENT = (Availability.APPROVED, Availability.ARCHIVED)


def _meta(entry: DocumentEntry, last_updated: datetime | None) -> Json:
    meta: Json = {"versionId": entry.version_id, "profile": [COMPREHENSIVE], "tag": tags()}
    if last_updated is not None:
        meta["lastUpdated"] = to_instant(XdsTime.at(last_updated))
    return meta


def _flags(availability: Availability) -> list[Json]:
    flags: list[Json] = [{"url": IS_ARCHIVED, "valueBoolean": availability is Availability.ARCHIVED}]
    if availability is Availability.DELETED:
        flags.append({"url": IS_DELETED, "valueBoolean": True})
    return flags


def _identifiers(entry: DocumentEntry) -> list[Json]:
    identifiers: list[Json] = []
    if entry.entry_uuid:
        identifiers.append({"use": "official", "system": URI_SYSTEM, "value": f"urn:uuid:{entry.entry_uuid}"})
    if entry.logical_id:
        identifiers.append(
            {
                "use": "secondary",
                "type": {"text": "logicalId"},
                "system": URI_SYSTEM,
                "value": f"urn:uuid:{entry.logical_id}",
            }
        )
    return identifiers


def _custodian(resource: Json, entry: DocumentEntry) -> None:
    institution = next((found for author in entry.authors for found in author.institutions), None)
    if institution is None:
        return
    custodian: Json = {}
    if institution.id:
        system = {"system": f"urn:oid:{institution.authority}"} if institution.authority else {}
        custodian["identifier"] = {**system, "value": institution.id}
    if institution.name:
        custodian["display"] = institution.name
    if custodian:
        resource["custodian"] = custodian


def _relates_to(resource: Json, entry: DocumentEntry, replaces_id: str) -> None:
    if replaces_id:
        target: Json = {"reference": f"DocumentReference/{replaces_id}"}
    elif entry.replaces:
        target = {"identifier": {"system": URI_SYSTEM, "value": f"urn:uuid:{entry.replaces}"}}
    else:
        return
    resource["relatesTo"] = [{"code": "replaces", "target": target}]


def _attachment(entry: DocumentEntry, id: str, base: str, natural: NaturalForm | None) -> Json:  # noqa: A002
    sha1, size = (entry.hash, entry.size) if natural is None else (natural.sha1, natural.size)
    attachment: Json = {
        "contentType": entry.mime_type if natural is None else natural.media_type,
        "language": entry.language,
        "url": f"{base}/Binary/{id}",
    }
    if size is not None:
        attachment["size"] = size
    if sha1:
        # XDS writes the SHA-1 in hex, FHIR as base64 of its bytes (MHD 4.2.3, attachment.hash).
        attachment["hash"] = b2a_base64(unhexlify(sha1), newline=False).decode("ascii")
    if entry.title:
        attachment["title"] = entry.title
    attachment["creation"] = to_fhir(entry.creation_time)
    return attachment


def _context(entry: DocumentEntry, people: People, tables: CodeTables) -> Json:
    context: Json = {}
    if entry.events:
        context["event"] = [tables.concept(event) for event in entry.events]
    period: Json = {}
    if entry.service_start is not None:
        period["start"] = to_fhir(entry.service_start)
    if entry.service_stop is not None:
        period["end"] = to_fhir(entry.service_stop)
    if period:
        context["period"] = period
    context["facilityType"] = tables.concept(entry.facility)
    context["practiceSetting"] = tables.concept(entry.practice)
    context["sourcePatientInfo"] = people.patient
    if entry.references:
        context["related"] = [_related(reference) for reference in entry.references]
    return context


def _related(reference: ReferenceId) -> Json:
    identifier: Json = {"type": {"coding": [{"system": URI_SYSTEM, "code": reference.type}]}}
    if reference.authority:
        identifier["system"] = f"urn:oid:{reference.authority}"
    return {"identifier": {**identifier, "value": reference.value}}

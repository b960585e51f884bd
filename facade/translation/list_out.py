"""SubmissionSet -> List, in the shape of PDSm submission set comprehensive (ITI-66 answers)."""

from __future__ import annotations

from collections.abc import Sequence

from facade.domain.document import SubmissionSet
from facade.translation.identifiers import URI_SYSTEM
from facade.translation.people_out import Contained
from facade.translation.provenance import tagged
from facade.translation.tables import CodeTables, Json
from facade.translation.times import to_fhir
from facade.translation.vocabulary import AUTHOR_ORG, DESIGNATION_TYPE, LIST_TYPES, SOURCE_ID, SUBMISSION_SET


def submission_list(
    lot: SubmissionSet,
    *,
    id: str,  # noqa: A002 - the name FHIR gives it
    patient_id: str,
    tables: CodeTables,
    documents: Sequence[str] = (),
) -> Json:
    """The List of one lot; ``documents`` are the sealed ids of those of its documents that the caller may know of."""
    people = Contained(lot.patient, tables)
    source = people.author(lot.authors[0]) if lot.authors else people.patient()
    organization = next((found for author in lot.authors for found in author.institutions), None)
    if organization is not None:
        source = {"extension": [{"url": AUTHOR_ORG, "valueReference": people.institution(organization)}], **source}
    identifiers: list[Json] = [{"use": "usual", "system": URI_SYSTEM, "value": f"urn:oid:{lot.unique_id}"}]
    if lot.entry_uuid:
        identifiers.append({"use": "official", "system": URI_SYSTEM, "value": f"urn:uuid:{lot.entry_uuid}"})
    source_id = {"system": URI_SYSTEM, "value": f"urn:oid:{lot.source_id}"}
    resource: Json = {
        "resourceType": "List",
        "id": id,
        "meta": tagged({"profile": [SUBMISSION_SET]}),
        "contained": people.resources,
        "extension": [
            {"url": DESIGNATION_TYPE, "valueCodeableConcept": tables.concept(lot.content_type)},
            {"url": SOURCE_ID, "valueIdentifier": source_id},
        ],
        "identifier": identifiers,
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
        "subject": {
            "reference": f"Patient/{patient_id}",
            "identifier": {"system": lot.patient.system, "value": lot.patient.value},
        },
        "date": to_fhir(lot.submission_time),
        "source": source,
    }
    if lot.title:
        resource["title"] = lot.title
    if lot.comments:
        resource["note"] = [{"text": lot.comments}]
    if documents:
        resource["entry"] = [{"item": {"reference": f"DocumentReference/{document}"}} for document in documents]
    return resource

"""ITI-18 stored queries: the parameters of a search as slots.

Source: ITI TF-2 3.18.4.1.2.3 (coding of parameters), 3.18.4.1.2.3.7 (queries); the DMP wants the patient id quoted and
without parentheses. Several rim:Value are alternatives, but of what a document may have many times (eventCodeList,
confidentialityCode, referenceIdList) they would all be required: such codes stand in one list. A rim:Value has 256
characters at most (rim.xsd, LongName): other codes are spread over as many as they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facade.dmp import xds
from facade.dmp.datatypes import write_cxi
from facade.dmp.ebrim_parts import slot
from facade.domain.dmp import DocumentQuery, LotQuery
from facade.domain.document import Coded, XdsTime
from facade.domain.ins import INS

_LONGEST = 256


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _alternatives(values: Iterable[str]) -> list[str]:
    return [f"({_quoted(value)})" for value in values]


def _listed(values: Iterable[str]) -> list[str]:
    listed = ",".join(_quoted(value) for value in values)
    return [f"({listed})"] if listed else []


def _written(codes: Iterable[Coded]) -> list[str]:
    return [f"{code.code}^^{code.scheme}" for code in codes]


def _codes(codes: Iterable[Coded]) -> list[str]:
    """Alternatives, as many to a list as fit."""
    lists: list[list[str]] = []
    for value in _written(codes):
        if lists and len(_listed([*lists[-1], value])[0]) <= _LONGEST:
            lists[-1].append(value)
        else:
            lists.append([value])
    return [value for each in lists for value in _listed(each)]


def _all_or_none(values: Iterable[str]) -> list[str]:
    listed = _listed(values)
    return listed if max(map(len, listed), default=0) <= _LONGEST else []


def _time(time: XdsTime | None) -> list[str]:
    return [time.digits] if time else []


def _request(query_id: str, slots: str, return_type: str) -> str:
    return (
        f'<query:AdhocQueryRequest xmlns:query="{xds.QUERY}" xmlns:rim="{xds.RIM}">'
        f'<query:ResponseOption returnComposedObjects="true" returnType="{return_type}"/>'
        f'<rim:AdhocQuery id="{query_id}">{slots}</rim:AdhocQuery></query:AdhocQueryRequest>'
    )


def find_documents(patient: INS, query: DocumentQuery) -> str:
    """FindDocuments, or FindDocumentsByReferenceId where the query has references.

    A list that is longer than a rim:Value and cannot be spread over several is left out: more is found then than was
    asked for, and whoever asked compares again.
    """
    entry = "$XDSDocumentEntry"
    references = _all_or_none(write_cxi(reference) for reference in query.references)
    author = query.author_person
    parameters = {
        "PatientId": [_quoted(patient.cx)],
        "ClassCode": _codes(query.class_codes),
        "TypeCode": _codes(query.type_codes),
        "PracticeSettingCode": _codes(query.practices),
        "CreationTimeFrom": _time(query.creation_from),
        "CreationTimeTo": _time(query.creation_to),
        "ServiceStartTimeFrom": _time(query.service_start_from),
        "ServiceStartTimeTo": _time(query.service_start_to),
        "ServiceStopTimeFrom": _time(query.service_stop_from),
        "ServiceStopTimeTo": _time(query.service_stop_to),
        "HealthcareFacilityTypeCode": _codes(query.facilities),
        "EventCodeList": _all_or_none(_written(query.events)),
        "ConfidentialityCode": _all_or_none(_written(query.confidentiality)),
        "AuthorPerson": _alternatives([author] if author else []),
        "FormatCode": _codes(query.format_codes),
        "Status": _alternatives(status.value for status in query.statuses),
        "ReferenceIdList": references,
    }
    slots = "".join(slot(entry + name, values) for name, values in parameters.items())
    query_id = xds.FIND_DOCUMENTS_BY_REFERENCE if references else xds.FIND_DOCUMENTS
    return _request(query_id, slots, "LeafClass")


def get_by_unique_id(unique_ids: Sequence[str], return_type: str = "LeafClass") -> str:
    """GetDocuments by uniqueId; with ``ObjectRef`` the only query plain INDIRECTE may send."""
    slots = slot("$XDSDocumentEntryUniqueId", _alternatives(unique_ids))
    return _request(xds.GET_DOCUMENTS, slots, return_type)


def get_by_entry_uuid(entry_uuids: Sequence[str]) -> str:
    """GetDocuments by entryUUID."""
    slots = slot("$XDSDocumentEntryEntryUUID", _alternatives(xds.uuid_urn(each) for each in entry_uuids))
    return _request(xds.GET_DOCUMENTS, slots, "LeafClass")


def get_by_logical_id(logical_ids: Sequence[str]) -> str:
    """GetDocuments by logicalID: every metadata version (MetadataLevel 2, IHE supplement Metadata Update)."""
    slots = slot("$XDSDocumentEntryLogicalID", _alternatives(xds.uuid_urn(each) for each in logical_ids))
    return _request(xds.GET_DOCUMENTS, slots + slot("$MetadataLevel", ["2"]), "LeafClass")


def find_lots(patient: INS, query: LotQuery) -> str:
    """FindSubmissionSets (ITI TF-2 3.18.4.1.2.3.7.2). The author is a single pattern there, not a list."""
    lot = "$XDSSubmissionSet"
    parameters = {
        "PatientId": [_quoted(patient.cx)],
        "SourceId": _alternatives(query.source_ids),
        "SubmissionTimeFrom": _time(query.submitted_from),
        "SubmissionTimeTo": _time(query.submitted_to),
        "AuthorPerson": [_quoted(query.author_person)] if query.author_person else [],
        "ContentType": _codes(query.content_types),
        "Status": _alternatives(status.value for status in query.statuses),
    }
    return _request(
        xds.FIND_LOTS, "".join(slot(lot + name, values) for name, values in parameters.items()), "LeafClass"
    )


def get_associations(entry_uuids: Sequence[str]) -> str:
    """GetAssociations of objects of any kind."""
    slots = slot("$uuid", _alternatives(xds.uuid_urn(each) for each in entry_uuids))
    return _request(xds.GET_ASSOCIATIONS, slots, "LeafClass")


def get_documents_and_associations(entry_uuids: Sequence[str]) -> str:
    """GetDocumentsAndAssociations by entryUUID."""
    slots = slot("$XDSDocumentEntryEntryUUID", _alternatives(xds.uuid_urn(each) for each in entry_uuids))
    return _request(xds.GET_DOCUMENTS_AND_ASSOCIATIONS, slots, "LeafClass")


def get_lot(entry_uuid: str, unique_id: str) -> str:
    """GetSubmissionSetAndContents by the one of the two ids that is not empty."""
    if entry_uuid:
        slots = slot("$XDSSubmissionSetEntryUUID", [_quoted(xds.uuid_urn(entry_uuid))])
    else:
        slots = slot("$XDSSubmissionSetUniqueId", [_quoted(unique_id)])
    return _request(xds.GET_LOT_AND_CONTENTS, slots, "LeafClass")

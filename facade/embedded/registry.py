"""TD3.1: the stored queries of the registry, and those that look for documents.

Sources: ITI TF-2 3.18.4.1.2.3.7 (the queries), ITI supplement "XDS Metadata Update" ($MetadataLevel), DMP interface
(patientId optional, ObjectRef for reference searches, indirect authentication by uniqueId only).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from lxml import etree

from facade.embedded import linked, store
from facade.embedded.ebrim import Refusal
from facade.embedded.querying import (
    AUTHOR,
    CODES,
    HOME,
    LEVEL,
    REFERENCES,
    TIMES,
    Parameters,
    entry_criteria,
    every,
    known_only,
    one,
    one_kind,
    read_parameters,
    required,
    same_patient,
)
from facade.embedded.rights import DENIED
from facade.embedded.service import FAILURE, SUCCESS, Answer, Dmp, Trail, query_response
from facade.embedded.soap import Message
from facade.embedded.store import Row
from facade.embedded.strictxml import QUERY, RIM, only, tag
from facade.embedded.vihf import INDIRECT, User

FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_BY_REFERENCE = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"

_PATIENT, _STATUS = "$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"
_IDS = {
    "$XDSDocumentEntryEntryUUID": "entry_uuid",
    "$XDSDocumentEntryUniqueId": "unique_id",
    "$XDSDocumentEntryLogicalID": "logical_id",
}
_FIND_PARAMETERS = {_PATIENT, _STATUS, AUTHOR, "$XDSDocumentEntryType", LEVEL, REFERENCES, *CODES, *TIMES}
_GET_PARAMETERS = {LEVEL, HOME, *_IDS}


def stored_query(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """Answer a registry stored query. Raises Refusal."""
    query, return_type = _read(message.body)
    parameters = read_parameters(query)
    identifier = query.get("id", "")
    action = "TD3.1-metadata" if return_type == "LeafClass" else "TD3.1-reference"
    by_unique_id = identifier == GET_DOCUMENTS and "$XDSDocumentEntryUniqueId" in parameters
    if identifier not in _QUERIES:
        raise Refusal("XDSUnknownStoredQuery", f"stored query {identifier} is not offered")
    with dmp.store.reading() as db:
        dmp.access(db, user).require(action)
        if user.mode == INDIRECT and not by_unique_id:
            raise Refusal(DENIED, "en authentification indirecte, recherche de référence par uniqueId seulement")
        rows = _QUERIES[identifier](db, user, parameters)
    return Answer(query_response(SUCCESS, _objects(rows, return_type)))


def refuse_query(_message: Message, error: Refusal) -> bytes:
    """The refusal of a stored query."""
    return query_response(FAILURE, [], [error])


def _objects(rows: Sequence[Row], return_type: str) -> list[bytes]:
    if return_type == "LeafClass":
        return [row.fragment for row in rows]
    return [f'<rim:ObjectRef xmlns:rim="{RIM}" id="{row.entry_uuid}"/>'.encode() for row in rows]


def _read(body: etree._Element) -> tuple[etree._Element, str]:
    """The AdhocQuery and the return type."""
    option, query = only(body, QUERY, "ResponseOption"), only(body, RIM, "AdhocQuery")
    if body.tag != tag(QUERY, "AdhocQueryRequest") or option is None or query is None:
        raise Refusal("XDSRegistryError", "not an AdhocQueryRequest with ResponseOption and AdhocQuery")
    return_type = option.get("returnType", "")
    if return_type not in ("LeafClass", "ObjectRef") or option.get("returnComposedObjects") != "true":
        raise Refusal("XDSRegistryError", "returnType is LeafClass or ObjectRef, with returnComposedObjects")
    return query, return_type


def _find_documents(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    known_only(parameters, _FIND_PARAMETERS)
    same_patient(parameters, _PATIENT, user)
    statuses = required(parameters, _STATUS)
    criteria = entry_criteria(parameters)
    found = store.find(db, user.ins, status=statuses)
    return [row for row in found if all(matches(row.facets) for matches in criteria)]


def _find_by_reference(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    required(parameters, REFERENCES)
    return _find_documents(db, user, parameters)


def _get_documents(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """By entryUUID that version, by uniqueId the last version, by logicalID (level 2) all versions."""
    known_only(parameters, _GET_PARAMETERS)
    name = one_kind(parameters, list(_IDS))
    column = _IDS[name]
    if column == "logical_id" and one(parameters, LEVEL) != "2":
        raise Refusal("XDSRegistryError", "logicalIDs are asked with $MetadataLevel 2")
    rows = store.find(db, user.ins, **{column: every(parameters, name)})
    return store.last_versions(rows) if column == "unique_id" else list(rows)


_QUERIES: dict[str, Callable[[sa.Connection, User, Parameters], list[Row]]] = {
    FIND_DOCUMENTS: _find_documents,
    FIND_BY_REFERENCE: _find_by_reference,
    GET_DOCUMENTS: _get_documents,
    linked.FIND_SUBMISSION_SETS: linked.find_submission_sets,
    linked.GET_ASSOCIATIONS: linked.get_associations,
    linked.GET_DOCUMENTS_AND_ASSOCIATIONS: linked.get_documents_and_associations,
    linked.GET_SUBMISSION_SET_AND_CONTENTS: linked.get_submission_set_and_contents,
}

"""TD3.1: the stored queries over submission sets and associations.

Sources: ITI TF-2 3.18.4.1.2.3.7.2 (FindSubmissionSets), .7.7 (GetAssociations), .7.8 (GetDocumentsAndAssociations),
.7.9 (GetSubmissionSetAndContents). The DMP is asked for associations in batches of 20 documents; a request that names
more is refused with XDSStoredQueryParamNumber, whatever it would find. Folders do not exist in the DMP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from facade.embedded import ebrim, store
from facade.embedded.ebrim import Refusal, RegistryObject
from facade.embedded.querying import (
    CODES,
    HOME,
    LEVEL,
    Matches,
    Parameters,
    author_test,
    code_test,
    entry_criteria,
    every,
    known_only,
    one,
    one_kind,
    required,
    same_patient,
    time_test,
)
from facade.embedded.store import Row
from facade.embedded.strictxml import parse
from facade.embedded.vihf import User

FIND_SUBMISSION_SETS = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_DOCUMENTS_AND_ASSOCIATIONS = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
GET_SUBMISSION_SET_AND_CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
BATCH = 20

_SET = "$XDSSubmissionSet"
_FIND = {
    f"{_SET}{name}"
    for name in (
        "PatientId",
        "SourceId",
        "SubmissionTimeFrom",
        "SubmissionTimeTo",
        "AuthorPerson",
        "ContentType",
        "Status",
    )
}
_DOCUMENT_IDS = {"$XDSDocumentEntryEntryUUID": "entry_uuid", "$XDSDocumentEntryUniqueId": "unique_id"}
_SET_IDS = {f"{_SET}EntryUUID": "entry_uuid", f"{_SET}UniqueId": "unique_id"}
_CONTENT_FILTERS = {"$XDSDocumentEntryFormatCode", "$XDSDocumentEntryConfidentialityCode", "$XDSDocumentEntryType"}


def find_submission_sets(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """FindSubmissionSets: the lots of the record that meet every parameter. Raises Refusal."""
    known_only(parameters, _FIND)
    same_patient(parameters, f"{_SET}PatientId", user)
    criteria = _set_criteria(parameters)
    if ebrim.APPROVED not in required(parameters, f"{_SET}Status"):
        return []
    return [lot for lot in store.lots_of(db, user.ins) if all(matches(_set_facets(lot)) for matches in criteria)]


def _set_criteria(parameters: Parameters) -> list[Matches]:
    criteria: list[Matches] = []
    for name in parameters:
        values = every(parameters, name)
        if name == f"{_SET}SourceId":
            criteria.append(_source_test(values))
        elif name == f"{_SET}ContentType":
            criteria.append(code_test("contentType", values))
        elif name == f"{_SET}AuthorPerson":
            criteria.append(author_test([one(parameters, name)]))
        elif name in (f"{_SET}SubmissionTimeFrom", f"{_SET}SubmissionTimeTo"):
            end = name.removeprefix(f"{_SET}SubmissionTime")
            criteria.append(time_test("submissionTime", end, one(parameters, name)))
    return criteria


def _source_test(values: Sequence[str]) -> Matches:
    return lambda facets: facets["sourceId"] in values


def _set_facets(row: Row) -> dict[str, Any]:
    """What a query looks at in a lot, read from the XML it is answered with."""
    lot = RegistryObject(parse(row.fragment))
    return {
        "submissionTime": row.submission_time,
        "sourceId": lot.external(ebrim.LOT_SOURCE),
        "contentType": lot.codes(ebrim.CONTENT_TYPE),
        "authors": [xcn for values in lot.author_slots(ebrim.LOT_AUTHOR, "authorPerson") for xcn in values],
    }


def get_associations(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """GetAssociations: those that start or end at one of the objects. Raises Refusal."""
    known_only(parameters, {"$uuid", HOME, LEVEL})
    return store.associations_of(db, user.ins, required(parameters, "$uuid"))


def get_documents_and_associations(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """GetDocumentsAndAssociations: documents by entryUUID or uniqueId, and what they are linked by. Raises Refusal."""
    known_only(parameters, {HOME, LEVEL, *_DOCUMENT_IDS})
    name = one_kind(parameters, list(_DOCUMENT_IDS))
    values = every(parameters, name)
    if len(values) > BATCH:
        raise Refusal("XDSStoredQueryParamNumber", f"{name} takes at most {BATCH} documents in one request")
    column = _DOCUMENT_IDS[name]
    found = store.find(db, user.ins, **{column: values})
    documents = store.last_versions(found) if column == "unique_id" else list(found)
    return [*documents, *store.associations_of(db, user.ins, [row.entry_uuid for row in documents])]


def get_submission_set_and_contents(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """GetSubmissionSetAndContents: a lot, its documents that pass the filters, their HasMember. Raises Refusal."""
    known_only(parameters, {HOME, LEVEL, *_SET_IDS, *_CONTENT_FILTERS})
    name = one_kind(parameters, list(_SET_IDS))
    wanted = one(parameters, name)
    lot = next((row for row in store.lots_of(db, user.ins) if getattr(row, _SET_IDS[name]) == wanted), None)
    if lot is None:
        return []
    criteria = entry_criteria({key: value for key, value in parameters.items() if key in CODES})
    links = [
        link
        for link in store.associations_of(db, user.ins, [lot.entry_uuid])
        if link.type == ebrim.HAS_MEMBER and link.source == lot.entry_uuid
    ]
    members = store.find(db, user.ins, entry_uuid=[link.target for link in links])
    documents = [row for row in members if all(matches(row.facets) for matches in criteria)]
    kept = {row.entry_uuid for row in documents}
    return [lot, *documents, *(link for link in links if link.target in kept)]

"""TD3.1: stored queries FindDocuments, FindDocumentsByReferenceId and GetDocuments.

Sources: ITI TF-2 3.18.4.1.2.3 (parameters, coding, AND/OR), ITI supplement "XDS Metadata Update" ($MetadataLevel),
DMP interface (patientId optional, ObjectRef for reference searches).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from lxml import etree

from facade.embedded import store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import DENIED
from facade.embedded.service import FAILURE, SUCCESS, Answer, Dmp, Trail, error_list
from facade.embedded.soap import Message
from facade.embedded.store import Row
from facade.embedded.strictxml import QUERY, RIM, RS, only, tag, text
from facade.embedded.vihf import INDIRECT, User, patient_cx

FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_BY_REFERENCE = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"

_CODES = {
    "$XDSDocumentEntryClassCode": "class",
    "$XDSDocumentEntryTypeCode": "type",
    "$XDSDocumentEntryPracticeSettingCode": "practice",
    "$XDSDocumentEntryHealthcareFacilityTypeCode": "facility",
    "$XDSDocumentEntryFormatCode": "format",
    "$XDSDocumentEntryEventCodeList": "events",
    "$XDSDocumentEntryConfidentialityCode": "confidentiality",
}
# Several Values of these are joined by AND (ITI TF-2 3.18.4.1.2.3.5); of all others by OR.
_AND = ("$XDSDocumentEntryEventCodeList", "$XDSDocumentEntryConfidentialityCode", "$XDSDocumentEntryReferenceIdList")
_TIMES = {
    f"$XDSDocumentEntry{stem}{end}": (facet, end)
    for stem, facet in (
        ("CreationTime", "creationTime"),
        ("ServiceStartTime", "serviceStartTime"),
        ("ServiceStopTime", "serviceStopTime"),
    )
    for end in ("From", "To")
}
_PATIENT, _STATUS = "$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"
_AUTHOR, _TYPE, _LEVEL = "$XDSDocumentEntryAuthorPerson", "$XDSDocumentEntryType", "$MetadataLevel"
_REFERENCES = "$XDSDocumentEntryReferenceIdList"
_IDS = {
    "$XDSDocumentEntryEntryUUID": "entry_uuid",
    "$XDSDocumentEntryUniqueId": "unique_id",
    "$XDSDocumentEntryLogicalID": "logical_id",
}
_FIND_PARAMETERS = {_PATIENT, _STATUS, _AUTHOR, _TYPE, _LEVEL, _REFERENCES, *_CODES, *_TIMES}
_GET_PARAMETERS = {_LEVEL, "$homeCommunityId", *_IDS}
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_LIST = re.compile(r"\(\s*'(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*\s*\)|'(?:[^']|'')*'|[0-9]+")

Parameters = Mapping[str, list[list[str]]]
Matches = Callable[[Mapping[str, Any]], bool]


def stored_query(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """Answer a registry stored query. Raises Refusal."""
    query, return_type = _read(message.body)
    parameters = _parameters(query)
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
    return Answer(_response(SUCCESS, rows, return_type))


def refuse_query(_message: Message, error: Refusal) -> bytes:
    """The refusal of a stored query."""
    return _response(FAILURE, [], "ObjectRef", [error])


def _response(status: str, rows: Sequence[Row], return_type: str, errors: Sequence[Refusal] = ()) -> bytes:
    if return_type == "LeafClass":
        objects = b"".join(row.fragment for row in rows)
    else:
        objects = "".join(f'<rim:ObjectRef id="{row.entry_uuid}"/>' for row in rows).encode()
    head = (
        f'<query:AdhocQueryResponse xmlns:query="{QUERY}" xmlns:rs="{RS}" xmlns:rim="{RIM}" status="{status}"'
        f' totalResultCount="{len(rows)}" startIndex="0">{error_list(errors)}<rim:RegistryObjectList>'
    )
    return head.encode() + objects + b"</rim:RegistryObjectList></query:AdhocQueryResponse>"


def _read(body: etree._Element) -> tuple[etree._Element, str]:
    """The AdhocQuery and the return type."""
    option, query = only(body, QUERY, "ResponseOption"), only(body, RIM, "AdhocQuery")
    if body.tag != tag(QUERY, "AdhocQueryRequest") or option is None or query is None:
        raise Refusal("XDSRegistryError", "not an AdhocQueryRequest with ResponseOption and AdhocQuery")
    return_type = option.get("returnType", "")
    if return_type not in ("LeafClass", "ObjectRef") or option.get("returnComposedObjects") != "true":
        raise Refusal("XDSRegistryError", "returnType is LeafClass or ObjectRef, with returnComposedObjects")
    return query, return_type


def _parameters(query: etree._Element) -> Parameters:
    """The parameters: per name one list per Value, each with the strings of that Value."""
    found: dict[str, list[list[str]]] = {}
    for slot in query.iterfind(tag(RIM, "Slot")):
        name = slot.get("name", "")
        values = [text(value) for value in slot.iterfind(f"{tag(RIM, 'ValueList')}/{tag(RIM, 'Value')}")]
        if name in found or not values or not all(_LIST.fullmatch(value) for value in values):
            raise Refusal(
                "XDSStoredQueryParamNumber", f"parameter {name} is repeated, empty or not coded as it must be"
            )
        found[name] = [_strings(value) for value in values]
    return found


def _strings(value: str) -> list[str]:
    if value.isdigit():
        return [value]
    return [quoted.replace("''", "'") for quoted in _QUOTED.findall(value)]


def _one(parameters: Parameters, name: str) -> str:
    """The only value of a parameter, empty when it is not there."""
    values = [value for group in parameters.get(name, []) for value in group]
    if len(values) > 1:
        raise Refusal("XDSStoredQueryParamNumber", f"parameter {name} has one value")
    return values[0] if values else ""


def _known_only(parameters: Parameters, known: set[str]) -> None:
    for name in parameters:
        if name not in known:
            raise Refusal("XDSRegistryError", f"parameter {name} is unknown to this stored query")


def _find_documents(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    _known_only(parameters, _FIND_PARAMETERS)
    if _PATIENT in parameters and patient_cx(_one(parameters, _PATIENT)) != (user.ins, user.ins_oid):
        raise Refusal("XDSPatientIdDoesNotMatch", "patientId is not the patient of the VIHF")
    if _STATUS not in parameters:
        raise Refusal("XDSStoredQueryMissingParam", f"{_STATUS} is missing")
    statuses = [value for group in parameters[_STATUS] for value in group]
    criteria = _criteria(parameters)
    found = store.find(db, user.ins, status=statuses)
    return [row for row in found if all(matches(row.facets) for matches in criteria)]


def _find_by_reference(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    if _REFERENCES not in parameters:
        raise Refusal("XDSStoredQueryMissingParam", f"{_REFERENCES} is missing")
    return _find_documents(db, user, parameters)


def _get_documents(db: sa.Connection, user: User, parameters: Parameters) -> list[Row]:
    """By entryUUID that version, by uniqueId the last version, by logicalID (level 2) all versions."""
    _known_only(parameters, _GET_PARAMETERS)
    given = [name for name in _IDS if name in parameters]
    if not given:
        raise Refusal("XDSStoredQueryMissingParam", "GetDocuments needs entryUUIDs, uniqueIds or logicalIDs")
    if len(given) > 1:
        raise Refusal("XDSStoredQueryParamNumber", "GetDocuments takes one kind of identifier")
    column = _IDS[given[0]]
    if column == "logical_id" and _one(parameters, _LEVEL) != "2":
        raise Refusal("XDSRegistryError", "logicalIDs are asked with $MetadataLevel 2")
    values = [value for group in parameters[given[0]] for value in group]
    rows = list(store.find(db, user.ins, **{column: values}))
    if column == "unique_id":
        rows = list({row.unique_id: row for row in sorted(rows, key=lambda row: row.version)}.values())
    return rows


_QUERIES: dict[str, Callable[[sa.Connection, User, Parameters], list[Row]]] = {
    FIND_DOCUMENTS: _find_documents,
    FIND_BY_REFERENCE: _find_by_reference,
    GET_DOCUMENTS: _get_documents,
}


def _criteria(parameters: Parameters) -> list[Matches]:
    """One test per condition that must hold."""
    criteria: list[Matches] = []
    for name, groups in parameters.items():
        joined = groups if name in _AND else [[value for group in groups for value in group]]
        if name in _CODES:
            criteria += [_code_test(_CODES[name], values) for values in joined]
        elif name == _REFERENCES:
            criteria += [_reference_test(values) for values in joined]
        elif name in _TIMES:
            criteria.append(_time_test(*_TIMES[name], _one(parameters, name)))
        elif name == _AUTHOR:
            criteria.append(_author_test(joined[0]))
    return criteria


def _code_test(facet: str, values: Sequence[str]) -> Matches:
    """``code^^scheme``: the code and the scheme must both agree."""
    wanted = set()
    for value in values:
        code, _, scheme = value.partition("^^")
        if not code or not scheme:
            raise Refusal("XDSRegistryError", "a code of a stored query is written code^^scheme")
        wanted.add((code, scheme))
    return lambda facets: any((code, scheme) in wanted for code, scheme in facets[facet])


def _reference_test(values: Sequence[str]) -> Matches:
    return lambda facets: any(value in facets["references"] for value in values)


def _time_test(facet: str, end: str, value: str) -> Matches:
    """From is the lowest time that matches, To the first that does not any more."""
    bound = value.ljust(14, "0")

    def matches(facets: Mapping[str, Any]) -> bool:
        time = str(facets[facet])
        if not time:
            return False
        padded = time.ljust(14, "0")
        return padded >= bound if end == "From" else padded < bound

    return matches


def _author_test(values: Sequence[str]) -> Matches:
    """SQL LIKE over the XCN: ``%`` any characters, ``_`` one."""
    patterns = [
        re.compile(
            "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in value), re.DOTALL | re.IGNORECASE
        )
        for value in values
    ]
    return lambda facets: any(pattern.fullmatch(xcn) for pattern in patterns for xcn in facets["authors"])

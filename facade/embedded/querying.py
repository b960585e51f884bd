"""The parameters of a stored query: how they are coded, and what each condition keeps.

Source: ITI TF-2 3.18.4.1.2.3 (coding of values, AND and OR, times, LIKE over authorPerson).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from lxml import etree

from facade.embedded.ebrim import Refusal
from facade.embedded.strictxml import RIM, tag, text
from facade.embedded.vihf import User, patient_cx

LEVEL, HOME = "$MetadataLevel", "$homeCommunityId"
CODES = {
    "$XDSDocumentEntryClassCode": "class",
    "$XDSDocumentEntryTypeCode": "type",
    "$XDSDocumentEntryPracticeSettingCode": "practice",
    "$XDSDocumentEntryHealthcareFacilityTypeCode": "facility",
    "$XDSDocumentEntryFormatCode": "format",
    "$XDSDocumentEntryEventCodeList": "events",
    "$XDSDocumentEntryConfidentialityCode": "confidentiality",
}
TIMES = {
    f"$XDSDocumentEntry{stem}{end}": (facet, end)
    for stem, facet in (
        ("CreationTime", "creationTime"),
        ("ServiceStartTime", "serviceStartTime"),
        ("ServiceStopTime", "serviceStopTime"),
    )
    for end in ("From", "To")
}
AUTHOR, REFERENCES = "$XDSDocumentEntryAuthorPerson", "$XDSDocumentEntryReferenceIdList"
# Several Values of these are joined by AND (ITI TF-2 3.18.4.1.2.3.5); of all others by OR.
_AND = ("$XDSDocumentEntryEventCodeList", "$XDSDocumentEntryConfidentialityCode", REFERENCES)
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_LIST = re.compile(r"\(\s*'(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*\s*\)|'(?:[^']|'')*'|[0-9]+")

Parameters = Mapping[str, list[list[str]]]
Matches = Callable[[Mapping[str, Any]], bool]


def read_parameters(query: etree._Element) -> Parameters:
    """The parameters: per name one list per Value, each with the strings of that Value. Raises Refusal."""
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


def every(parameters: Parameters, name: str) -> list[str]:
    """All strings of a parameter, whichever Value they are in."""
    return [value for group in parameters.get(name, []) for value in group]


def one(parameters: Parameters, name: str) -> str:
    """The only string of a parameter, empty when it is not there. Raises Refusal when there are several."""
    values = every(parameters, name)
    if len(values) > 1:
        raise Refusal("XDSStoredQueryParamNumber", f"parameter {name} has one value")
    return values[0] if values else ""


def required(parameters: Parameters, name: str) -> list[str]:
    """All strings of a parameter that must be there. Raises Refusal."""
    if name not in parameters:
        raise Refusal("XDSStoredQueryMissingParam", f"{name} is missing")
    return every(parameters, name)


def one_kind(parameters: Parameters, names: Sequence[str]) -> str:
    """The name of the one parameter that is there out of several ways to name objects. Raises Refusal."""
    given = [name for name in names if name in parameters]
    if not given:
        raise Refusal("XDSStoredQueryMissingParam", f"one of {', '.join(names)} is needed")
    if len(given) > 1:
        raise Refusal("XDSStoredQueryParamNumber", "the query takes one kind of identifier")
    return given[0]


def known_only(parameters: Parameters, known: AbstractSet[str]) -> None:
    """Raise Refusal for a parameter the stored query does not have."""
    for name in parameters:
        if name not in known:
            raise Refusal("XDSRegistryError", f"parameter {name} is unknown to this stored query")


def same_patient(parameters: Parameters, name: str, user: User) -> None:
    """The patient asked for, where one is named, is the one of the VIHF. Raises Refusal."""
    if name in parameters and patient_cx(one(parameters, name)) != (user.ins, user.ins_oid):
        raise Refusal("XDSPatientIdDoesNotMatch", "patientId is not the patient of the VIHF")


def entry_criteria(parameters: Parameters) -> list[Matches]:
    """One test over the facets of an entry per condition that must hold. Raises Refusal."""
    criteria: list[Matches] = []
    for name, groups in parameters.items():
        joined = groups if name in _AND else [every(parameters, name)]
        if name in CODES:
            criteria += [code_test(CODES[name], values) for values in joined]
        elif name == REFERENCES:
            criteria += [_reference_test(values) for values in joined]
        elif name in TIMES:
            criteria.append(time_test(*TIMES[name], one(parameters, name)))
        elif name == AUTHOR:
            criteria.append(author_test(joined[0]))
    return criteria


def code_test(facet: str, values: Sequence[str]) -> Matches:
    """``code^^scheme``: the code and the scheme must both agree. Raises Refusal for another coding."""
    wanted = set()
    for value in values:
        code, _, scheme = value.partition("^^")
        if not code or not scheme:
            raise Refusal("XDSRegistryError", "a code of a stored query is written code^^scheme")
        wanted.add((code, scheme))
    return lambda facets: any((code, scheme) in wanted for code, scheme in facets[facet])


def _reference_test(values: Sequence[str]) -> Matches:
    return lambda facets: any(value in facets["references"] for value in values)


def time_test(facet: str, end: str, value: str) -> Matches:
    """From is the lowest time that matches, To the first that does not any more."""
    bound = value.ljust(14, "0")

    def matches(facets: Mapping[str, Any]) -> bool:
        time = str(facets[facet])
        if not time:
            return False
        padded = time.ljust(14, "0")
        return padded >= bound if end == "From" else padded < bound

    return matches


def author_test(values: Sequence[str]) -> Matches:
    """SQL LIKE over the XCN: ``%`` any characters, ``_`` one."""
    patterns = [
        re.compile(
            "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in value), re.DOTALL | re.IGNORECASE
        )
        for value in values
    ]
    return lambda facets: any(pattern.fullmatch(xcn) for pattern in patterns for xcn in facets["authors"])

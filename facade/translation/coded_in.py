"""CodeableConcept -> code of one of the DMP's value sets; what is in none is refused with its code and the set's name.

The display of a request is never trusted: PDSm's own examples give several labels to one code.
"""

from __future__ import annotations

from facade.domain.document import Coded, ReferenceId
from facade.translation.identifiers import URI_SYSTEM, is_oid
from facade.translation.problems import LONGEST_VALUE, Problems, shown
from facade.translation.resources import child, codings, objects, text
from facade.translation.tables import CodeTables, Json, ValueSet
from facade.translation.vocabulary import SNOMED


def read_code(concept: Json, members: ValueSet, problems: Problems, element: str) -> Coded | None:
    """The first coding of the concept that is in the value set, None (and ``code.unknown`` noted) when none is."""
    return _first(codings(concept), members, problems, element)


def read_coding(coding: Json, members: ValueSet, problems: Problems, element: str) -> Coded | None:
    """As ``read_code``, for an element that is a Coding."""
    return _first([coding] if text(coding, "code") else [], members, problems, element)


def read_place(concept: Json, target_set: str, tables: CodeTables, problems: Problems, element: str) -> Coded | None:
    """A facility or practice code: of the value set, or a SNOMED CT code the table knows (``target_set`` names it)."""
    for coding in codings(concept):
        mapped = tables.snomed(target_set, coding["code"]) if coding.get("system") == SNOMED else None
        if mapped is not None:
            return mapped
    members = tables.facilities if target_set == "facility" else tables.practices
    return read_code(concept, members, problems, element)


def read_events(concepts: list[Json], tables: CodeTables, problems: Problems, element: str) -> tuple[Coded, ...]:
    """The eventCodeList: any code of the systems the DMP takes there (CCAM, CIM-10, LOINC, modality...)."""
    events: list[Coded] = []
    for number, concept in enumerate(concepts):
        for coding in codings(concept):
            scheme = tables.systems.oid_of(text(coding, "system"))
            if scheme in tables.event_schemes and scheme is not None:
                events.append(Coded(coding["code"], scheme, text(coding, "display")))
            else:
                _unknown(problems, f"{element}[{number}]", coding, "eventCodeList")
    return tuple(events)


def read_references(
    related: list[Json], tables: CodeTables, problems: Problems, element: str
) -> tuple[ReferenceId, ...]:
    """The referenceIdList of ``context.related``: identifiers typed by JDV_J231; plain links have no place in XDS."""
    references: list[ReferenceId] = []
    for number, reference in enumerate(related):
        identifier = child(reference, "identifier")
        if not identifier:
            continue
        path = f"{element}[{number}].identifier"
        kinds = [coding["code"] for coding in codings(child(identifier, "type")) if coding.get("system") == URI_SYSTEM]
        authority = text(identifier, "system").removeprefix("urn:oid:")
        if not kinds or kinds[0] not in tables.reference_types:
            problems.add("related.type-unknown", path, code=shown(kinds[0] if kinds else ""))
        elif not text(identifier, "value") or (authority and not is_oid(authority)):
            problems.add("related.identifier-malformed", path)
        else:
            value = text(identifier, "value")
            problems.fits(path, f"{value}^^^&{authority}&ISO^{kinds[0]}", LONGEST_VALUE)
            references.append(ReferenceId(value, authority, kinds[0]))
    return tuple(references)


def _first(found: list[Json], members: ValueSet, problems: Problems, element: str) -> Coded | None:
    for coding in found:
        known = members.find(text(coding, "system"), text(coding, "code"))
        if known is not None:
            return known
    for coding in found or [{}]:
        _unknown(problems, element, coding, members.name)
    return None


def _unknown(problems: Problems, element: str, coding: Json, value_set: str) -> None:
    code, system = shown(coding.get("code", "")), shown(coding.get("system", ""), 120)
    problems.add("code.unknown", element, code=code, system=system, value_set=value_set)


def texts(resource: Json, name: str) -> list[str]:
    """The text of the objects of a repeating element, as notes have it."""
    return [text(found, "text") for found in objects(resource, name) if text(found, "text")]

"""What the people of a request say as XDS: XCN and XON, with nothing completed and nothing refused.

It undoes people_out on whatever the DMP holds, but for an id without a type (XCN 13, XON 7), which is read as the
usual one, and names of the patient, which are never written. Source: MHD 4.2.3 mapping table (author); CI-SIS
(PS_IdNat, Struct_IdNat, types of identifiers).
"""

from __future__ import annotations

from facade.domain.document import Author, Coded, Institution, Person
from facade.translation.resources import Index, child, codings, extensions, given_names, objects, resolve, text
from facade.translation.tables import CodeTables, Json
from facade.translation.vocabulary import AUTHOR_ORG, ID_TYPES


def stated_author(resource: Json, index: Index, tables: CodeTables) -> Author:
    """The author a PractitionerRole, Practitioner, Device or Patient describes."""
    role = resource if resource.get("resourceType") == "PractitionerRole" else {}
    person = stated_person(practitioner_of(role, index) if role else resource, tables, objects(role, "identifier"))
    links = [child(resource, "organization"), child(resource, "owner")]
    links += [child(extension, "valueReference") for extension in extensions(resource, AUTHOR_ORG)]
    institutions = tuple(stated_institution(link, index, tables) for link in links if link)
    roles = tuple(text(concept, "text") for concept in objects(role, "code") if text(concept, "text"))
    specialties = tuple(
        Coded(coding["code"], _scheme(coding, tables), text(coding, "display"))
        for concept in objects(role, "specialty")
        for coding in codings(concept)
    )
    return Author(person, institutions, roles, specialties)


def practitioner_of(role: Json, index: Index) -> Json:
    """The Practitioner of a role; one that is only named by a logical reference has its identifier and no more."""
    reference = child(role, "practitioner")
    found = resolve(reference, index)
    if found is not None and found.get("resourceType") == "Practitioner":
        return found
    identifier = child(reference, "identifier")
    return {"resourceType": "Practitioner", "identifier": [identifier] if identifier else []}


def stated_person(resource: Json, tables: CodeTables, more_identifiers: list[Json] | None = None) -> Person:
    """The XCN of a Practitioner, of a Device (a system) or of a Patient (the holder, by its matricule alone)."""
    identifiers = [*objects(resource, "identifier"), *(more_identifiers or [])]
    if resource.get("resourceType") == "Device":
        value, authority, kind = _identifier("device", identifiers, tables)
        names = {text(name, "type"): text(name, "name") for name in objects(resource, "deviceName")}
        family = names.pop("manufacturer-name", "")
        given = names.get("model-name", "") or next(iter(names.values()), "")
        return Person(value, family, given, authority, "U", kind)
    if resource.get("resourceType") == "Patient":
        value, authority, _ = _identifier("patient", identifiers, tables)
        return Person(value, "", "", authority, id_type="NH")
    value, authority, kind = _identifier("person", identifiers, tables)
    name = next(iter(objects(resource, "name")), {})
    return Person(value, text(name, "family"), given_names(name), authority, id_type=kind)


def stated_institution(reference: Json, index: Index, tables: CodeTables) -> Institution:
    """The XON of a Reference(Organization): of the resource it leads to, and of its own identifier beside it."""
    organization = resolve(reference, index) or {}
    identifiers = objects(organization, "identifier")
    if child(reference, "identifier"):
        identifiers.append(reference["identifier"])
    value, authority, kind = _identifier("structure", identifiers, tables)
    return Institution(text(organization, "name"), value, authority, kind)


def _scheme(coding: Json, tables: CodeTables) -> str:
    system = text(coding, "system")
    return tables.systems.oid_of(system) or system


_USUAL = {"person": "IDNPS", "structure": "IDNST", "device": "RI", "patient": "NH"}


def _identifier(holder: str, identifiers: list[Json], tables: CodeTables) -> tuple[str, str, str]:
    """Value, authority and type: of the first national identifier (an RPPS becomes a PS_IdNat), else of the first."""
    for identifier in identifiers:
        system, value = text(identifier, "system"), text(identifier, "value")
        for known in tables.identifier_systems.get((holder, system), ()):
            if value and (known.digits is None or (len(value) == known.digits and value.isdigit())):
                return known.prefix + value, known.oid, _type(holder, identifier)
    for identifier in identifiers:
        if value := text(identifier, "value"):
            return value, text(identifier, "system").removeprefix("urn:oid:"), _type(holder, identifier)
    return "", "", ""


def _type(holder: str, identifier: Json) -> str:
    typed = codings(child(identifier, "type"))
    return next((text(coding, "code") for coding in typed if coding.get("system") == ID_TYPES), _USUAL[holder])

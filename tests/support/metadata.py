"""Metadata as hypothesis makes it up: what the DMP may hold, however little of it, and what clients may send."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from facade.domain.document import (
    Author,
    Coded,
    DocumentEntry,
    Institution,
    Person,
    ReferenceId,
    SubmissionSet,
    XdsTime,
)
from facade.domain.masking import Flag, Level, Masking
from facade.translation.vocabulary import PS_IDNAT, STRUCT_IDNAT
from tests.support.translation import DOCTOR, HOSPITAL, NOS, PATIENT, TRE_A07, V3, Json, author, entry, tables

TEXT = (
    st.text(string.ascii_letters + string.digits + "éàùÉ-'& <>\"", min_size=1, max_size=40).map(str.strip).filter(bool)
)
OPTIONAL = st.just("") | TEXT
OIDS = st.lists(st.integers(0, 99999), min_size=2, max_size=8).map(lambda arcs: "1.2." + ".".join(map(str, arcs)))
IDS = st.text(string.ascii_letters + string.digits + "/.-", min_size=1, max_size=20)
MOMENTS = st.datetimes().filter(lambda moment: moment.year >= 1900)
DIGITS = MOMENTS.map(lambda moment: moment.strftime("%Y%m%d%H%M%S"))
TIMES = st.builds(lambda digits, length: XdsTime(digits[:length]), DIGITS, st.sampled_from([4, 6, 8, 14]))
MASKINGS = st.builds(Masking, st.sampled_from(list(Level)), st.frozensets(st.sampled_from(list(Flag))))
EVENTS = st.builds(
    Coded,
    st.text(string.ascii_uppercase + string.digits, min_size=3, max_size=8),
    st.sampled_from(sorted(tables().event_schemes)),
)
REFERENCES = st.builds(
    ReferenceId, st.uuids().map(str), st.just("") | OIDS, st.sampled_from(sorted(tables().reference_types))
)
SPECIALTIES = st.sampled_from(list(tables().specialties))
# The DMP also holds those of older value sets, and bare texts.
ANY_SPECIALTIES = SPECIALTIES | st.builds(Coded, IDS, st.just("") | OIDS)
TYPES = [coded for coded in tables().types if coded.scheme != "ASTM"]


@st.composite
def _identified(draw: st.DrawFn, usual: str, national: str) -> tuple[str, str, str]:
    """An id, the authority that gave it and its type: all of them, the id alone, or nothing."""
    if draw(st.booleans()):
        return "", "", ""
    authority = draw(st.sampled_from([national, ""]) | OIDS)
    return draw(IDS), authority, draw(st.sampled_from([usual, "EI", "NI"]))


@st.composite
def persons(draw: st.DrawFn) -> Person:
    """An XCN of which any part may be missing: a person, a system, or the holder (whose name is never written)."""
    kind = draw(st.sampled_from(["person", "person", "system", "holder"]))
    if kind == "holder":
        return Person(PATIENT.value, authority=PATIENT.kind.value, id_type="NH")
    value, authority, id_type = draw(_identified("IDNPS" if kind == "person" else "RI", PS_IDNAT))
    return Person(value, draw(OPTIONAL), draw(OPTIONAL), authority, "D" if kind == "person" else "U", id_type)


@st.composite
def institutions(draw: st.DrawFn) -> Institution:
    """An XON: its name, and perhaps an identifier."""
    value, authority, id_type = draw(_identified("IDNST", STRUCT_IDNAT))
    return Institution(draw(TEXT), value, authority, id_type)


@st.composite
def authors(draw: st.DrawFn) -> Author:
    """An author with any number of institutions, roles and specialties; a system has no role, the holder is alone."""
    person = draw(persons())
    if person.id_type == "NH":
        return Author(person)
    where = tuple(draw(st.lists(institutions(), max_size=3)))
    if person.name_type == "U":
        return Author(person, where)
    return Author(
        person, where, tuple(draw(st.lists(TEXT, max_size=2))), tuple(draw(st.lists(ANY_SPECIALTIES, max_size=2)))
    )


@st.composite
def entries(draw: st.DrawFn, people: Callable[[], st.SearchStrategy[Author]] = authors) -> DocumentEntry:
    """Entries of any codes of the value sets, any labels, any texts, any times, by these people."""
    found = tables()
    type_code = draw(st.sampled_from(TYPES))
    class_code = found.class_of(type_code)
    assert class_code is not None
    start = draw(TIMES)
    by = tuple(draw(st.lists(people(), min_size=1, max_size=3)))
    return entry(
        unique_id=draw(OIDS),
        type_code=type_code,
        class_code=class_code,
        format_code=draw(st.sampled_from(list(found.formats))),
        facility=draw(st.sampled_from(list(found.facilities))),
        practice=draw(st.sampled_from(list(found.practices))),
        authors=by,
        legal_authenticator=by[0].person,
        masking=draw(MASKINGS),
        title=draw(TEXT),
        comments=draw(OPTIONAL),
        creation_time=draw(TIMES),
        service_start=start,
        service_stop=draw(st.none() | st.just(start)),
        language=draw(st.sampled_from(["fr-FR", "en-US"])),
        events=tuple(draw(st.lists(EVENTS, max_size=3))),
        references=tuple(draw(st.lists(REFERENCES, max_size=2))),
        replaces=draw(st.just("") | st.uuids().map(str)),
    )


@st.composite
def own_authors(draw: st.DrawFn) -> Author:
    """The caller as the facade registers it: named, of its own structure."""
    person = replace(author().person, family=draw(TEXT), given=draw(TEXT))
    specialties = tuple(draw(st.lists(SPECIALTIES, min_size=1, max_size=2, unique=True)))
    return replace(author(), person=person, roles=tuple(draw(st.lists(TEXT, max_size=1))), specialties=specialties)


@st.composite
def lots(draw: st.DrawFn) -> SubmissionSet:
    """Lots of any content type, source and people."""
    return SubmissionSet(
        unique_id=draw(OIDS),
        source_id=draw(OIDS),
        patient=PATIENT,
        content_type=draw(st.sampled_from(list(tables().content_types))),
        authors=(draw(authors()),),
        submission_time=draw(TIMES),
        title=draw(OPTIONAL),
        comments=draw(OPTIONAL),
        entry_uuid=str(draw(st.uuids())),
    )


_URN = {"system": "urn:ietf:rfc:3986"}
_MASTERS = OIDS.map(lambda oid: {**_URN, "value": f"urn:oid:{oid}"}) | st.uuids().map(
    lambda found: {**_URN, "value": f"urn:uuid:{found}"}
)
_ZONES = st.sampled_from(["Z", "+02:00", "-05:00", "+05:45"])
# A day aside from both ends of the calendar, where a zone would lead beyond it.
_DATES = st.builds(
    lambda found, zone: f"{found:%Y-%m-%dT%H:%M:%S}{zone}", MOMENTS.filter(lambda at: at.year < 9999), _ZONES
)
_PARTIAL = st.builds(lambda found, length: f"{found:%Y-%m-%d}"[:length], MOMENTS, st.sampled_from([4, 7, 10]))
FHIR_DATES = _DATES | _PARTIAL
_SUBJECT = {"system": PATIENT.system, "value": PATIENT.value}
_SUBJECTS = st.sampled_from(
    [
        {"identifier": _SUBJECT},
        {"reference": f"Patient?identifier={PATIENT.system}|{PATIENT.value}"},
        {"reference": "#patient"},
    ]
)
_IDNAT = {"system": f"urn:oid:{PS_IDNAT}", "value": DOCTOR.id}
_RPPS = {"system": "https://rpps.esante.gouv.fr", "value": DOCTOR.id[1:]}
_FINESS = {"system": "https://finess.esante.gouv.fr", "value": HOSPITAL.id[1:]}
_LEVELS = [
    V3,
    f"{NOS}TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality",
    "urn:oid:2.16.840.1.113883.5.25",
]
_PLACES = {"facilityType": tables().facilities, "practiceSetting": tables().practices}


@st.composite
def publications(draw: st.DrawFn) -> Json:
    """A DocumentReference a client may send: much or little of it, in any of the spellings that are understood."""
    found = tables()
    type_code = draw(st.sampled_from(TYPES))
    contained: list[Json] = [
        {"resourceType": "Patient", "id": "patient", "identifier": [_SUBJECT], "name": [{"family": draw(TEXT)}]}
    ]
    resource: Json = {
        "resourceType": "DocumentReference",
        "contained": contained,
        "status": "current",
        "type": {"coding": [_spelled(draw, type_code)]},
        "subject": draw(_SUBJECTS),
        "content": [{"attachment": _attachment(draw)}],
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "masterIdentifier": _MASTERS,
        "category": st.just([found.concept(_class_of(type_code))]),
        "date": _DATES,
        "description": TEXT,
        "securityLabel": _labels(),
        "author": _authors(contained),
    }
    resource |= {name: draw(values) for name, values in optional.items() if draw(st.booleans())}
    where: Json = {
        name: {"coding": [_spelled(draw, draw(st.sampled_from(list(members))))]}
        for name, members in _PLACES.items()
        if draw(st.booleans())
    }
    if draw(st.booleans()):
        where["period"] = {"start": draw(FHIR_DATES)}
    if draw(st.booleans()):
        where["sourcePatientInfo"] = {"reference": "#patient"}
    return resource | ({"context": where} if where else {})


def _class_of(type_code: Coded) -> Coded:
    found = tables().class_of(type_code)
    assert found is not None
    return found


def _spelled(draw: st.DrawFn, coded: Coded) -> Json:
    """A coding by the URL of its system or by its OID, with a label nobody trusts."""
    system = draw(st.sampled_from([tables().systems.system_of(coded.scheme), f"urn:oid:{coded.scheme}"]))
    return {"system": system, "code": coded.code, "display": draw(TEXT)}


def _attachment(draw: st.DrawFn) -> Json:
    optional = {"title": TEXT, "language": st.sampled_from(["fr-FR", "en-US"]), "creation": FHIR_DATES}
    media_type = draw(st.sampled_from(["application/pdf", "text/plain", "image/jpeg; charset=binary"]))
    return {"contentType": media_type} | {
        name: draw(values) for name, values in optional.items() if draw(st.booleans())
    }


@st.composite
def _labels(draw: st.DrawFn) -> list[Json]:
    codings = [{"system": draw(st.sampled_from(_LEVELS)), "code": draw(st.sampled_from([*Level]))}]
    codings += [{"system": TRE_A07, "code": flag} for flag in draw(st.lists(st.sampled_from([*Flag]), max_size=3))]
    return [{"coding": [coding]} for coding in draw(st.permutations(codings))]


@st.composite
def _authors(draw: st.DrawFn, contained: list[Json]) -> list[Json]:
    """The caller by one of its numbers: named by it alone, contained, or in a role with its structure."""
    identifier = draw(st.sampled_from([_IDNAT, _RPPS]))
    way = draw(st.sampled_from(["logical", "practitioner", "role"]))
    if way == "logical":
        return [{"identifier": identifier}]
    person: Json = {"resourceType": "Practitioner", "id": "person", "identifier": [identifier]}
    if draw(st.booleans()):
        person["name"] = [{"family": draw(TEXT), "given": draw(st.lists(TEXT, min_size=1, max_size=2))}]
    contained.append(person)
    if way == "practitioner":
        return [{"reference": "#person"}]
    organization = {"resourceType": "Organization", "id": "place", "identifier": [_FINESS], "name": draw(TEXT)}
    role = {"resourceType": "PractitionerRole", "id": "role", "code": [{"text": draw(TEXT)}]}
    links = {"practitioner": {"reference": "#person"}, "organization": {"reference": "#place"}}
    contained.extend([organization, role | links])
    return [{"reference": "#role"}]

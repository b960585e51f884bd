"""The least work that turns an ITI-18 answer into the DocumentReferences the facade answers with.

One pass over the XML straight into plain dicts: no metadata objects, no policy, no sealed ids, nothing a document of
this benchmark does not have. ``differences`` proves that the result is the same, but for what is not in the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

Json = dict[str, Any]
Codings = Mapping[tuple[str, str], Json]

_RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
_OBJECT, _SLOT, _NAME = f"{_RIM}ExtrinsicObject", f"{_RIM}Slot", f"{_RIM}Name"
_CLASSIFICATION, _IDENTIFIER, _VERSION = f"{_RIM}Classification", f"{_RIM}ExternalIdentifier", f"{_RIM}VersionInfo"
_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_TYPE, _CLASS = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
_FORMAT, _LABEL = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
_FACILITY, _PRACTICE = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
_UNIQUE_ID, _PATIENT_ID = (
    "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
)
_SIGNATURE_LANGUAGE = "art"
_PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-"
_URI = "urn:ietf:rfc:3986"
_PROVENANCE = {"system": "urn:dmp-facade:provenance", "code": "DMP", "display": "Dossier médical partagé"}


def bundle(answer: bytes, codings: Codings) -> Json:
    """The searchset of an ITI-18 answer."""
    entries = [{"resource": found, "search": {"mode": "match"}} for found in references(answer, codings)]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def references(answer: bytes, codings: Codings) -> Iterator[Json]:
    """The DocumentReferences of an ITI-18 answer; signatures of lots are not documents."""
    for element in etree.fromstring(answer).iter(_OBJECT):
        found = _reference(element, codings)
        if found is not None:
            yield found


def differences(ours: Json, theirs: Json) -> list[str]:
    """The uniqueIds whose resources differ between two searchsets, or that only one of them has.

    Left out of the comparison: sealed ids, the form of the file before it was wrapped, and when it was stored. All
    come from elsewhere.
    """
    mine, other = _comparable(ours), _comparable(theirs)
    return sorted(key for key in mine.keys() | other.keys() if mine.get(key) != other.get(key))


def _reference(element: etree._Element, codings: Codings) -> Json | None:
    slots: dict[str, str] = {}
    codes: dict[str, Json] = {}
    identifiers: dict[str, str] = {}
    authors: list[dict[str, list[str]]] = []
    title = version = ""
    for child in element:
        tag = child.tag
        if tag == _SLOT:
            name, value = child.get("name", ""), child[0][0].text or ""
            if name == "languageCode" and value == _SIGNATURE_LANGUAGE:
                return None
            slots[name] = value
        elif tag == _CLASSIFICATION:
            scheme = child.get("classificationScheme", "")
            if scheme == _AUTHOR:
                authors.append({each.get("name", ""): [value.text or "" for value in each[0]] for each in child})
            else:
                codes[scheme] = codings[child[0][0][0].text or "", child.get("nodeRepresentation", "")]
        elif tag == _IDENTIFIER:
            identifiers[child.get("identificationScheme", "")] = child.get("value", "")
        elif tag == _NAME:
            title = child[0].get("value", "")
        elif tag == _VERSION:
            version = child.get("versionName", "")
    return resource(element, (slots, codes, identifiers), authors, (title, version), codings)


def resource(
    element: etree._Element,
    parts: tuple[dict[str, str], dict[str, Json], dict[str, str]],
    authors: list[dict[str, list[str]]],
    named: tuple[str, str],
    codings: Codings,
) -> Json:
    """The DocumentReference of an entry from its slots, codes and identifiers, its authors, its title and version."""
    slots, codes, identifiers = parts
    title, version = named
    ins, _, _, authority = identifiers[_PATIENT_ID].split("^")[:4]
    patient = {"system": f"urn:oid:{authority.split('&')[1]}", "value": ins}
    contained, author, custodian = _people(authors[0], patient, codings)
    created, uuid = _instant(slots["creationTime"]), element.get("id", "")
    return {
        "resourceType": "DocumentReference",
        "meta": {
            "versionId": version,
            "profile": [f"{_PDSM}comprehensive-document-reference"],
            "tag": [_PROVENANCE],
        },
        "contained": contained,
        "extension": [{"url": f"{_PDSM}ext-is-archived", "valueBoolean": False}],
        "masterIdentifier": {"use": "usual", "system": _URI, "value": f"urn:oid:{identifiers[_UNIQUE_ID]}"},
        "identifier": [
            {"use": "official", "system": _URI, "value": uuid},
            {"use": "secondary", "type": {"text": "logicalId"}, "system": _URI, "value": element.get("lid", "")},
        ],
        "status": "current",
        "type": {"coding": [codes[_TYPE]]},
        "category": [{"coding": [codes[_CLASS]]}],
        "subject": {"identifier": patient},
        "date": created,
        "author": [author],
        "authenticator": {"reference": "#practitioner-1"},
        "custodian": custodian,
        "securityLabel": [{"coding": [codes[_LABEL]]}],
        "content": [{"attachment": _attachment(slots, title, created), "format": codes[_FORMAT]}],
        "context": {
            "period": {"start": _instant(slots["serviceStartTime"])},
            "facilityType": {"coding": [codes[_FACILITY]]},
            "practiceSetting": {"coding": [codes[_PRACTICE]]},
            "sourcePatientInfo": {"reference": "#patient-4"},
        },
    }


def _attachment(slots: dict[str, str], title: str, created: str) -> Json:
    return {
        "contentType": "text/xml",
        "language": slots["languageCode"],
        "size": int(slots["size"]),
        "hash": slots["hash"],
        "title": title,
        "creation": created,
    }


def _people(author: dict[str, list[str]], patient: Json, codings: Codings) -> tuple[list[Json], Json, Json]:
    person = author["authorPerson"][0].split("^")
    institution = author["authorInstitution"][0].split("^")
    specialty = author["authorSpecialty"][0].split("^")
    place = {"system": f"urn:oid:{institution[5].split('&')[1]}", "value": institution[9]}
    contained: list[Json] = [
        {
            "resourceType": "Practitioner",
            "id": "practitioner-1",
            "identifier": [{"system": f"urn:oid:{person[8].split('&')[1]}", "value": person[0]}],
            "name": [{"family": person[1], "given": [person[2]]}],
        },
        {
            "resourceType": "Organization",
            "id": "organization-2",
            "identifier": [place],
            "name": institution[0],
        },
        {
            "resourceType": "PractitionerRole",
            "id": "role-3",
            "practitioner": {"reference": "#practitioner-1"},
            "organization": {"reference": "#organization-2"},
            "specialty": [{"coding": [codings[specialty[2], specialty[0]]]}],
        },
        {"resourceType": "Patient", "id": "patient-4", "identifier": [patient]},
    ]
    return contained, {"reference": "#role-3"}, {"identifier": place, "display": institution[0]}


def _instant(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z"


def _comparable(searchset: Json) -> dict[str, Json]:
    found = {}
    for entry in searchset["entry"]:
        resource = {name: value for name, value in entry["resource"].items() if name != "id"}
        resource["subject"] = {"identifier": resource["subject"]["identifier"]}
        resource["meta"] = {name: value for name, value in resource["meta"].items() if name != "lastUpdated"}
        content = resource["content"][0]
        left_out = ("url", "contentType", "size", "hash")
        kept = {name: value for name, value in content["attachment"].items() if name not in left_out}
        resource["content"] = [{"attachment": kept, "format": content["format"]}]
        found[resource["masterIdentifier"]["value"]] = resource
    return found

"""Turning submitted metadata into what the registry keeps: identifiers, XML to answer with, facets to query.

Source: ITI TF-2 3.42.4.1.3 (symbolic ids, lid, version, availabilityStatus), ITI TF-3 4.2.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from lxml import etree

from facade.embedded import ebrim
from facade.embedded.ebrim import Association, RegistryObject
from facade.embedded.strictxml import RIM, serialise, tag

REPOSITORY = "1.2.250.1.213.4.1.1.1.2"
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLEAN = etree.XMLParser(remove_blank_text=True, remove_comments=True, remove_pis=True, resolve_entities=False)
_COMPUTED = ("hash", "size", "repositoryUniqueId")
# Everything but the confidentiality: what a metadata version of TD3.3a/b may not change.
FROZEN = (
    "type",
    "class",
    "format",
    "facility",
    "practice",
    "events",
    "persons",
    "institutions",
    "references",
    "creationTime",
    "serviceStartTime",
    "serviceStopTime",
    "languageCode",
    "title",
    "mimeType",
)


def is_uuid(identifier: str) -> bool:
    """Whether an id is ``urn:uuid:`` and a UUID in lower case: kept as it is, unlike a symbolic one."""
    return bool(_UUID.fullmatch(identifier))


def new_uuid() -> str:
    """A fresh ``urn:uuid:``."""
    return uuid.uuid4().urn


def final_ids(objects: list[RegistryObject]) -> dict[str, str]:
    """The id each submitted object will have: its own where it is a UUID, a new one where it is symbolic."""
    return {item.id: item.id if is_uuid(item.id) else new_uuid() for item in objects}


def facets(document: RegistryObject) -> dict[str, Any]:
    """What queries and rights look at, as JSON."""
    codes = {
        "type": ebrim.TYPE_CODE,
        "class": ebrim.CLASS_CODE,
        "format": ebrim.FORMAT_CODE,
        "facility": ebrim.FACILITY,
        "practice": ebrim.PRACTICE,
        "confidentiality": ebrim.CONFIDENTIALITY,
        "events": ebrim.EVENT_CODE,
    }
    found: dict[str, Any] = {name: [list(code) for code in document.codes(uid)] for name, uid in codes.items()}
    people = [xcn for values in document.author_slots(ebrim.DOCUMENT_AUTHOR, "authorPerson") for xcn in values]
    places = [xon for values in document.author_slots(ebrim.DOCUMENT_AUTHOR, "authorInstitution") for xon in values]
    found["authors"] = people
    found["persons"] = sorted({ebrim.person_id(xcn) for xcn in people})
    found["institutions"] = sorted({ebrim.institution_id(xon) for xon in places})
    found["references"] = sorted(document.slot("urn:ihe:iti:xds:2013:referenceIdList"))
    for name in ("creationTime", "serviceStartTime", "serviceStopTime", "languageCode"):
        found[name] = document.single(name)
    found["title"] = document.title
    found["mimeType"] = document.element.get("mimeType", "")
    return found


def document_fragment(
    document: RegistryObject,
    ids: Mapping[str, str],
    *,
    logical_id: str,
    version: int,
    status: str,
    computed: Mapping[str, str],
    patient: str,
) -> bytes:
    """The ExtrinsicObject as the registry answers with it.

    ``computed`` are hash, size and repositoryUniqueId; ``patient`` the CX the record is held under.
    """
    element = _clean(document.element)
    _replace_ids(element, ids)
    for slot in element.findall(tag(RIM, "Slot")):
        if slot.get("name") in _COMPUTED:
            element.remove(slot)
    for name, value in computed.items():
        element.insert(0, _slot(name, value))
    for node in element.iterfind(tag(RIM, "ExternalIdentifier")):
        if node.get("identificationScheme") == ebrim.DOCUMENT_PATIENT:
            node.set("value", patient)
    for old in element.findall(tag(RIM, "VersionInfo")):
        element.remove(old)
    info = etree.Element(tag(RIM, "VersionInfo"), versionName=str(version))
    element.insert(_version_position(element), info)
    for name, value in (("id", ids[document.id]), ("lid", logical_id), ("isOpaque", "false"), ("status", status)):
        element.set(name, value)
    element.attrib.pop("home", "")
    return serialise(element)


def lot_fragment(lot: RegistryObject, ids: Mapping[str, str]) -> bytes:
    """The RegistryPackage as the registry answers with it."""
    element = _clean(lot.element)
    _replace_ids(element, ids)
    element.set("id", ids[lot.id])
    element.set("lid", ids[lot.id])
    element.set("status", ebrim.APPROVED)
    return serialise(element)


def association_row(association: Association, ids: Mapping[str, str]) -> dict[str, Any]:
    """The row of an association, ids resolved."""
    element = _clean(association.element)
    identifier = element.get("id", "")
    identifier = identifier if is_uuid(identifier) else new_uuid()
    source = ids.get(association.source, association.source)
    target = ids.get(association.target, association.target)
    for name, value in (("id", identifier), ("sourceObject", source), ("targetObject", target)):
        element.set(name, value)
    element.set("status", ebrim.APPROVED)
    return {
        "entry_uuid": identifier,
        "type": association.type,
        "source": source,
        "target": target,
        "fragment": serialise(element),
    }


def _clean(element: etree._Element) -> etree._Element:
    """A copy without comments and blank text, its namespaces its own."""
    copied = etree.fromstring(serialise(element), _CLEAN)
    etree.cleanup_namespaces(copied)
    return copied


def _replace_ids(element: etree._Element, ids: Mapping[str, str]) -> None:
    """Nested classifications and identifiers point to the final id, and have a UUID of their own."""
    for node in element.iterchildren():
        for name in ("classifiedObject", "registryObject"):
            if node.get(name) in ids:
                node.set(name, ids[node.get(name, "")])
        if node.get("id") is not None and not is_uuid(node.get("id", "")):
            node.set("id", new_uuid())


def _slot(name: str, value: str) -> etree._Element:
    slot = etree.Element(tag(RIM, "Slot"), name=name)
    etree.SubElement(etree.SubElement(slot, tag(RIM, "ValueList")), tag(RIM, "Value")).text = value
    return slot


def _version_position(element: etree._Element) -> int:
    """VersionInfo comes after slots, Name and Description (rim.xsd, RegistryObjectType)."""
    before = {tag(RIM, name) for name in ("Slot", "Name", "Description")}
    return sum(child.tag in before for child in element)

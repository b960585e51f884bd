"""ebRIM as XDS.b writes it: reading registry objects, and the identifiers of the standard.

Sources: OASIS ebXML RegRep 3.0 (rim, rs, query, lcm), ITI TF-3 section 4.2, ITI TF-2 3.18, 3.42, 3.43, 3.57.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from facade.embedded.strictxml import RIM, tag

STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
APPROVED, DEPRECATED = f"{STATUS}Approved", f"{STATUS}Deprecated"
ARCHIVED, DELETED = "urn:asip:ci-sis:2010:StatusType:Archived", "urn:asip:ci-sis:2010:StatusType:Deleted"
STABLE_DOCUMENT = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
REPLACES = "urn:ihe:iti:2007:AssociationType:RPLC"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"

DOCUMENT_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
CLASS_CODE = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
EVENT_CODE = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
FORMAT_CODE = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
FACILITY = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
PRACTICE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
TYPE_CODE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
DOCUMENT_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
DOCUMENT_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"

LOT_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
LOT_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
LOT_SOURCE = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
LOT_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

INSTITUTION_ID, INSTITUTION_SIZE = 9, 10
PERSON_ID_TYPE, PERSON_SIZE = 12, 13


class Refusal(Exception):
    """A transaction the DMP refuses, with its code; ``context`` is the text, ``location`` the object concerned."""

    def __init__(self, code: str, context: str, location: str = "") -> None:
        super().__init__(f"{code}: {context}")
        self.code = code
        self.context = context
        self.location = location


class RegistryObject:
    """An ExtrinsicObject or a RegistryPackage, read by the names of the standard."""

    def __init__(self, element: etree._Element) -> None:
        self.element = element
        self.id = element.get("id", "")

    def slot(self, name: str) -> list[str]:
        """The values of a slot, empty when it is not there."""
        for slot in self.element.iterfind(tag(RIM, "Slot")):
            if slot.get("name") == name:
                return _values(slot)
        return []

    def single(self, name: str) -> str:
        """The value of a slot that has exactly one, else empty."""
        values = self.slot(name)
        return values[0] if len(values) == 1 else ""

    def classifications(self, scheme: str) -> list[etree._Element]:
        """The classifications of a scheme, in their order."""
        found = self.element.iterfind(tag(RIM, "Classification"))
        return [node for node in found if node.get("classificationScheme") == scheme]

    def codes(self, scheme: str) -> list[tuple[str, str]]:
        """The codes of a scheme with their coding scheme."""
        return [
            (node.get("nodeRepresentation", ""), "".join(_slot_of(node, "codingScheme")))
            for node in self.classifications(scheme)
        ]

    def author_slots(self, scheme: str, name: str) -> list[list[str]]:
        """The values of one author slot (authorPerson, authorInstitution), one list per author."""
        return [_slot_of(node, name) for node in self.classifications(scheme)]

    def external(self, scheme: str) -> str:
        """The value of the external identifier of a scheme, empty unless it is there once."""
        found = [
            node.get("value", "")
            for node in self.element.iterfind(tag(RIM, "ExternalIdentifier"))
            if node.get("identificationScheme") == scheme
        ]
        return found[0] if len(found) == 1 else ""

    @property
    def title(self) -> str:
        """The first localised Name."""
        name = self.element.find(f"{tag(RIM, 'Name')}/{tag(RIM, 'LocalizedString')}")
        return "" if name is None else name.get("value", "")


def _values(slot: etree._Element) -> list[str]:
    return [(value.text or "").strip() for value in slot.iterfind(f"{tag(RIM, 'ValueList')}/{tag(RIM, 'Value')}")]


def _slot_of(node: etree._Element, name: str) -> list[str]:
    return next((_values(slot) for slot in node.iterfind(tag(RIM, "Slot")) if slot.get("name") == name), [])


@dataclass(frozen=True, slots=True)
class Association:
    """One association of a submission, with the slots the profiles use."""

    type: str
    source: str
    target: str
    element: etree._Element

    def slot(self, name: str) -> str:
        """The single value of a slot, empty when there is none."""
        values = _slot_of(self.element, name)
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The registry objects of a SubmitObjectsRequest."""

    lot: RegistryObject
    documents: tuple[RegistryObject, ...]
    associations: tuple[Association, ...]

    def of_type(self, kind: str) -> list[Association]:
        """The associations of one type."""
        return [association for association in self.associations if association.type == kind]


def read_objects(object_list: etree._Element | None) -> Submitted:
    """The lot, the documents and the associations of a RegistryObjectList. Raises Refusal XDSRegistryMetadataError."""
    if object_list is None:
        raise Refusal("XDSRegistryMetadataError", "RegistryObjectList is missing")
    lots = object_list.findall(tag(RIM, "RegistryPackage"))
    documents = tuple(RegistryObject(node) for node in object_list.iterfind(tag(RIM, "ExtrinsicObject")))
    associations = tuple(
        Association(node.get("associationType", ""), node.get("sourceObject", ""), node.get("targetObject", ""), node)
        for node in object_list.iterfind(tag(RIM, "Association"))
    )
    if len(lots) != 1:
        raise Refusal("XDSRegistryMetadataError", "a submission has one RegistryPackage, its submission set")
    lot = RegistryObject(lots[0])
    marks = [*object_list.iterfind(tag(RIM, "Classification")), *lots[0].iterfind(tag(RIM, "Classification"))]
    if not any(
        mark.get("classificationNode") == SUBMISSION_SET and mark.get("classifiedObject") == lot.id for mark in marks
    ):
        raise Refusal("XDSRegistryMetadataError", "the RegistryPackage is not classified as a submission set", lot.id)
    identifiers = [lot.id, *(document.id for document in documents)]
    if not all(identifiers) or len(set(identifiers)) != len(identifiers):
        raise Refusal("XDSRegistryMetadataError", "an object has no id, or two have the same")
    return Submitted(lot, documents, associations)


def institution_id(xon: str) -> str:
    """Component 10 of an XON: the Struct_IdNat."""
    parts = xon.split("^")
    return parts[INSTITUTION_ID] if len(parts) >= INSTITUTION_SIZE else ""


def person_id(xcn: str) -> str:
    """Component 1 of an XCN: the national id of a person."""
    return xcn.split("^", 1)[0]

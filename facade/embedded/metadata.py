"""What the DMP demands of the metadata of a lot and of a document.

Sources: CI-SIS volet "Partage de documents de santé" (formats of patientId, XCN, XON, DTM; required attributes),
ITI TF-3 4.2.3, value sets JDV_J57 to J62 and J66. Times are UTC digits of the first to the last named.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from facade.embedded import ebrim
from facade.embedded.ebrim import Refusal, RegistryObject
from facade.embedded.valuesets import ValueSets
from facade.embedded.vihf import APPLICATION_ROLE, PATIENT_ROLE, User, patient_cx

ERROR = "XDSRegistryMetadataError"
LEVELS = ("N", "R", "V")
SIGNATURE_CLASS = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1"
SIGNATURE_FORMAT = "http://www.w3.org/2000/09/xmldsig#"
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_OID_LENGTH = 64
_DTM = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_UNIVERSAL_ID = re.compile(r"&[0-9.]+&ISO")
_ONE_CODE = {
    ebrim.TYPE_CODE: ("typeCode", "J66"),
    ebrim.CLASS_CODE: ("classCode", "J57"),
    ebrim.FORMAT_CODE: ("formatCode", "J60"),
    ebrim.FACILITY: ("healthcareFacilityTypeCode", "J61"),
    ebrim.PRACTICE: ("practiceSettingCode", "J62"),
}


def is_oid(value: str) -> bool:
    """Whether a value is a plain OID (no ``^extension``), of 64 characters at most."""
    return len(value) <= _OID_LENGTH and bool(_OID.fullmatch(value))


def is_time(value: str) -> bool:
    """Whether a value is a DTM: 4 to 14 digits of a date that exists."""
    try:
        datetime.strptime(value, _DTM.get(len(value), "no such length")).replace(tzinfo=UTC)
    except ValueError:
        return False
    return value.isdigit()


def check_lot(lot: RegistryObject, user: User, sets: ValueSets) -> None:
    """The submission set of TD2.1 and TD3.3. Raises Refusal."""
    _check_patient(lot, ebrim.LOT_PATIENT, user)
    for name, scheme in (("uniqueId", ebrim.LOT_UNIQUE_ID), ("sourceId", ebrim.LOT_SOURCE)):
        if not is_oid(lot.external(scheme)):
            raise Refusal(ERROR, f"submission set {name} is not an OID", lot.id)
    if not is_time(lot.single("submissionTime")):
        raise Refusal(ERROR, "submissionTime is missing or is no DTM", lot.id)
    codes = lot.codes(ebrim.CONTENT_TYPE)
    if len(codes) != 1 or not sets.holds("J59", *codes[0]):
        raise Refusal(ERROR, "contentTypeCode is not in JDV_J59", lot.id)
    _check_authors(lot, ebrim.LOT_AUTHOR)
    own = user.role in (PATIENT_ROLE, APPLICATION_ROLE)
    institutions = [xon for values in lot.author_slots(ebrim.LOT_AUTHOR, "authorInstitution") for xon in values]
    if not own and user.structure not in {ebrim.institution_id(xon) for xon in institutions}:
        raise Refusal(ERROR, "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF", lot.id)


def check_document(document: RegistryObject, user: User, sets: ValueSets) -> None:
    """The metadata of a document that is not the signature of the lot. Raises Refusal."""
    _check_common(document, user)
    for scheme, (name, value_set) in _ONE_CODE.items():
        codes = document.codes(scheme)
        if len(codes) != 1:
            raise Refusal(ERROR, f"{name} is not there exactly once", document.id)
        if not sets.holds(value_set, *codes[0]):
            raise Refusal(ERROR, f"{name} is not in JDV_{value_set}", document.id)
    _check_confidentiality(document, sets)
    _check_authors(document, ebrim.DOCUMENT_AUTHOR)
    _check_person(document.single("legalAuthenticator"), document.id, "legalAuthenticator")
    if not document.single("sourcePatientId"):
        raise Refusal(ERROR, "sourcePatientId is missing", document.id)
    for name in ("creationTime", "serviceStartTime"):
        if not is_time(document.single(name)):
            raise Refusal(ERROR, f"{name} is missing or is no DTM", document.id)
    if document.slot("serviceStopTime") and not is_time(document.single("serviceStopTime")):
        raise Refusal(ERROR, "serviceStopTime is no DTM", document.id)
    if not document.title or not document.single("languageCode"):
        raise Refusal(ERROR, "title or languageCode is missing", document.id)
    if len(document.slot("version")) > 1:
        raise Refusal(ERROR, "version is repeated", document.id)


def check_signature_entry(document: RegistryObject, user: User) -> None:
    """The entry of the lot's signature: class Digital Signature, format XML signature, language ``art``."""
    _check_common(document, user)
    classes = [code for code, _ in document.codes(ebrim.CLASS_CODE)]
    formats = [code for code, _ in document.codes(ebrim.FORMAT_CODE)]
    if classes != [SIGNATURE_CLASS] or formats != [SIGNATURE_FORMAT] or document.single("languageCode") != "art":
        raise Refusal(ERROR, "the entry that signs the lot is not described as a signature", document.id)


def check_times(lot: RegistryObject, document: RegistryObject) -> None:
    """A document is created before it is submitted. Raises Refusal."""
    created, submitted = document.single("creationTime"), lot.single("submissionTime")
    common = min(len(created), len(submitted))
    if created[:common] > submitted[:common]:
        raise Refusal(ERROR, "creationTime is after submissionTime", document.id)


def _check_confidentiality(document: RegistryObject, sets: ValueSets) -> None:
    """One level and at most one of each mask, all of JDV_J58. Raises Refusal."""
    codes = document.codes(ebrim.CONFIDENTIALITY)
    values = [code for code, _ in codes]
    if not all(sets.holds("J58", *code) for code in codes) or len(set(values)) != len(values):
        raise Refusal(ERROR, "confidentialityCode is not in JDV_J58, or is repeated", document.id)
    if sum(value in LEVELS for value in values) != 1:
        raise Refusal(ERROR, "confidentialityCode has not one level (N, R or V)", document.id)


def _check_common(document: RegistryObject, user: User) -> None:
    if document.element.get("objectType") != ebrim.STABLE_DOCUMENT:
        raise Refusal(ERROR, "objectType is not a stable document", document.id)
    if document.element.get("mimeType") != "text/xml":
        raise Refusal(ERROR, "mimeType is not text/xml", document.id)
    if not is_oid(document.external(ebrim.DOCUMENT_UNIQUE_ID)):
        raise Refusal("XDSDocumentUniqueIdError", "uniqueId is not a plain OID", document.id)
    _check_patient(document, ebrim.DOCUMENT_PATIENT, user)


def _check_patient(item: RegistryObject, scheme: str, user: User) -> None:
    if patient_cx(item.external(scheme)) != (user.ins, user.ins_oid):
        raise Refusal("XDSPatientIdDoesNotMatch", "patientId is not the patient of the VIHF", item.id)


def _check_authors(item: RegistryObject, scheme: str) -> None:
    people = item.author_slots(scheme, "authorPerson")
    if not people:
        raise Refusal(ERROR, "author is missing", item.id)
    for values in people:
        if len(values) != 1:
            raise Refusal(ERROR, "an author has one authorPerson", item.id)
        _check_person(values[0], item.id, "authorPerson")
    for xon in [value for values in item.author_slots(scheme, "authorInstitution") for value in values]:
        parts = xon.split("^")
        if len(parts) < ebrim.INSTITUTION_SIZE or not parts[0] or not parts[ebrim.INSTITUTION_ID]:
            raise Refusal(ERROR, "authorInstitution is no XON with a name and an id", item.id)
        if not _UNIVERSAL_ID.fullmatch(parts[5]) or not parts[6]:
            raise Refusal(ERROR, "authorInstitution has no authority or id type", item.id)


def _check_person(xcn: str, location: str, name: str) -> None:
    """XCN components 1, 2, 3, 9, 10 and 13; a system (name type U) has no given name."""
    parts = xcn.split("^")
    if len(parts) < ebrim.PERSON_SIZE or not _UNIVERSAL_ID.fullmatch(parts[8]) or not parts[ebrim.PERSON_ID_TYPE]:
        raise Refusal(ERROR, f"{name} is no XCN with an authority and an id type", location)
    if parts[9] not in ("D", "U") or not parts[0] or not parts[1] or (parts[9] == "D" and not parts[2]):
        raise Refusal(ERROR, f"{name} has no id, name or given name", location)

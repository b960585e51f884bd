"""ebRIM into domain metadata, in one pass over the children of each object: an answer may hold hundreds.

Lenient on purpose (ITI TF-3 4.2; answers of the DMP vary): unknown slots are ignored, an entry that lacks what every
entry must have is left out and counted, and no entry is ever left out for its patientId (EX_3.1-1055).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from facade.dmp import xds
from facade.dmp.datatypes import (
    read_coded,
    read_cx,
    read_cxi,
    read_dtm,
    read_source_patient,
    read_xcn,
    read_xon,
)
from facade.domain.document import Author, Availability, Coded, DocumentEntry, Person, XdsTime
from facade.domain.ins import INS
from facade.domain.masking import Flag, Level, Masking

_RIM = f"{{{xds.RIM}}}"
_SLOT, _NAME, _DESCRIPTION = f"{_RIM}Slot", f"{_RIM}Name", f"{_RIM}Description"
_CLASSIFICATION, _IDENTIFIER, _VERSION = (
    f"{_RIM}Classification",
    f"{_RIM}ExternalIdentifier",
    f"{_RIM}VersionInfo",
)
_OBJECT, _REF = f"{_RIM}ExtrinsicObject", f"{_RIM}ObjectRef"
_STATUSES = {status.value.rpartition(":")[2]: status for status in Availability}
_FLAGS = {flag.value: flag for flag in Flag}
_SEVERITY = (Level.NORMAL, Level.RESTRICTED, Level.VERY_RESTRICTED)
_UNLABELLED = Masking(unknown=frozenset({""}))


class _Incomplete(Exception):
    """An object without something every document entry has."""


@dataclass(slots=True)
class _Object:
    """An ExtrinsicObject as it lies on the wire, gathered in one pass."""

    slots: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, list[Coded]] = field(default_factory=dict)
    authors: list[Author] = field(default_factory=list)
    identifiers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    version: int = 1

    def one(self, name: str) -> str:
        """The first value of a slot, or nothing."""
        return next(iter(self.slots.get(name, ())), "")

    def time(self, name: str) -> XdsTime | None:
        """A slot as a time; one that cannot be read counts as absent."""
        return read_dtm(self.one(name))

    def code(self, scheme: str) -> Coded:
        """The classification every entry has exactly one of."""
        found = self.codes.get(scheme)
        if not found or not found[0].code:
            raise _Incomplete
        return found[0]

    @property
    def is_signature(self) -> bool:
        """Whether this is the signature document of a lot."""
        classes = self.codes.get(xds.DOC_CLASS, ())
        return self.one("languageCode") == xds.SIGNATURE_LANGUAGE or any(
            code.code == xds.SIGNATURE_CLASS for code in classes
        )


def read_entries(body: etree._Element, asked: INS) -> tuple[list[DocumentEntry], int]:
    """The document entries below ``body`` and how many could not be understood.

    ``asked`` is the patient the question was about: an entry held under an identifier that is no INS (an old INS-C)
    is that patient's.
    """
    entries: list[DocumentEntry] = []
    unreadable = 0
    for element in body.iter(_OBJECT):
        found = _gather(element)
        try:
            entries.append(_entry(element, found, asked))
        except _Incomplete:
            unreadable += not found.is_signature
    return entries, unreadable


def read_references(body: etree._Element) -> list[str]:
    """The bare entryUUIDs of an ObjectRef answer."""
    return [xds.bare_uuid(element.get("id", "")) for element in body.iter(_REF)]


def latest_versions(entries: Iterable[DocumentEntry]) -> list[DocumentEntry]:
    """Of all metadata versions the last one of each document, in the order the documents first appear."""
    latest: dict[str, DocumentEntry] = {}
    for entry in entries:
        known = latest.get(entry.logical_id)
        if known is None or entry.version > known.version:
            latest[entry.logical_id] = entry
    return list(latest.values())


def without_signatures(entries: Iterable[DocumentEntry]) -> list[DocumentEntry]:
    """The entries that are documents: signatures of lots are never shown."""
    return [entry for entry in entries if not entry.is_signature]


def _gather(element: etree._Element) -> _Object:
    found = _Object()
    for child in element:
        tag = child.tag
        if tag == _SLOT:
            found.slots[child.get("name", "")] = _values(child)
        elif tag == _CLASSIFICATION:
            _gather_classification(child, found)
        elif tag == _IDENTIFIER:
            found.identifiers[child.get("identificationScheme", "")] = child.get("value", "").strip()
        elif tag == _NAME:
            found.name = _localized(child)
        elif tag == _DESCRIPTION:
            found.description = _localized(child)
        elif tag == _VERSION:
            digits = child.get("versionName", "1").partition(".")[0]
            found.version = int(digits) if digits.isdecimal() and digits.isascii() else 1
    return found


def _gather_classification(element: etree._Element, found: _Object) -> None:
    scheme = element.get("classificationScheme", "")
    if scheme == xds.DOC_AUTHOR:
        found.authors.append(_author(element))
        return
    coding_scheme = display = ""
    for child in element:
        if child.tag == _SLOT and child.get("name") == "codingScheme":
            coding_scheme = next(iter(_values(child)), "")
        elif child.tag == _NAME:
            display = _localized(child)
    code = Coded(element.get("nodeRepresentation", "").strip(), coding_scheme, display)
    found.codes.setdefault(scheme, []).append(code)


def _values(slot: etree._Element) -> list[str]:
    values = slot[0] if len(slot) else ()
    return [text for value in values if (text := (value.text or "").strip())]


def _localized(element: etree._Element) -> str:
    return next((child.get("value", "") for child in element), "")


def _author(element: etree._Element) -> Author:
    slots = {child.get("name", ""): _values(child) for child in element if child.tag == _SLOT}
    persons = slots.get("authorPerson", ())
    return Author(
        person=read_xcn(persons[0]) if persons else Person(),
        institutions=tuple(read_xon(value) for value in slots.get("authorInstitution", ())),
        roles=tuple(slots.get("authorRole", ())),
        specialties=tuple(read_coded(value) for value in slots.get("authorSpecialty", ())),
    )


def read_masking(codes: Iterable[Coded]) -> Masking:
    """A masking from confidentialityCode: an unknown code, or none at all, hides from everyone a flag could remove."""
    levels: set[Level] = set()
    flags: set[Flag] = set()
    unknown: set[str] = set()
    for code in codes:
        if code.code in _FLAGS:
            flags.add(_FLAGS[code.code])
        elif code.code in ("R", "V") or (code.code == "N" and code.scheme == xds.CONFIDENTIALITY_SCHEME):
            levels.add(Level(code.code))
        else:
            unknown.add(code.code)
    if not (levels or flags or unknown):
        return _UNLABELLED
    return Masking(max(levels, key=_SEVERITY.index, default=Level.NORMAL), frozenset(flags), frozenset(unknown))


def _patient(value: str, asked: INS) -> INS:
    identifier, authority = read_cx(value)
    if not identifier:
        raise _Incomplete
    try:
        return INS.of(authority, identifier)
    except ValueError:
        return asked


def _entry(element: etree._Element, found: _Object, asked: INS) -> DocumentEntry:
    entry_uuid = xds.bare_uuid(element.get("id", ""))
    unique_id = found.identifiers.get(xds.DOC_UNIQUE_ID, "").removeprefix("urn:oid:")
    creation = found.time("creationTime")
    availability = _STATUSES.get(element.get("status", "").rpartition(":")[2])
    if not entry_uuid or not unique_id or creation is None or availability is None:
        raise _Incomplete
    authenticator, size = found.one("legalAuthenticator"), found.one("size")
    return DocumentEntry(
        unique_id=unique_id,
        patient=_patient(found.identifiers.get(xds.DOC_PATIENT_ID, ""), asked),
        type_code=found.code(xds.DOC_TYPE),
        class_code=found.code(xds.DOC_CLASS),
        format_code=found.code(xds.DOC_FORMAT),
        facility=found.code(xds.DOC_FACILITY),
        practice=found.code(xds.DOC_PRACTICE),
        authors=tuple(found.authors),
        masking=read_masking(found.codes.get(xds.DOC_CONFIDENTIALITY, ())),
        title=found.name,
        creation_time=creation,
        language=found.one("languageCode") or "fr-FR",
        mime_type=element.get("mimeType", "text/xml"),
        service_start=found.time("serviceStartTime"),
        service_stop=found.time("serviceStopTime"),
        legal_authenticator=read_xcn(authenticator) if authenticator else None,
        source_patient=read_source_patient(found.one("sourcePatientId"), found.slots.get("sourcePatientInfo", ())),
        comments=found.description,
        events=tuple(found.codes.get(xds.DOC_EVENT, ())),
        references=tuple(read_cxi(value) for value in found.slots.get(xds.REFERENCE_ID_LIST, ())),
        availability=availability,
        entry_uuid=entry_uuid,
        logical_id=xds.bare_uuid(element.get("lid", "")) or entry_uuid,
        version=found.version,
        hash=found.one("hash").lower(),
        size=int(size) if size.isdecimal() and size.isascii() else None,
        repository=found.one("repositoryUniqueId"),
        is_signature=found.is_signature,
    )

"""Document entries out of ebRIM: an answer may hold thousands, each is read in one pass.

Lenient on purpose (ITI TF-3 4.2; answers of the DMP vary): unknown slots are ignored, an entry that lacks what every
entry must have is left out and counted, and no entry is ever left out for its patientId (EX_3.1-1055).
"""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from facade.dmp import xds
from facade.dmp.datatypes import read_cxi, read_source_patient
from facade.dmp.ebrim_objects import Incomplete, LotSignature, RegistryObject, Texts, gather
from facade.domain.document import Availability, Coded, DocumentEntry
from facade.domain.ins import INS
from facade.domain.masking import Flag, Level, Masking

_OBJECT, _REF = f"{{{xds.RIM}}}ExtrinsicObject", f"{{{xds.RIM}}}ObjectRef"
_STATUSES = {status.value.rpartition(":")[2]: status for status in Availability}
_FLAGS = {flag.value: flag for flag in Flag}
_SEVERITY = (Level.NORMAL, Level.RESTRICTED, Level.VERY_RESTRICTED)
_UNLABELLED = Masking(unknown=frozenset({""}))


def read_entries(body: etree._Element, asked: INS) -> tuple[list[DocumentEntry], int]:
    """The document entries below ``body`` and how many could not be understood.

    ``asked`` is the patient the question was about. An entry that is repeated counts once; of entries that share an
    entryUUID and differ none is returned, for one of them may show what the other hides. The signature of a lot is
    left out when its language says what it is, and marked when only its class does.
    """
    texts = Texts()
    found: dict[str, DocumentEntry | None] = {}
    unreadable = 0
    signatures = set()
    for element in body.iter(_OBJECT):
        try:
            gathered = gather(element, texts)
        except LotSignature:
            signatures.add(xds.bare_uuid(element.get("id", "")))
            continue
        try:
            entry = _entry(element, gathered, asked)
        except Incomplete:
            unreadable += not _is_signature(gathered)
            continue
        known = found.setdefault(entry.entry_uuid, entry)
        if known is not entry and known != entry:
            found[entry.entry_uuid] = None
    entries = [entry for uuid, entry in found.items() if entry is not None and uuid not in signatures]
    return entries, unreadable + len(found) - len(entries)


def read_references(body: etree._Element) -> list[str]:
    """The bare entryUUIDs of an ObjectRef answer."""
    return [xds.bare_uuid(element.get("id", "")) for element in body.iter(_REF)]


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


def _is_signature(found: RegistryObject) -> bool:
    """Whether this is the signature document of a lot."""
    if found.one("languageCode") == xds.SIGNATURE_LANGUAGE:
        return True
    return any(code.code == xds.SIGNATURE_CLASS for code in found.codes.get(xds.DOC_CLASS, ()))


def _entry(element: etree._Element, found: RegistryObject, asked: INS) -> DocumentEntry:
    entry_uuid = xds.bare_uuid(element.get("id", ""))
    unique_id = found.oid(xds.DOC_UNIQUE_ID)
    creation = found.time("creationTime")
    availability = _STATUSES.get(element.get("status", "").rpartition(":")[2])
    if not entry_uuid or not unique_id or creation is None or availability is None:
        raise Incomplete
    authenticator, size = found.one("legalAuthenticator"), found.one("size")
    return DocumentEntry(
        unique_id=unique_id,
        patient=found.texts.patient(found.identifiers.get(xds.DOC_PATIENT_ID, ""), asked),
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
        legal_authenticator=found.texts.person[authenticator] if authenticator else None,
        source_patient=read_source_patient(found.one("sourcePatientId"), found.slots.get("sourcePatientInfo", ())),
        comments=found.description,
        events=tuple(found.codes.get(xds.DOC_EVENT, ())),
        references=tuple([read_cxi(value) for value in found.slots.get(xds.REFERENCE_ID_LIST, ())]),
        availability=availability,
        entry_uuid=entry_uuid,
        logical_id=xds.bare_uuid(element.get("lid", "")) or entry_uuid,
        version=found.version,
        hash=found.one("hash").lower(),
        size=int(size) if size.isdecimal() and size.isascii() else None,
        repository=found.one("repositoryUniqueId"),
        is_signature=_is_signature(found),
    )

"""Domain metadata into ebRIM: ExtrinsicObject, RegistryPackage, and the object lists of ITI-41 and ITI-57.

Sources: ITI TF-3 4.2 (metadata), ITI TF-2 3.41 and 3.57 (messages), DMP interface (TD2.1, TD3.3).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from facade.dmp import xds
from facade.dmp.datatypes import write_cxi, write_source_patient, write_xcn
from facade.dmp.ebrim_parts import Ids, association, author, coded, identifier, localized, slot
from facade.dmp.xmltext import attribute
from facade.domain.document import Availability, Coded, DocumentEntry, SubmissionSet
from facade.domain.masking import Flag, Level, Masking

SIGNATURE_ID = "Signature01"
_LOT_ID = "SubmissionSet01"
_ORIGINAL = {"SubmissionSetStatus": "Original"}
_DISPLAYS = {
    Level.NORMAL.value: "Normal",
    Level.RESTRICTED.value: "Restreint",
    Level.VERY_RESTRICTED.value: "Très restreint",
    Flag.MASKED_TO_PROFESSIONALS.value: "Document masqué aux professionnels de santé",
    Flag.HIDDEN_FROM_PATIENT.value: "Document non visible par le patient",
    Flag.HIDDEN_FROM_REPRESENTATIVES.value: "Document non visible par les représentants légaux",
}


def confidentiality(masking: Masking) -> list[Coded]:
    """The confidentialityCodes of a masking: the level, then each flag, then what was met unknown and must stay."""
    flags = sorted(flag.value for flag in masking.flags)
    unknown = sorted(code for code in masking.unknown if code)
    found = [Coded(masking.level.value, xds.CONFIDENTIALITY_SCHEME, _DISPLAYS[masking.level.value])]
    return found + [Coded(code, xds.MASK_SCHEME, _DISPLAYS.get(code, "")) for code in (*flags, *unknown)]


def object_id(entry: DocumentEntry, position: int) -> str:
    """The id of an entry inside a message: its UUID where it has one, else a symbolic id."""
    return xds.uuid_urn(entry.entry_uuid) if entry.entry_uuid else f"Document{position:02d}"


def extrinsic_object(entry: DocumentEntry, target: str, ids: Ids, *, status: bool = False, uri: str = "") -> str:
    """An ExtrinsicObject with everything the entry says. ``status`` writes availabilityStatus too, ``uri`` its slot."""
    lid = f' lid="{xds.uuid_urn(entry.logical_id)}"' if entry.logical_id else ""
    state = f' status="{entry.availability.value}"' if status else ""
    return (
        f'<rim:ExtrinsicObject id="{target}"{lid} objectType="{xds.STABLE_DOCUMENT}"{state} '
        f'mimeType="{attribute(entry.mime_type)}">'
        f"{_slots(entry)}{slot('URI', [uri] if uri else [])}"
        f"{localized('Name', entry.title)}{localized('Description', entry.comments)}"
        f"{_classifications(entry, target, ids)}"
        f"{identifier(xds.DOC_PATIENT_ID, target, 'XDSDocumentEntry.patientId', entry.patient.cx, ids)}"
        f"{identifier(xds.DOC_UNIQUE_ID, target, 'XDSDocumentEntry.uniqueId', entry.unique_id, ids)}"
        "</rim:ExtrinsicObject>"
    )


def _slots(entry: DocumentEntry) -> str:
    source = entry.source_patient
    single = {
        "creationTime": entry.creation_time.digits,
        "hash": entry.hash,
        "languageCode": entry.language,
        "legalAuthenticator": write_xcn(entry.legal_authenticator) if entry.legal_authenticator else "",
        "repositoryUniqueId": entry.repository,
        "serviceStartTime": entry.service_start.digits if entry.service_start else "",
        "serviceStopTime": entry.service_stop.digits if entry.service_stop else "",
        "size": "" if entry.size is None else str(entry.size),
        "sourcePatientId": source.id,
    }
    return (
        "".join(slot(name, [value]) for name, value in single.items() if value)
        + slot("sourcePatientInfo", write_source_patient(source))
        + slot(xds.REFERENCE_ID_LIST, [write_cxi(reference) for reference in entry.references])
    )


def _classifications(entry: DocumentEntry, target: str, ids: Ids) -> str:
    codes = [
        (xds.DOC_CLASS, entry.class_code),
        *((xds.DOC_CONFIDENTIALITY, code) for code in confidentiality(entry.masking)),
        *((xds.DOC_EVENT, code) for code in entry.events),
        (xds.DOC_FORMAT, entry.format_code),
        (xds.DOC_FACILITY, entry.facility),
        (xds.DOC_PRACTICE, entry.practice),
        (xds.DOC_TYPE, entry.type_code),
    ]
    authors = "".join(author(xds.DOC_AUTHOR, target, each, ids) for each in entry.authors)
    return authors + "".join(coded(scheme, target, code, ids) for scheme, code in codes)


def registry_package(lot: SubmissionSet, target: str, ids: Ids) -> str:
    """The RegistryPackage of a lot and the Classification that makes it a SubmissionSet."""
    authors = "".join(author(xds.LOT_AUTHOR, target, each, ids) for each in lot.authors)
    return (
        f'<rim:RegistryPackage id="{target}" objectType="{xds.REGISTRY_PACKAGE_TYPE}">'
        f"{slot('submissionTime', [lot.submission_time.digits])}"
        f"{localized('Name', lot.title)}{localized('Description', lot.comments)}"
        f"{authors}{coded(xds.LOT_CONTENT_TYPE, target, lot.content_type, ids)}"
        f"{identifier(xds.LOT_PATIENT_ID, target, 'XDSSubmissionSet.patientId', lot.patient.cx, ids)}"
        f"{identifier(xds.LOT_SOURCE_ID, target, 'XDSSubmissionSet.sourceId', lot.source_id, ids)}"
        f"{identifier(xds.LOT_UNIQUE_ID, target, 'XDSSubmissionSet.uniqueId', lot.unique_id, ids)}"
        "</rim:RegistryPackage>"
        f'<rim:Classification id="{ids.next("cl")}" objectType="{xds.CLASSIFICATION_TYPE}" '
        f'classifiedObject="{target}" classificationNode="{xds.SUBMISSION_SET_NODE}"/>'
    )


def signature_entry(lot: SubmissionSet, first: DocumentEntry, unique_id: str) -> DocumentEntry:
    """The entry of a lot's signature document, hidden from everyone but the DMP (DMP interface, TD2.1)."""
    return DocumentEntry(
        unique_id=unique_id,
        patient=lot.patient,
        type_code=Coded("E1762", "ASTM", "Full Document"),
        class_code=Coded(xds.SIGNATURE_CLASS, "URN", "Digital Signature"),
        format_code=Coded("http://www.w3.org/2000/09/xmldsig#", "URN", "Default Signature Style"),
        facility=first.facility,
        practice=first.practice,
        authors=lot.authors,
        masking=Masking(Level.NORMAL, frozenset({Flag.MASKED_TO_PROFESSIONALS, Flag.HIDDEN_FROM_PATIENT})),
        title="Source",
        creation_time=lot.submission_time,
        language=xds.SIGNATURE_LANGUAGE,
        mime_type="text/xml",
        service_start=lot.submission_time,
        legal_authenticator=first.legal_authenticator,
        source_patient=first.source_patient,
        events=(Coded(xds.SIGNATURE_PURPOSE, xds.SIGNATURE_PURPOSE_SCHEME, "Source"),),
        is_signature=True,
    )


def submission(lot: SubmissionSet, entries: Sequence[DocumentEntry], signature: DocumentEntry) -> str:
    """The SubmitObjectsRequest of an ITI-41: lot, documents, signature, and how they belong together."""
    ids = Ids()
    lot_id = _lot_id(lot)
    targets = [object_id(entry, position) for position, entry in enumerate(entries, start=1)]
    objects = [extrinsic_object(entry, target, ids) for entry, target in zip(entries, targets, strict=True)]
    objects += [extrinsic_object(signature, SIGNATURE_ID, ids), registry_package(lot, lot_id, ids)]
    links = [association(xds.HAS_MEMBER, lot_id, target, _ORIGINAL, ids) for target in (*targets, SIGNATURE_ID)]
    links.append(association(xds.SIGNS, SIGNATURE_ID, lot_id, _ORIGINAL, ids))
    return _submit([*objects, *links, *_replacements(entries, targets, ids)])


def exchange(lot: SubmissionSet, entries: Sequence[DocumentEntry], uris: Sequence[str]) -> str:
    """The METADATA.XML of an XDM archive (ITI TF-2 3.32): what an ITI-41 of these documents says, and their file names.

    Without the lot's signature, which is the DMP's, and without the repository that holds the documents there.
    """
    ids = Ids()
    lot_id = _lot_id(lot)
    targets = [object_id(entry, position) for position, entry in enumerate(entries, start=1)]
    objects = [
        extrinsic_object(replace(entry, repository=""), target, ids, uri=uri)
        for entry, target, uri in zip(entries, targets, uris, strict=True)
    ]
    objects.append(registry_package(lot, lot_id, ids))
    links = [association(xds.HAS_MEMBER, lot_id, target, _ORIGINAL, ids) for target in targets]
    return _submit([*objects, *links, *_replacements(entries, targets, ids)])


def metadata_update(lot: SubmissionSet, updated: DocumentEntry) -> str:
    """The SubmitObjectsRequest of an ITI-57 that makes a new metadata version of ``updated.logical_id``."""
    ids = Ids()
    target = xds.uuid_urn(str(uuid.uuid4()))
    lot_id = _lot_id(lot)
    slots = {**_ORIGINAL, "PreviousVersion": str(updated.version)}
    return _submit(
        [
            extrinsic_object(updated, target, ids, status=True),
            registry_package(lot, lot_id, ids),
            association(xds.HAS_MEMBER, lot_id, target, slots, ids),
        ]
    )


def status_update(lot: SubmissionSet, current: DocumentEntry, new_status: Availability) -> str:
    """The SubmitObjectsRequest of an ITI-57 that changes availabilityStatus of ``current.entry_uuid``."""
    ids = Ids()
    lot_id = _lot_id(lot)
    slots = {"OriginalStatus": current.availability.value, "NewStatus": new_status.value}
    target = xds.uuid_urn(current.entry_uuid)
    return _submit([registry_package(lot, lot_id, ids), association(xds.UPDATE_STATUS, lot_id, target, slots, ids)])


def _lot_id(lot: SubmissionSet) -> str:
    return xds.uuid_urn(lot.entry_uuid) if lot.entry_uuid else _LOT_ID


def _replacements(entries: Sequence[DocumentEntry], targets: Sequence[str], ids: Ids) -> list[str]:
    return [
        association(xds.REPLACES, target, xds.uuid_urn(entry.replaces), {}, ids)
        for entry, target in zip(entries, targets, strict=True)
        if entry.replaces
    ]


def _submit(objects: Sequence[str]) -> str:
    return (
        f'<lcm:SubmitObjectsRequest xmlns:lcm="{xds.LCM}" xmlns:rim="{xds.RIM}"><rim:RegistryObjectList>'
        f"{''.join(objects)}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )

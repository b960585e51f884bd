"""Submission sets and associations out of ebRIM. Sources: ITI TF-3 4.2.1.2 and 4.2.2; lenient like the entries."""

from __future__ import annotations

from lxml import etree

from facade.dmp import xds
from facade.dmp.ebrim_objects import Incomplete, RegistryObject, Texts, gather
from facade.domain.dmp import Association
from facade.domain.document import SubmissionSet
from facade.domain.ins import INS

_PACKAGE, _ASSOCIATION = f"{{{xds.RIM}}}RegistryPackage", f"{{{xds.RIM}}}Association"


def read_lots(body: etree._Element, asked: INS) -> tuple[list[SubmissionSet], int]:
    """The submission sets below ``body``, each once, and how many could not be understood. Folders are passed over."""
    texts = Texts()
    lots: dict[str, SubmissionSet] = {}
    unreadable = 0
    for element in body.iter(_PACKAGE):
        found = gather(element, texts)
        if found.node == xds.FOLDER_NODE or xds.FOLDER_UNIQUE_ID in found.identifiers:
            continue
        try:
            lot = _lot(element, found, asked)
        except Incomplete:
            unreadable += 1
        else:
            lots.setdefault(lot.entry_uuid, lot)
    return list(lots.values()), unreadable


def read_associations(body: etree._Element) -> tuple[Association, ...]:
    """The associations below ``body``, each once; one without both ends says nothing and is left out."""
    found = (_association(element) for element in body.iter(_ASSOCIATION))
    return tuple(dict.fromkeys(each for each in found if each.source and each.target))


def _lot(element: etree._Element, found: RegistryObject, asked: INS) -> SubmissionSet:
    entry_uuid, unique_id = xds.bare_uuid(element.get("id", "")), found.oid(xds.LOT_UNIQUE_ID)
    submitted = found.time("submissionTime")
    if not entry_uuid or not unique_id or submitted is None:
        raise Incomplete
    return SubmissionSet(
        unique_id=unique_id,
        source_id=found.oid(xds.LOT_SOURCE_ID),
        patient=found.texts.patient(found.identifiers.get(xds.LOT_PATIENT_ID, ""), asked),
        content_type=found.code(xds.LOT_CONTENT_TYPE),
        authors=tuple(found.authors),
        submission_time=submitted,
        title=found.name,
        comments=found.description,
        entry_uuid=entry_uuid,
    )


def _association(element: etree._Element) -> Association:
    return Association(
        type=element.get("associationType", "").strip(),
        source=xds.bare_uuid(element.get("sourceObject", "")),
        target=xds.bare_uuid(element.get("targetObject", "")),
        entry_uuid=xds.bare_uuid(element.get("id", "")),
    )

"""The document of a lot: a CDA R2 whose header says the same as its metadata.

Sources: CI-SIS "Structuration minimale des documents de santé" (identifiers, patient, versions), HL7 CDA R2.
"""

from __future__ import annotations

import re

from lxml import etree

from facade.embedded import ebrim
from facade.embedded.ebrim import Refusal, RegistryObject
from facade.embedded.strictxml import HL7, BadXml, parse, tag
from facade.embedded.vihf import User

_ERROR = "XDSRepositoryMetadataError"
_HREF = re.compile(r"""href\s*=\s*["']([^"']*)["']""")


def check_cda(content: bytes, document: RegistryObject, user: User, replaces: str) -> None:
    """Compare a CDA with its metadata and the VIHF.

    ``replaces`` is the uniqueId of the document it replaces, empty when it replaces none. Raises Refusal.
    """
    try:
        root = parse(content)
    except BadXml as error:
        raise Refusal(_ERROR, f"le document n'est pas un XML accepté: {error}", document.id) from error
    if root.tag != tag(HL7, "ClinicalDocument"):
        raise Refusal(_ERROR, "le document n'est pas un CDA (ClinicalDocument)", document.id)
    _check_stylesheet(root, document)
    identifier = root.find(tag(HL7, "id"))
    if identifier is None or identifier.get("extension") or identifier.get("root") != _unique_id(document):
        raise Refusal(_ERROR, "ClinicalDocument/id n'est pas le uniqueId des métadonnées", document.id)
    code = root.find(tag(HL7, "code"))
    stated = [] if code is None else [(code.get("code", ""), code.get("codeSystem", ""))]
    if stated != document.codes(ebrim.TYPE_CODE):
        raise Refusal(_ERROR, "ClinicalDocument/code n'est pas le typeCode des métadonnées", document.id)
    patients = [
        (node.get("extension"), node.get("root"))
        for node in root.iterfind(f"{tag(HL7, 'recordTarget')}/{tag(HL7, 'patientRole')}/{tag(HL7, 'id')}")
    ]
    if (user.ins, user.ins_oid) not in patients:
        raise Refusal(_ERROR, "recordTarget n'est pas le patient des métadonnées", document.id)
    if replaces and replaces not in _parents(root):
        raise Refusal(_ERROR, "relatedDocument RPLC ne désigne pas le document remplacé", document.id)


def _unique_id(document: RegistryObject) -> str:
    return document.external(ebrim.DOCUMENT_UNIQUE_ID)


def _check_stylesheet(root: etree._Element, document: RegistryObject) -> None:
    """A self-presentable CDA points to a stylesheet inside itself; a separate one is refused."""
    node = root.getprevious()
    while node is not None:
        if getattr(node, "target", "") == "xml-stylesheet":
            href = _HREF.search(node.text or "")
            if href is None or not href.group(1).startswith("#"):
                raise Refusal(_ERROR, "le CDA a une feuille de style séparée", document.id)
        node = node.getprevious()


def _parents(root: etree._Element) -> set[str]:
    """The ids of the documents this one says it replaces."""
    return {
        identifier.get("root", "")
        for related in root.iterfind(tag(HL7, "relatedDocument"))
        if related.get("typeCode") == "RPLC"
        for identifier in related.iterfind(f"{tag(HL7, 'parentDocument')}/{tag(HL7, 'id')}")
    }

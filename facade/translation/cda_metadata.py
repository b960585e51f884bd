"""CDA header -> DocumentReference, for ``$generate-metadata`` (ITI-106): what the document says of itself, no more.

Source: MHD 4.2.3 Generate Metadata option; CI-SIS "Lien entre l'en-tête CDA et les métadonnées XDS"; ASS_X16, ASS_A11.
"""

from __future__ import annotations

from facade.domain.document import Coded
from facade.translation.cda_read import CdaHeader
from facade.translation.identifiers import URI_SYSTEM
from facade.translation.tables import CodeTables, Json
from facade.translation.times import to_fhir


def document_from_cda(header: CdaHeader, tables: CodeTables) -> Json:
    """A DocumentReference with the metadata of a CDA: codes outside the DMP's value sets are left out.

    The patient is named by INS where the CDA has one; no trait of the patient or of an author is written.
    """
    type_code = header.type and tables.types.find(header.type.scheme, header.type.code)
    class_code = tables.class_of(type_code) if type_code else None
    resource: Json = {"resourceType": "DocumentReference", "status": "current"}
    if header.unique_id:
        master = {"use": "usual", "system": URI_SYSTEM, "value": f"urn:oid:{header.unique_id}"}
        resource["masterIdentifier"] = master
    if type_code:
        resource["type"] = tables.concept(type_code)
    if class_code:
        resource["category"] = [tables.concept(class_code)]
    patient = next(iter(header.patients), None)
    if patient is not None:
        resource["subject"] = {"identifier": {"system": f"urn:oid:{patient[0]}", "value": patient[1]}}
    level = tables.label_codings.get(header.confidentiality)
    if level is not None:
        resource["securityLabel"] = [{"coding": [level]}]
    content: Json = {"attachment": _attachment(header)}
    found = format_of_cda(header, tables)
    if found is not None:
        content["format"] = tables.coding(found)
    resource["content"] = [content]
    context = _context(header, tables)
    if context:
        resource["context"] = context
    return resource


def format_of_cda(header: CdaHeader, tables: CodeTables) -> Coded | None:
    """The formatCode of a CDA: of its model (ASS_A11), else of the file in it (ASS_A12), else of no known model."""
    by_template = (tables.format_of_template(template) for template in header.templates)
    by_media = tables.format_of_media(header.body_media_type)
    return next((found for found in by_template if found), by_media or tables.format_of_template("*"))


def _attachment(header: CdaHeader) -> Json:
    attachment: Json = {"contentType": "text/xml"}
    if header.language:
        attachment["language"] = header.language
    if header.title:
        attachment["title"] = header.title
    if header.created is not None:
        attachment["creation"] = to_fhir(header.created)
    return attachment


def _context(header: CdaHeader, tables: CodeTables) -> Json:
    context: Json = {}
    period = {
        name: to_fhir(time)
        for name, time in (("start", header.service_start), ("end", header.service_stop))
        if time is not None
    }
    if period:
        context["period"] = period
    facility = header.facility and tables.facilities.find(header.facility.scheme, header.facility.code)
    if facility:
        context["facilityType"] = tables.concept(facility)
    practice = header.practice and tables.practices.find(header.practice.scheme, header.practice.code)
    if practice:
        context["practiceSetting"] = tables.concept(practice)
    return context

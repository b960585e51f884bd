"""A file (PDF, image, text) wrapped into a CDA R2 level 1, with a CI-SIS header made from its metadata.

Source: CI-SIS "Structuration minimale de documents de santé" (header); IHE ITI XDS-SD (non-XML body, base64). The
parts are written as text; a body of several megabytes is neither copied nor ever a tree.
"""

from __future__ import annotations

from facade.domain.content import Content
from facade.domain.document import Author, Coded, DocumentEntry, Institution, Person
from facade.domain.dossier import Traits
from facade.translation.base64_file import Base64File
from facade.translation.cda_parts import code, identifier, name, organization, quoted, quoted_text
from facade.translation.times import to_hl7

# Custodian where the author has no structure: the DMP itself, as for the services referenced in Mon espace santé.
_DMP = Institution("DMP", "", "1.2.250.1.213.4.1")
_NO_TRAITS = Traits()
_UNKNOWN = '<addr nullFlavor="NASK"/><telecom nullFlavor="NASK"/>'
_TEMPLATES = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20")
_CONFIDENTIALITY = "2.16.840.1.113883.5.25"
_GENDER = "2.16.840.1.113883.5.1"


def wrap(
    entry: DocumentEntry,
    file: Base64File,
    media_type: str,
    *,
    traits: Traits = _NO_TRAITS,
    set_id: str = "",
    version_number: int = 1,
    replaced_unique_id: str = "",
) -> Content:
    """The CDA of one file. ``entry`` gives the header, ``traits`` the used name beside the birth name.

    ``set_id`` is the OID all versions share: by default that of the replaced document, else the document's own.
    """
    head = "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">',
            '<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>',
            "".join(f'<templateId root="{template}"/>' for template in _TEMPLATES),
            f"<id root={quoted(entry.unique_id)}/>",
            code("code", entry.type_code),
            f"<title>{quoted_text(entry.title)}</title>",
            f"<effectiveTime value={quoted(to_hl7(entry.creation_time))}/>",
            code("confidentialityCode", Coded(entry.masking.level.value, _CONFIDENTIALITY)),
            f"<languageCode code={quoted(entry.language)}/>",
            f"<setId root={quoted(set_id or replaced_unique_id or entry.unique_id)}/>",
            f'<versionNumber value="{version_number}"/>',
            _record_target(entry, traits),
            "".join(_author(entry, author) for author in entry.authors),
            _custodian(entry),
            _legal_authenticator(entry),
            _documentation_of(entry),
            _related_document(replaced_unique_id),
            _component_of(entry),
            f'<component><nonXMLBody><text mediaType={quoted(media_type)} representation="B64">',
        )
    )
    return Content((head.encode(), file.text, b"</text></nonXMLBody></component></ClinicalDocument>"))


def _record_target(entry: DocumentEntry, traits: Traits) -> str:
    source = entry.source_patient
    birth_family = source.family or traits.birth_family or traits.family
    given = source.given or traits.given
    birth_date = source.birth_date or (traits.birth_date.strftime("%Y%m%d") if traits.birth_date else "")
    sex = source.sex or traits.sex
    names = [f'<family qualifier="BR">{quoted_text(birth_family)}</family>', f"<given>{quoted_text(given)}</given>"]
    if given:
        names.append(f'<given qualifier="BR">{quoted_text(given.split()[0])}</given>')
    if traits.family and traits.family != birth_family and traits.birth_family == birth_family:
        names.append(f'<family qualifier="CL">{quoted_text(traits.family)}</family>')
    gender = (
        code("administrativeGenderCode", Coded(sex, _GENDER))
        if sex in ("M", "F")
        else ('<administrativeGenderCode nullFlavor="UNK"/>')
    )
    birth = f"<birthTime value={quoted(birth_date)}/>" if birth_date else '<birthTime nullFlavor="UNK"/>'
    return (
        f"<recordTarget><patientRole>{identifier(entry.patient.kind.value, entry.patient.value)}{_local_id(entry)}"
        f'{_UNKNOWN}<patient classCode="PSN"><name>{"".join(names)}</name>{gender}{birth}'
        '<birthplace><place><addr nullFlavor="UNK"/></place></birthplace></patient></patientRole></recordTarget>'
    )


def _local_id(entry: DocumentEntry) -> str:
    """The patient's local number (IPP) when sourcePatientId is one: ``number^^^&oid&ISO^PI``."""
    parts = entry.source_patient.id.split("^")
    authority = parts[3].split("&") if len(parts) > 3 else []  # noqa: PLR2004 - CX component 4
    if len(authority) < 2 or authority[1] == entry.patient.kind.value:  # noqa: PLR2004 - HD has three parts
        return ""
    return identifier(authority[1], parts[0])


def _author(entry: DocumentEntry, author: Author) -> str:
    function = "".join(
        f'<functionCode nullFlavor="UNK"><originalText>{quoted_text(role)}</originalText></functionCode>'
        for role in author.roles[:1]
    )
    return (
        f"<author>{function}<time value={quoted(to_hl7(entry.creation_time))}/><assignedAuthor>"
        f"{_identified(author)}{_UNKNOWN}{_named(author.person)}"
        f"{_represented(author, entry.practice)}</assignedAuthor></author>"
    )


def _identified(author: Author) -> str:
    person = author.person
    codes = "".join(code("code", specialty) for specialty in author.specialties[:1])
    return identifier(person.authority, person.id) + codes


def _named(person: Person) -> str:
    if person.name_type == "U":
        model, software = quoted_text(person.family), quoted_text(person.given)
        return (
            f"<assignedAuthoringDevice><manufacturerModelName>{model}</manufacturerModelName>"
            f"<softwareName>{software}</softwareName></assignedAuthoringDevice>"
        )
    return f"<assignedPerson>{name(person)}</assignedPerson>"


def _represented(author: Author, practice: Coded) -> str:
    return "".join(
        organization("representedOrganization", institution, code("standardIndustryClassCode", practice))
        for institution in author.institutions[:1]
    )


def _custodian(entry: DocumentEntry) -> str:
    institution = next((found for author in entry.authors for found in author.institutions), _DMP)
    inner = organization("representedCustodianOrganization", institution, "")
    return f"<custodian><assignedCustodian>{inner}</assignedCustodian></custodian>"


def _legal_authenticator(entry: DocumentEntry) -> str:
    person = entry.legal_authenticator
    if person is None or person.name_type == "U":
        return ""
    return (
        f"<legalAuthenticator><time value={quoted(to_hl7(entry.creation_time))}/>"
        f'<signatureCode code="S"/><assignedEntity>{identifier(person.authority, person.id)}{_UNKNOWN}'
        f"<assignedPerson>{name(person)}</assignedPerson></assignedEntity></legalAuthenticator>"
    )


def _documentation_of(entry: DocumentEntry) -> str:
    author = next(iter(entry.authors), None)
    performer = ""
    if author is not None:
        person = "" if author.person.name_type == "U" else f"<assignedPerson>{name(author.person)}</assignedPerson>"
        performer = (
            f'<performer typeCode="PRF"><assignedEntity>{_identified(author)}{_UNKNOWN}{person}'
            f"{_represented(author, entry.practice)}</assignedEntity></performer>"
        )
    return f"<documentationOf><serviceEvent>{_interval(entry)}{performer}</serviceEvent></documentationOf>"


def _related_document(unique_id: str) -> str:
    if not unique_id:
        return ""
    parent = f"<parentDocument><id root={quoted(unique_id)}/></parentDocument>"
    return f'<relatedDocument typeCode="RPLC">{parent}</relatedDocument>'


def _component_of(entry: DocumentEntry) -> str:
    facility = f"<location><healthCareFacility>{code('code', entry.facility)}</healthCareFacility></location>"
    return f"<componentOf><encompassingEncounter>{_interval(entry)}{facility}</encompassingEncounter></componentOf>"


def _interval(entry: DocumentEntry) -> str:
    start = entry.service_start or entry.creation_time
    high = f"<high value={quoted(to_hl7(entry.service_stop))}/>" if entry.service_stop else ""
    return f"<effectiveTime><low value={quoted(to_hl7(start))}/>{high}</effectiveTime>"

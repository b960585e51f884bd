"""CDA R2 header -> what metadata needs of it; a published CDA compared with its metadata; its file unwrapped.

Source: HL7 CDA R2; CI-SIS "Structuration minimale", "Lien entre l'en-tête CDA et les métadonnées XDS"; IHE XDS-SD.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from lxml import etree

from facade import xmlsafe
from facade.domain.content import Buffer
from facade.domain.document import Coded, DocumentEntry, XdsTime
from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import InsKind
from facade.translation.attachment import base64_file
from facade.translation.base64_file import Base64File
from facade.translation.problems import shown
from facade.translation.times import from_hl7

HL7 = "{urn:hl7-org:v3}"
_ROOT = f"{HL7}ClinicalDocument"
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_OPENING = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?ClinicalDocument[\s/>]")
_STYLESHEET = re.compile(rb"<\?xml-stylesheet\s[^?]*?href\s*=\s*[\"'](?!#)")
_BODY = re.compile(rb"<(?:[\w.-]+:)?nonXMLBody\b[^<>]*>\s*<(?:[\w.-]+:)?text\b[^<>]*[^<>/]>\s*")
_LONG, _HEAD_BYTES, _TAIL_BYTES = 64 * 1024, 256 * 1024, 8 * 1024
_INS_ROOTS = {kind.value for kind in InsKind}
_DAY = 8


@dataclass(frozen=True, slots=True)
class CdaHeader:
    """The header of a CDA as far as metadata goes. ``patients`` are (root, extension) pairs: never shown or logged.

    ``created`` is in UTC, ``created_as_written`` the digits before the zone. ``body_media_type`` is that of a non-XML
    body, empty for a structured one. ``stylesheet``: it asks for a separate stylesheet, which the DMP does not accept.
    """

    unique_id: str = ""
    id_extension: str = ""
    type: Coded | None = None
    title: str = ""
    created: XdsTime | None = None
    created_as_written: str = ""
    confidentiality: str = ""
    language: str = ""
    set_id: str = ""
    version_number: int | None = None
    templates: tuple[str, ...] = ()
    patients: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    facility: Coded | None = None
    practice: Coded | None = None
    service_start: XdsTime | None = None
    service_stop: XdsTime | None = None
    replaced: tuple[str, ...] = ()
    body_media_type: str = ""
    stylesheet: bool = False


def is_cda(content: bytes) -> bool:
    """Whether the first element of the bytes is a ClinicalDocument (nothing else is verified)."""
    prolog = _PROLOG.match(content)
    return bool(_OPENING.match(content, prolog.end() if prolog else 0))


def read_header(data: Buffer) -> CdaHeader:
    """The header of a CDA.

    Raises InvalidInput ``cda.malformed``, ``cda.unsafe`` (DOCTYPE, size, encoding) or ``cda.not-a-document``.
    """
    root, _ = _parse_header(data)
    effective = _attribute(root, "effectiveTime", "value")
    version = _attribute(root, "versionNumber", "value")
    confidentiality = _attribute(root, "confidentialityCode", "code")
    event = "documentationOf/serviceEvent"
    practice = f"{event}/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
    body = root.find(_path("component/nonXMLBody/text"))
    return CdaHeader(
        unique_id=_attribute(root, "id", "root"),
        id_extension=_attribute(root, "id", "extension"),
        type=_code(root, "code"),
        title=" ".join(_text(root.find(_path("title"))).split()),
        created=_time(effective),
        created_as_written=re.split(r"[+.-]", effective)[0],
        confidentiality=confidentiality,
        language=_attribute(root, "languageCode", "code"),
        set_id=_attribute(root, "setId", "root"),
        version_number=int(version) if version.isdigit() else None,
        templates=tuple(found.get("root", "") for found in root.findall(_path("templateId"))),
        patients=tuple(
            (found.get("root", ""), found.get("extension", "").strip())
            for found in root.findall(_path("recordTarget/patientRole/id"))
        ),
        facility=_code(root, "componentOf/encompassingEncounter/location/healthCareFacility/code"),
        practice=_code(root, practice),
        service_start=_time(_attribute(root, f"{event}/effectiveTime/low", "value")),
        service_stop=_time(_attribute(root, f"{event}/effectiveTime/high", "value")),
        replaced=tuple(
            identifier.get("root", "")
            for related in root.findall(_path("relatedDocument"))
            if related.get("typeCode") == "RPLC"
            for identifier in related.findall(_path("parentDocument/id"))
        ),
        body_media_type="" if body is None else body.get("mediaType", "text/plain"),
        stylesheet=bool(_STYLESHEET.search(bytes(data[: _prolog_end(data)]))),
    )


def check_against(header: CdaHeader, entry: DocumentEntry) -> list[Problem]:
    """Every contradiction between a CDA and the metadata it is published with; both values are named.

    The patient's are not: no problem carries an INS. A header element that is absent and compulsory in CI-SIS is a
    problem too.
    """
    problems = [_check_patient(header, entry)]
    if header.stylesheet:
        problems.append(Problem("cda.stylesheet", ("ClinicalDocument",)))
    if header.id_extension:
        problems.append(Problem("identifier.oid-extension", ("ClinicalDocument.id",)))
    problems.append(_compare("id", header.unique_id, entry.unique_id, "DocumentReference.masterIdentifier"))
    given_type = f"{header.type.scheme}|{header.type.code}" if header.type else ""
    entry_type = f"{entry.type_code.scheme}|{entry.type_code.code}"
    problems.append(_compare("code", given_type, entry_type, "DocumentReference.type"))
    problems.append(_check_date(header, entry))
    level = entry.masking.level.value
    problems.append(_compare("confidentialityCode", header.confidentiality, level, "DocumentReference.securityLabel"))
    return [problem for problem in problems if problem is not None]


def unwrap(data: Buffer) -> tuple[str, bytes | Base64File] | None:
    """The media type and bytes of the file in a CDA with a non-XML body, None when its body is structured.

    Raises InvalidInput as ``read_header``, and ``cda.body-malformed`` when the body is not the base64 it says it is.
    """
    root, cut = _parse_header(data)
    text = root.find(_path("component/nonXMLBody/text"))
    if text is None or text.find(_path("reference")) is not None:
        return None
    media_type = text.get("mediaType", "text/plain")
    encoded = text.get("representation", "TXT") == "B64"
    if cut is not None:
        return media_type, cut if encoded else bytes(cut.text)
    body = _text(text)
    if not encoded:
        return media_type, body.encode()
    try:
        return media_type, base64_file(body)
    except ValueError:
        raise InvalidInput.of("cda.body-malformed", "ClinicalDocument.component.nonXMLBody") from None


def _parse_header(data: Buffer) -> tuple[etree._Element, Base64File | None]:
    """The tree of a CDA, without the long base64 text of its non-XML body where that could be cut out."""
    cut = _without_body(data)
    if cut is not None:
        mark, rest, file = cut
        root = _parse(rest)
        text = root.find(_path("component/nonXMLBody/text"))
        if text is not None and len(text) == 0 and (text.text or "").strip() == mark:
            return root, file
    return _parse(data), None


def _without_body(data: Buffer) -> tuple[str, bytes, Base64File] | None:
    """A mark, the CDA with it in place of the body's base64 text, and the file; None where there is no such text.

    Nothing but base64 is cut: whatever else stands there, or hides the body from sight, is left to the parser.
    """
    if len(data) < _LONG:
        return None
    view = memoryview(data)
    found = _BODY.search(view[:_HEAD_BYTES])
    if found is None:
        return None
    start, tail = found.end(), max(found.end(), len(view) - _TAIL_BYTES)
    after = bytes(view[tail:])
    end = tail + len(after.partition(b"<")[0].rstrip())
    try:
        file = Base64File.read(view[start:end])
    except ValueError:
        return None
    mark = secrets.token_hex(16)
    return mark, b"".join((view[:start], mark.encode(), view[end:])), file


def _parse(data: Buffer) -> etree._Element:
    try:
        root = xmlsafe.parse(data, huge_text=True)
    except xmlsafe.UnsafeXml:
        raise InvalidInput.of("cda.unsafe", "ClinicalDocument") from None
    except xmlsafe.MalformedXml:
        raise InvalidInput.of("cda.malformed", "ClinicalDocument") from None
    if root.tag != _ROOT:
        raise InvalidInput.of("cda.not-a-document", "ClinicalDocument")
    return root


def _prolog_end(data: Buffer) -> int:
    prolog = _PROLOG.match(data)
    return prolog.end() if prolog else 0


def _path(steps: str) -> str:
    return "/".join(HL7 + step for step in steps.split("/"))


def _text(element: etree._Element | None) -> str:
    return "" if element is None else "".join(str(part) for part in element.itertext())


def _attribute(root: etree._Element, steps: str, name: str) -> str:
    found = root.find(_path(steps))
    return "" if found is None else found.get(name, "").strip()


def _code(root: etree._Element, steps: str) -> Coded | None:
    found = root.find(_path(steps))
    if found is None or not found.get("code"):
        return None
    return Coded(found.get("code", "").strip(), found.get("codeSystem", "").strip(), found.get("displayName", ""))


def _time(text: str) -> XdsTime | None:
    try:
        return from_hl7(text) if text else None
    except ValueError:
        return None


def _compare(name: str, in_cda: str, in_metadata: str, element: str) -> Problem | None:
    path = f"ClinicalDocument.{name}"
    if not in_cda:
        return Problem("cda.element-missing", (path,), {"element": name})
    if in_cda == in_metadata:
        return None
    values = {"element": name, "cda": shown(in_cda, 120), "metadata": shown(in_metadata, 120)}
    return Problem("cda.contradiction", (path, element), values)


def _check_patient(header: CdaHeader, entry: DocumentEntry) -> Problem | None:
    """A CDA names its patient by INS, and no INS in it may be another's: the worst failure is the wrong record."""
    path = ("ClinicalDocument.recordTarget", "DocumentReference.subject")
    found = {(root, extension.upper()) for root, extension in header.patients if root in _INS_ROOTS}
    if not found:
        return Problem("cda.patient-missing", path[:1])
    if found != {(entry.patient.kind.value, entry.patient.value)}:
        return Problem("cda.patient-mismatch", path)
    return None


def _check_date(header: CdaHeader, entry: DocumentEntry) -> Problem | None:
    """The day of effectiveTime, as written or in UTC: a request may give the day alone, in local time."""
    if header.created is None:
        return _compare("effectiveTime", "", "", "")
    given = entry.creation_time.digits[:_DAY]
    days = (header.created.digits[:_DAY], header.created_as_written[:_DAY])
    if any(day.startswith(given) or given.startswith(day) for day in days):
        return None
    return _compare("effectiveTime", days[1], given, "DocumentReference.content.attachment.creation")

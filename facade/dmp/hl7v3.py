"""TD0.2 and TD1.3a in HL7 v3: does the record exist, may this user read it, whose is it (PRPA_IN201307UV02 and 308).

Source: DMP interface (TD0.2, TD1.3a), IHE ITI-44/45 message structure of HL7 v3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import uuid4

from lxml import etree

from facade.dmp.config import DmpConfig
from facade.dmp.datatypes import read_dtm
from facade.dmp.xmltext import attribute, text
from facade.domain.dossier import Authorisation, Dossier, Traits
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS

HL7 = "urn:hl7-org:v3"
EXISTENCE, ADMINISTRATIVE_DATA = "TEST_EXST", "CNSLT_DATA"
_N = f"{{{HL7}}}"
_UNKNOWN_NAME = "NON RENSEIGNE"
_DAY = 8


def _oid() -> str:
    return f"2.25.{uuid4().int}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about one patient: its message id and query id are what the answer to it names."""

    patient: INS
    message_id: str = field(default_factory=_oid)
    query_id: str = field(default_factory=_oid)


def existence_request(config: DmpConfig, asked: Asked, now: datetime, reason: str = EXISTENCE) -> str:
    """The body of a TD0.2 request (reasonCode ``TEST_EXST``) or of a TD1.3a request (``CNSLT_DATA``)."""
    patient = asked.patient
    moment = now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    return (
        f'<PRPA_IN201307UV02 xmlns="{HL7}" ITSVersion="XML_1.0"><id root="{asked.message_id}"/>'
        f'<creationTime value="{moment}"/>'
        '<interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201307UV02"/>'
        f'<processingCode code="{attribute(config.processing_code)}"/><processingModeCode code="T"/>'
        '<acceptAckCode code="AL"/>'
        f"{_device('receiver', 'RCV', config.receiver_oid, 'DMP')}"
        f"{_device('sender', 'SND', config.oid_root, config.editor.name)}"
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        '<code code="PRPA_TE201307UV02" codeSystem="2.16.840.1.113883.1.6"/>'
        f'<reasonCode code="{reason}" codeSystem="1.2.250.1.213.1.1.4.11"/>'
        f'<queryByParameter><queryId root="{asked.query_id}"/><statusCode code="new"/>'
        "<parameterList><patientIdentifier>"
        f'<value root="{patient.kind.value}" extension="{attribute(patient.value)}"/>'
        "<semanticsText>Patient.id</semanticsText></patientIdentifier></parameterList></queryByParameter>"
        "</controlActProcess></PRPA_IN201307UV02>"
    )


def _device(role: str, code: str, oid: str, software: str) -> str:
    return (
        f'<{role} typeCode="{code}"><device classCode="DEV" determinerCode="INSTANCE"><id root="{attribute(oid)}"/>'
        f"<softwareName>{text(software)}</softwareName></device></{role}>"
    )


def read_existence(answer: etree._Element, asked: Asked) -> Dossier:
    """What a TD0.2 answer says of the record.

    Raises DmpRefused (channel ``hl7``) for an application error, DmpUnavailable ``dmp.answer-invalid`` when this is no
    TD0.2 answer or it says OK without a patient, ``dmp.answer-mismatched`` when it answers another question.
    """
    if answer.tag != f"{_N}PRPA_IN201308UV02":
        raise DmpUnavailable("dmp.answer-invalid", status="200")
    process = answer.find(f"{_N}controlActProcess")
    patient = None if process is None else process.find(f"{_N}subject/{_N}registrationEvent/{_N}subject1/{_N}patient")
    _check_asked(answer, patient, asked)
    found = _attribute(process, f"{_N}queryAck/{_N}queryResponseCode", "code")
    _check_acknowledgement(answer, found)
    if found == "NF":
        return Dossier(exists=False)
    if found != "OK" or patient is None:
        raise DmpUnavailable("dmp.answer-invalid", status="200")
    return _dossier(dict(_attention(answer)), patient)


def _check_asked(answer: etree._Element, patient: etree._Element | None, asked: Asked) -> None:
    """The authorisation in an answer is one user's on one record: another's must never be taken for it.

    HL7v3 repeats the ids of the message and of the query. Where neither is there the record must be the one asked for;
    where one is, the record may be held under another INS by now.
    """
    paths = (f"{_N}acknowledgement/{_N}targetMessage/{_N}id", f"{_N}controlActProcess/{_N}queryAck/{_N}queryId")
    named = {_attribute(answer, path, "root") for path in paths} - {""}
    if named:
        right = bool(named & {asked.message_id, asked.query_id})
    else:
        right = patient is None or (asked.patient.kind.value, asked.patient.value) in _identifiers(patient)
    if not right:
        raise DmpUnavailable("dmp.answer-mismatched")


def _identifiers(patient: etree._Element) -> set[tuple[str, str]]:
    return {(found.get("root", ""), found.get("extension", "").strip()) for found in patient.iterfind(f"{_N}id")}


def _check_acknowledgement(answer: etree._Element, found: str) -> None:
    acknowledgement = answer.find(f"{_N}acknowledgement")
    if acknowledgement is None:
        raise DmpUnavailable("dmp.answer-invalid", status="200")
    kind = acknowledgement.get("typeCode") or _attribute(acknowledgement, f"{_N}typeCode", "code")
    detail = acknowledgement.find(f"{_N}acknowledgementDetail")
    if kind == "AA" or (found == "NF" and detail is None):
        return
    code = _attribute(detail, f"{_N}code", "code")
    reason = (detail.findtext(f"{_N}text") or "").strip() if detail is not None else ""
    location = (detail.findtext(f"{_N}location") or "").strip() if detail is not None else ""
    raise DmpRefused(code or kind or "AE", reason, "hl7", location=location)


def _dossier(attention: dict[str, etree._Element], patient: etree._Element) -> Dossier:
    flags = dict(_observations(patient))
    person = patient.find(f"{_N}patientPerson")
    closed = _attribute(patient, f"{_N}statusCode", "code") == "terminated"
    authorisation = attention["AUTORISATION"].get("code", "") if "AUTORISATION" in attention else ""
    known = {each.value: each for each in Authorisation}
    deceased = person.find(f"{_N}deceasedInd") if person is not None else None
    return Dossier(
        exists=True,
        closed=closed,
        closure_date=_day(_attribute(patient, f"{_N}effectiveTime/{_N}high", "value")) if closed else None,
        authorisation=known.get(authorisation, Authorisation.NONE),
        treating_doctor=_is_true(attention.get("STATUT_MT")),
        mes_link=_is_true(flags.get("RATTACHEMENT_ENS")),
        objects_bris_de_glace=_may_be_true(flags.get("OPPOSITION_BRIS_DE_GLACE")),
        objects_centre_15=_may_be_true(flags.get("OPPOSITION_ACCES_URGENCE")),
        deceased=_is_true(deceased),
        traits=_traits(person) if person is not None else Traits(),
    )


def _attention(answer: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    # The transmission wrapper holds them in HL7v3 itself; a DMP that puts them in the control act is understood too.
    for line in answer.iter(f"{_N}attentionLine"):
        value = line.find(f"{_N}value")
        if value is not None:
            yield _attribute(line, f"{_N}keyWordText", "code"), value


def _observations(patient: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    for observation in patient.iter(f"{_N}administrativeObservation"):
        value = observation.find(f"{_N}value")
        if value is not None:
            yield _attribute(observation, f"{_N}code", "code"), value


def _is_true(value: etree._Element | None) -> bool:
    return value is not None and value.get("value", "").strip().lower() in ("true", "1")


def _may_be_true(value: etree._Element | None) -> bool:
    """An opposition that is there but says neither yes nor no is one."""
    return value is not None and value.get("value", "").strip().lower() not in ("false", "0")


def _attribute(element: etree._Element | None, path: str, name: str) -> str:
    found = element.find(path) if element is not None else None
    return found.get(name, "").strip() if found is not None else ""


def _day(value: str) -> date | None:
    time = read_dtm(value[:_DAY])
    return time.start.date() if time is not None and len(time.digits) == _DAY else None


def _traits(person: etree._Element) -> Traits:
    families = {family.get("qualifier", ""): _name(family) for family in person.iterfind(f"{_N}name/{_N}family")}
    birth = families.get("BR", "")
    usual = families.get("SP", "")
    other = next((name for qualifier, name in families.items() if qualifier not in ("SP", "BR")), "")
    given = next((_name(each) for each in person.iterfind(f"{_N}name/{_N}given") if _name(each)), "")
    return Traits(
        family=usual or other or birth,
        birth_family=birth or other,
        given=given,
        sex=_attribute(person, f"{_N}administrativeGenderCode", "code"),
        birth_date=_day(_attribute(person, f"{_N}birthTime", "value")),
    )


def _name(element: etree._Element) -> str:
    name = (element.text or "").strip()
    return "" if name.upper() == _UNKNOWN_NAME else name

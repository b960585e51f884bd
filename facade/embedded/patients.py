"""TD0.2 (does the record exist, is it open, is the user authorised) and TD1.3a (administrative data of the holder).

Both are one interaction, told apart by its reason; the answers have the same frame and traits.

Sources: HL7v3 Patient Registry (PRPA_IN201307UV02, PRPA_IN201308UV02), DMP interface (attention lines, observations).
"""

from __future__ import annotations

import uuid
from datetime import date

from lxml import etree

from facade.embedded import store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import Access
from facade.embedded.service import Answer, Dmp, Trail, utc_now
from facade.embedded.soap import Message
from facade.embedded.store import Row
from facade.embedded.strictxml import HL7, XSI, attr, serialise, tag, text
from facade.embedded.vihf import User

DMP_DEVICE = "1.2.250.1.213.4.1.1.1"
INTERACTIONS = "2.16.840.1.113883.1.6"
_REASONS = {"TEST_EXST": "TD0.2", "CNSLT_DATA": "TD1.3a"}
_REASON_PATHS = "controlActProcess/reasonOf/detectedIssueEvent/code|controlActProcess/reasonCode"
_KEYWORDS = "1.2.250.1.213.4.1.2.6.1"
_STATES = "1.2.250.1.213.4.1.2.6.2"
_ACCOUNT = "1.2.250.1.213.4.1.2.9"
_OBSERVATIONS = "1.2.250.1.213.4.1.2.3"
# HL7 AcknowledgementDetailCode: an element is missing, a code is not the one expected.
_MISSING, _WRONG = "SYN100", "SYN103"


def transaction_of(body: etree._Element) -> str:
    """TD0.2 or TD1.3a, by the reason of the request; TD0.2 for a reason that is neither."""
    for path in _REASON_PATHS.split("|"):
        reason = body.find("/".join(tag(HL7, step) for step in path.split("/")))
        if reason is not None:
            return _REASONS.get(reason.get("code", ""), "TD0.2")
    return "TD0.2"


def holder(dmp: Dmp, user: User, message: Message, trail: Trail) -> Answer:
    """Answer either question: NF when there is no record, OK otherwise, closed records included. Raises Refusal."""
    asked = _asked(message.body)
    if asked != (user.ins_oid, user.ins):
        raise Refusal("XDSPatientIdDoesNotMatch", "l'INS demandé n'est pas celui du VIHF")
    with dmp.store.reading() as db:
        record = store.patient(db, user.ins, user.ins_oid)
        if record is None:
            return Answer(_message(message, "AA", "", "NF", ""))
        access = dmp.access_to(db, user, record)
        access.require(trail.transaction)
    return Answer(_message(message, "AA", _attention(access), "OK", _registration(record)))


def refuse_holder(message: Message, error: Refusal) -> bytes:
    """The refusal of TD0.2 and TD1.3a: acknowledgement AE with the code and the text."""
    detail = (
        f'<acknowledgementDetail typeCode="E"><code code="{attr(error.code)}"/>'
        f"<text>{attr(error.context)}</text></acknowledgementDetail>"
    )
    return _message(message, "AE", "", "AE", "", detail)


def _asked(body: etree._Element) -> tuple[str, str]:
    """Root and extension of the patient asked for, once the frame of the message is right."""
    if body.tag != tag(HL7, "PRPA_IN201307UV02") or body.get("ITSVersion") != "XML_1.0":
        raise Refusal(_WRONG, "PRPA_IN201307UV02, ITSVersion XML_1.0, est attendu")
    _expect(body, "interactionId", root=INTERACTIONS, extension="PRPA_IN201307UV02")
    _expect(body, "processingModeCode", code="T")
    _expect(body, "acceptAckCode", code="AL")
    _expect(body, "receiver/device/id", root=DMP_DEVICE)
    if _find(body, _REASON_PATHS).get("code") not in _REASONS:
        raise Refusal(_WRONG, "reasonCode n'est ni TEST_EXST ni CNSLT_DATA")
    if _find(body, "processingCode").get("code") not in ("D", "P", "T"):
        raise Refusal(_WRONG, "processingCode incorrect")
    for path in ("id", "creationTime", "sender/device/id"):
        _find(body, path)
    query = _find(body, "controlActProcess/queryByParameter")
    _find(query, "queryId")
    _expect(query, "statusCode", code="new")
    identifier = _find(query, "parameterList/patientIdentifier")
    if text(_find(identifier, "semanticsText")) != "Patient.id":
        raise Refusal(_WRONG, "semanticsText de patientIdentifier incorrect")
    value = _find(identifier, "value")
    return value.get("root", ""), value.get("extension", "")


def _find(parent: etree._Element, paths: str) -> etree._Element:
    """The element at a path (the first of several, split by ``|``). Raises Refusal when there is none."""
    for path in paths.split("|"):
        found = parent.find("/".join(tag(HL7, step) for step in path.split("/")))
        if found is not None:
            return found
    raise Refusal(_MISSING, f"élément {paths} absent")


def _expect(parent: etree._Element, paths: str, **attributes: str) -> None:
    found = _find(parent, paths)
    if any(found.get(name) != value for name, value in attributes.items()):
        raise Refusal(_WRONG, f"élément {paths} incorrect")


def _message(
    request: Message, acknowledgement: str, attention: str, code: str, subject: str, detail: str = ""
) -> bytes:
    """PRPA_IN201308UV02 around an acknowledgement, a query answer and a subject."""
    sent = request.body.find(tag(HL7, "id"))
    target = "" if sent is None else f"<targetMessage><id{_ii(sent)}/></targetMessage>"
    control = request.body.find(f"{tag(HL7, 'controlActProcess')}/{tag(HL7, 'queryByParameter')}")
    query_id = None if control is None else control.find(tag(HL7, "queryId"))
    query = "" if control is None else serialise(control).decode()
    return (
        f'<PRPA_IN201308UV02 xmlns="{HL7}" xmlns:xsi="{XSI}" ITSVersion="XML_1.0"><id root="{_oid()}"/>'
        f'<creationTime value="{utc_now():%Y%m%d%H%M%S}"/>'
        f'<interactionId root="{INTERACTIONS}" extension="PRPA_IN201308UV02"/>'
        '<processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>'
        '<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id nullFlavor="NA"/></device>'
        f'</receiver><sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="{DMP_DEVICE}"/>'
        f"<softwareName>DMP</softwareName></device></sender>{attention}"
        f'<acknowledgement typeCode="{acknowledgement}">{target}{detail}</acknowledgement>'
        f'<controlActProcess classCode="CACT" moodCode="EVN">{subject}'
        f"<queryAck><queryId{'' if query_id is None else _ii(query_id)}/>"
        f'<queryResponseCode code="{code}"/></queryAck>{query}</controlActProcess></PRPA_IN201308UV02>'
    ).encode()


def _ii(element: etree._Element) -> str:
    """The root and extension of an instance identifier, as attributes."""
    return "".join(f' {name}="{attr(element.get(name, ""))}"' for name in ("root", "extension") if element.get(name))


def _oid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def _attention(access: Access) -> str:
    """The user's authorisation, and whether that user is a treating doctor."""
    return _line("AUTORISATION", f'<value xsi:type="CE" code="{attr(access.state)}" codeSystem="{_STATES}"/>') + _line(
        "STATUT_MT", f'<value xsi:type="BL" value="{_bl(access.treating)}"/>'
    )


def _line(keyword: str, value: str) -> str:
    return (
        f'<attentionLine><keyWordText code="{keyword}" codeSystem="{_KEYWORDS}">{keyword}</keyWordText>'
        f"{value}</attentionLine>"
    )


def _registration(record: Row) -> str:
    """The subject: identifiers, state, traits and observations of the holder."""
    closed = record.closed_on is not None
    high = f'<high value="{_day(record.closed_on)}"/>' if closed else ""
    observations = "".join(
        _observation(code, system, value=value)
        for code, system, value in (
            ("COMPTE_INTERNET_OUVERT", _ACCOUNT, record.mes_link),
            ("RATTACHEMENT_ENS", _OBSERVATIONS, record.mes_link),
            ("OPPOSITION_BRIS_DE_GLACE", _OBSERVATIONS, record.objects_bris_de_glace),
            ("OPPOSITION_ACCES_URGENCE", _OBSERVATIONS, record.objects_centre_15),
        )
    )
    return (
        '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><statusCode code="active"/>'
        '<subject1 typeCode="SBJ"><patient classCode="PAT">'
        f'<id root="{record.ins_oid}" extension="{record.ins}"/>'
        f'<statusCode code="{"terminated" if closed else "active"}"/>'
        f'<effectiveTime><low value="{_day(record.opened_on)}"/>{high}</effectiveTime>'
        '<patientPerson classCode="PSN" determinerCode="INSTANCE"><name>'
        f'<family qualifier="SP">{attr(record.family)}</family><family qualifier="BR">{attr(record.family)}</family>'
        f"<given>{attr(record.given)}</given></name>"
        f'<administrativeGenderCode code="{record.sex}" codeSystem="2.16.840.1.113883.5.1"/>'
        f'<birthTime value="{_day(record.birth_date)}"/><deceasedInd value="{_bl(record.deceased)}"/></patientPerson>'
        f"{observations}</patient></subject1></registrationEvent></subject>"
    )


def _observation(code: str, system: str, *, value: bool) -> str:
    return (
        '<subjectOf typeCode="SBJ"><administrativeObservation classCode="OBS" moodCode="EVN">'
        f'<code code="{code}" codeSystem="{system}"/><value xsi:type="BL" value="{_bl(value)}"/>'
        "</administrativeObservation></subjectOf>"
    )


def _bl(value: object) -> str:
    return "true" if value else "false"


def _day(value: date) -> str:
    return f"{value:%Y%m%d}"

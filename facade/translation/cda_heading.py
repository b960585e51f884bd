"""The header of a CDA as the fields a French reader sees above a copy of it.

Source: HL7 CDA R2, 4.2; CI-SIS "Structuration minimale de documents de santé" (names of the patient, matricule INS).
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from facade.domain.ins import InsKind
from facade.domain.layout import Field
from facade.translation.cda_parties import found, label_of, party, period, person_name, text_of, when
from facade.translation.cda_read import HL7
from facade.translation.narrative.text import one_line

_ROLE = "recordTarget/patientRole"
_INS = {
    InsKind.NIR.value: "NIR",
    InsKind.NIA.value: "NIA",
    InsKind.TEST.value: "identité de test",
    InsKind.DEMO.value: "identité de démonstration",
}
_SEXES = {"F": "Féminin", "M": "Masculin"}
_LEVELS = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}
_PARTICIPATIONS = (
    ("dataEnterer", "Saisi par"),
    ("informant", "Informateur"),
    ("custodian", "Conservé par"),
    ("informationRecipient", "Destinataire"),
    ("legalAuthenticator", "Responsable"),
    ("authenticator", "Attesté par"),
    ("participant", "Participant"),
)
_RELATIONS = {"RPLC": "Remplace le document", "APND": "Complète le document", "XFRM": "Transforme le document"}


def heading(root: etree._Element) -> tuple[Field, ...]:
    """The fields of a header, those without a value left out."""
    return tuple(each for each in _fields(root) if each.values)


def subject(root: etree._Element) -> str:
    """The patient on one line, for the head of a page: name, used name, birth date."""
    names, born = _names(root), when(found(root, f"{_ROLE}/patient/birthTime"))
    return ", ".join(word for word in (*names[:1], f"naissance : {born}" if born else "") if word)


def identifier(element: etree._Element | None) -> str:
    """An II: root, and extension after a circumflex where there is one."""
    if element is None:
        return ""
    return one_line("^".join(part for part in (element.get("root", ""), element.get("extension", "")) if part))


def _fields(root: etree._Element) -> Iterator[Field]:
    yield from _patient(root)
    yield _of("author", "Auteur", *(_author(each) for each in root.findall(f"{HL7}author")))
    yield _of("effectiveTime", "Date de création", when(found(root, "effectiveTime")))
    for name, label in _PARTICIPATIONS:
        yield _of(name, label, *(_participation(each) for each in root.findall(HL7 + name)))
    orders = root.findall(f"{HL7}inFulfillmentOf/{HL7}order/{HL7}id")
    yield _of("inFulfillmentOf", "Demande", *(identifier(each) for each in orders))
    events = root.findall(f"{HL7}documentationOf/{HL7}serviceEvent")
    yield _of("documentationOf", "Acte", *(_event(each) for each in events))
    yield _of("componentOf", "Prise en charge", _encounter(root))
    yield _of("confidentialityCode", "Confidentialité", _level(root))
    yield _of("id", "Identifiant du document", _document(root))
    for code, label in _RELATIONS.items():
        parents = [each for each in root.findall(f"{HL7}relatedDocument") if each.get("typeCode") == code]
        ids = (identifier(found(each, "parentDocument/id")) for each in parents)
        yield _of("relatedDocument", label, *ids)


def _of(name: str, label: str, *values: str) -> Field:
    return Field(label, tuple(dict.fromkeys(value for value in values if value)), f"ClinicalDocument.{name}")


def _patient(root: etree._Element) -> Iterator[Field]:
    yield _of("recordTarget", "Patient", *_names(root))
    yield _of("recordTarget", "Naissance", _birth(root))
    sex = found(root, f"{_ROLE}/patient/administrativeGenderCode")
    yield _of("recordTarget", "Sexe", "" if sex is None else _SEXES.get(sex.get("code", ""), label_of(sex)))
    ids = root.findall(f"{HL7}recordTarget/{HL7}patientRole/{HL7}id")
    matricules = (f"{each.get('extension', '')} ({_INS[each.get('root', '')]})" for each in ids if _is_ins(each))
    yield _of("recordTarget", "Matricule INS", *(one_line(each) for each in matricules))


def _is_ins(element: etree._Element) -> bool:
    return element.get("root", "") in _INS and bool(element.get("extension", "").strip())


def _names(root: etree._Element) -> list[str]:
    """The birth name with all given names, then the used name where it differs; a name without qualifiers as it is."""
    names = root.findall(f"{HL7}recordTarget/{HL7}patientRole/{HL7}patient/{HL7}name")
    return [line for name in names for line in _lines(name) if line]


def _lines(name: etree._Element) -> list[str]:
    families, given = name.findall(f"{HL7}family"), name.findall(f"{HL7}given")
    if not any(each.get("qualifier") for each in families):
        return [person_name(name)]
    birth = [each for each in families if each.get("qualifier") == "BR"]
    used = [each for each in families if each.get("qualifier") != "BR"]
    every = [each for each in given if not each.get("qualifier")] or [
        each for each in given if each.get("qualifier") == "BR"
    ]
    used_given = [each for each in given if each.get("qualifier", "BR") != "BR"]
    first = " ".join(filter(None, map(text_of, birth + every)))
    second = " ".join(filter(None, map(text_of, used + used_given)))
    told = {text_of(each) for each in birth + [each for each in given if each not in used_given]}
    differs = any(text_of(each) not in told for each in used + used_given)
    return [first, f"Nom utilisé : {second}" if differs else ""]


def _birth(root: etree._Element) -> str:
    born = when(found(root, f"{_ROLE}/patient/birthTime"))
    place = root.find(f"{HL7}recordTarget/{HL7}patientRole/{HL7}patient/{HL7}birthplace/{HL7}place")
    where = "" if place is None else " ".join(filter(None, (text_of(each) for each in place.iter() if len(each) == 0)))
    return ", ".join(part for part in (born, f"lieu : {where}" if where else "") if part)


def _author(element: etree._Element) -> str:
    return _dated(party(element), when(element.find(f"{HL7}time")))


def _participation(element: etree._Element) -> str:
    """Whom a participation names; the time of one that signs, the period of another."""
    time = element.find(f"{HL7}time")
    return _dated(party(element), period(time))


def _dated(who: str, moment: str) -> str:
    if not who or not moment:
        return who
    return f"{who}, le {moment}" if moment[0].isdigit() else f"{who}, {moment}"


def _event(event: etree._Element) -> str:
    words = [label_of(event.find(f"{HL7}code")), period(event.find(f"{HL7}effectiveTime"))]
    words += [party(each) for each in event.findall(f"{HL7}performer")]
    return ", ".join(word for word in words if word)


def _encounter(root: etree._Element) -> str:
    encounter = found(root, "componentOf/encompassingEncounter")
    if encounter is None:
        return ""
    facility = found(encounter, "location/healthCareFacility")
    words = [label_of(encounter.find(f"{HL7}code")), period(encounter.find(f"{HL7}effectiveTime"))]
    if facility is not None:
        words += [text_of(found(facility, "location/name")), label_of(facility.find(f"{HL7}code"))]
    return ", ".join(word for word in words if word)


def _level(root: etree._Element) -> str:
    code = found(root, "confidentialityCode")
    return "" if code is None else _LEVELS.get(code.get("code", ""), label_of(code))


def _document(root: etree._Element) -> str:
    version = found(root, "versionNumber")
    number = "" if version is None else one_line(version.get("value", ""))
    return ", ".join(part for part in (identifier(found(root, "id")), f"version {number}" if number else "") if part)

"""Whom a CDA header names and when, in words for a French reader. Source: HL7 CDA R2, 4.2."""

from __future__ import annotations

import re

from lxml import etree

from facade.translation.cda_read import HL7
from facade.translation.narrative.text import one_line

_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\d{2})?(?:\.\d+)?([+-]\d{2})?(\d{2})?")
_NAME_PARTS = ("prefix", "suffix", "given", "family")
_PERSONS = (
    "assignedPerson",
    "informationRecipient",
    "associatedPerson",
    "relatedPerson",
    "assignedAuthoringDevice",
    "subject",
)
_ORGANIZATIONS = (
    "representedOrganization",
    "receivedOrganization",
    "scopingOrganization",
    "representedCustodianOrganization",
)


def text_of(element: etree._Element | None) -> str:
    """The text inside an element, on one line."""
    return "" if element is None else one_line("".join(str(part) for part in element.itertext()))


def found(root: etree._Element, steps: str) -> etree._Element | None:
    """The first element at the end of a path of names."""
    return root.find("/".join(HL7 + step for step in steps.split("/")))


def label_of(element: etree._Element | None) -> str:
    """What a coded element is called: its displayName, its original text, or its code."""
    if element is None:
        return ""
    return (
        one_line(element.get("displayName", ""))
        or text_of(element.find(f"{HL7}originalText"))
        or one_line(element.get("code", ""))
    )


def when(element: etree._Element | None) -> str:
    """A TS in French, with its zone (``03/12/2019 à 13:30 (+01:00)``); as it is written where it is no TS."""
    written = "" if element is None else element.get("value", "").strip()
    match = _TIME.fullmatch(written)
    if match is None:
        return one_line(written)
    year, month, day, hour, minute, zone, zone_minutes = match.groups()
    date = "/".join(part for part in (day, month, year) if part)
    if not hour:
        return date
    return f"{date} à {hour}:{minute or '00'}" + (f" ({zone}:{zone_minutes or '00'})" if zone else "")


def period(element: etree._Element | None) -> str:
    """An interval: from when to when, or its one moment."""
    if element is None:
        return ""
    low, high = when(element.find(f"{HL7}low")), when(element.find(f"{HL7}high"))
    if low and high:
        return f"du {low} au {high}"
    return (f"à partir du {low}" if low else "") or (f"jusqu'au {high}" if high else "") or when(element)


def person_name(name: etree._Element) -> str:
    """A name in the order it is said; one that is not in parts, as it is written."""
    parts = [text_of(part) for kind in _NAME_PARTS for part in name.findall(HL7 + kind)]
    return " ".join(part for part in parts if part) or text_of(name)


def party(element: etree._Element) -> str:
    """A participation: person or software, function, profession, structure; empty where it names nobody."""
    words = _people(element)
    words += [label_of(each) for each in element.iter(f"{HL7}functionCode")]
    words += [label_of(each) for each in element.findall(f"{HL7}*/{HL7}code")]
    words += [text_of(each) for kind in _ORGANIZATIONS for each in element.findall(f".//{HL7}{kind}/{HL7}name")]
    return ", ".join(dict.fromkeys(word for word in words if word))


def _people(element: etree._Element) -> list[str]:
    words = []
    for kind in _PERSONS:
        for each in element.findall(f".//{HL7}{kind}"):
            words += [person_name(name) for name in each.findall(f"{HL7}name")]
            words += [text_of(each.find(HL7 + part)) for part in ("manufacturerModelName", "softwareName")]
    return words

"""Names and styles of the elements of a narrative block. Source: HL7 CDA R2, 4.3.5 and 4.3.5.11 (styleCode)."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from facade.domain.layout import Style
from facade.translation.cda_read import HL7


def local(element: etree._Element) -> str:
    """The name of an element of HL7 v3, empty for one of another namespace."""
    tag = str(element.tag)
    return tag.removeprefix(HL7) if tag.startswith(HL7) else ""


def styled(element: etree._Element, style: Style) -> Style:
    """The style with what ``styleCode`` adds: Bold, Italics, Emphasis, Underline. Other codes say nothing of text."""
    codes = set(element.get("styleCode", "").lower().split())
    return replace(
        style,
        bold=style.bold or "bold" in codes,
        italic=style.italic or bool(codes & {"italics", "italic", "emphasis"}),
        underline=style.underline or "underline" in codes,
    )

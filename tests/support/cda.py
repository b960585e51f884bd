"""Structured CDAs for tests, and the text of a PDF as a reader takes it out."""

from __future__ import annotations

import io

from pypdf import PdfReader

HEADER = """<title>Compte rendu de consultation</title><effectiveTime value="20240305101500+0100"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="279035121518989"/><patient>
<name><family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE</given></name>
<administrativeGenderCode code="F"/><birthTime value="19790328"/></patient></patientRole></recordTarget>"""


def structured(*sections: str, header: str = HEADER, unique_id: str = "1.2.250.1.999.1.77") -> bytes:
    """A CDA whose sections have these contents."""
    body = "".join(f"<component><section>{section}</section></component>" for section in sections)
    return (
        f'<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="{unique_id}"/>{header}'
        f"<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>"
    ).encode()


def narrative(text: str, more: str = "") -> bytes:
    """A CDA of one section with this narrative, and what stands beside it."""
    return structured(f"<title>Section</title><text>{text}</text>{more}")


def squeezed(text: str) -> str:
    """A text without its blanks: where a line was broken is not what was written."""
    return "".join(text.split())


def pages(pdf: bytes) -> list[str]:
    """The text of each page, in its reading order."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def in_order(texts: list[str], whole: str) -> str | None:
    """The first text that does not stand after the one before it; None where all do."""
    position = 0
    for text in texts:
        found = whole.find(text, position)
        if found < 0:
            return text
        position = found + len(text)
    return None

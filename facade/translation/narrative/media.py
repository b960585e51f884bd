"""What a renderMultiMedia points to: an image in the CDA, or a refusal that says what else it is.

Source: HL7 CDA R2, 4.3.5.6 (renderMultiMedia), 4.3.6.6 (observationMedia), 4.3.6.9 (regionOfInterest).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from facade.domain.errors import InvalidInput
from facade.domain.layout import Picture
from facade.translation.attachment import base64_file
from facade.translation.cda_read import HL7

# By their first bytes: published examples name a PNG image/jpeg.
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class Media:
    """The observationMedia and regionOfInterest of a document by their ID."""

    by_name: Mapping[str, etree._Element] = field(default_factory=dict, repr=False)
    _pictures: dict[str, Picture] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, body: etree._Element) -> Media:
        """Those that stand in a structuredBody."""
        found = body.iter(f"{HL7}observationMedia", f"{HL7}regionOfInterest")
        return cls({name: each for each in found if (name := each.get("ID", ""))})

    def picture(self, name: str, place: str) -> Picture:
        """The image of an ID, the same one each time. Raises InvalidInput ``mail.copy-media`` for what is not one."""
        if name not in self._pictures:
            self._pictures[name] = self._read(name, place)
        return self._pictures[name]

    def _read(self, name: str, place: str) -> Picture:
        found = self.by_name.get(name)
        if found is None:
            raise InvalidInput.of("mail.copy-media", place, media="IDREF ?")
        if found.tag != f"{HL7}observationMedia":
            raise InvalidInput.of("mail.copy-media", place, media="regionOfInterest")
        data = bytes_of(found)
        if data is None:
            raise InvalidInput.of("mail.copy-media", place, media="reference")
        if not is_image(data):
            raise InvalidInput.of("mail.copy-media", place, media="application/pdf" if is_pdf(data) else "?")
        return Picture(data)


def bytes_of(media: etree._Element) -> bytes | None:
    """The bytes in the value of an observationMedia, None where it holds none (a reference, or not base64)."""
    value = media.find(f"{HL7}value")
    if value is None or value.get("representation") != "B64":
        return None
    try:
        return bytes(base64_file(value.text or ""))
    except ValueError:
        return None


def is_image(data: bytes) -> bool:
    """Whether bytes begin as a PNG, JPEG, GIF or TIFF."""
    return data.startswith(_IMAGES)


def is_pdf(data: bytes) -> bool:
    """Whether bytes begin as a PDF."""
    return data.startswith(_PDF)

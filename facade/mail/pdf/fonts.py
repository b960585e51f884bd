"""The fonts of a PDF copy: FiraGO in four faces, two more for the signs it lacks; which face draws a character.

Fonts from the package pymupdf-fonts (SIL Open Font License 1.1), embedded as subsets. Only scripts whose letters stand
one after the other from left to right are drawn: the writer neither joins letters nor turns lines round.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

from pymupdf_fonts import (
    CascadiaMono_Bold,
    CascadiaMono_Regular,
    FiraGO_Bold,
    FiraGO_BoldItalic,
    FiraGO_Italic,
    FiraGO_Regular,
    NotoSans_Bold,
    NotoSans_Regular,
)
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from facade.domain.layout import Style

# Latin, Greek, Cyrillic, Armenian; their extensions, punctuation and signs; ligatures.
_DRAWN = (range(0x20, 0x7F), range(0xA0, 0x590), range(0x1E00, 0x2028), range(0x2030, 0x2066), range(0x2070, 0x2E80))
_LIGATURES = range(0xFB00, 0xFB07)
_MODULES = {
    "FiraGO": FiraGO_Regular,
    "FiraGO-Bold": FiraGO_Bold,
    "FiraGO-Italic": FiraGO_Italic,
    "FiraGO-BoldItalic": FiraGO_BoldItalic,
    "NotoSans": NotoSans_Regular,
    "NotoSans-Bold": NotoSans_Bold,
    "CascadiaMono": CascadiaMono_Regular,
    "CascadiaMono-Bold": CascadiaMono_Bold,
}


class CharacterLacking(LookupError):
    """A character no face draws. ``code`` is its code point, ``U+2611``."""

    def __init__(self, character: str) -> None:
        self.code = f"U+{ord(character):04X}"
        super().__init__(self.code)


@cache
def _face(name: str) -> TTFont:
    font = TTFont(name, io.BytesIO(_MODULES[name].fontbuffer))
    pdfmetrics.registerFont(font)
    return font


@cache
def _faces(bold: bool, italic: bool) -> tuple[str, ...]:
    ending = ("Bold" if bold else "") + ("Italic" if italic else "")
    weight = "-Bold" if bold else ""
    return f"FiraGO-{ending}" if ending else "FiraGO", f"NotoSans{weight}", f"CascadiaMono{weight}"


@cache
def _face_of(character: str, bold: bool, italic: bool) -> str:
    code = ord(character)
    if any(code in drawn for drawn in _DRAWN) or code in _LIGATURES:
        for name in _faces(bold, italic):
            if code in _face(name).face.charToGlyph:
                return name
    raise CharacterLacking(character)


def pieces(text: str, style: Style) -> Iterator[tuple[str, str]]:
    """The text cut where its face changes: names of faces and their texts. Raises CharacterLacking."""
    current, start = "", 0
    for position, character in enumerate(text):
        name = _face_of(character, style.bold, style.italic)
        if name != current:
            if position > start:
                yield current, text[start:position]
            current, start = name, position
    if start < len(text):
        yield current, text[start:]


def width(text: str, style: Style, size: float) -> float:
    """The width of a text in points. Raises CharacterLacking."""
    return _units(text, style.bold, style.italic) * size / 1000


def _units(text: str, bold: bool, italic: bool) -> float:
    return sum(_advance(character, bold, italic) for character in text)


@cache
def _advance(character: str, bold: bool, italic: bool) -> float:
    face = _face(_face_of(character, bold, italic)).face
    found: float = face.charWidths.get(ord(character), face.defaultWidth)
    return found

"""The runs of text of a narrative: blanks as HTML has them, characters that say nothing left out."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

from facade.domain.layout import PLAIN, Align, Block, Paragraph, Run, Style

# Zero-width characters and variation selectors: they guide an engine and show nothing. Those that turn the direction
# of writing round (U+202A to U+202E, U+2066 to U+2069) are kept, for the writer to refuse: without them it reads wrong.
_UNSEEN = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)))
_SPACES = {ord(each): " " for each in "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u205f\u3000"}
_HOLDING = {0x2007: "\u00a0", 0x202F: "\u00a0"}
_BREAKS = {0x0B: "\n", 0x0C: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_AS_SHOWN = {**_UNSEEN, **_SPACES, **_HOLDING, **_BREAKS}
_BLANKS = re.compile(r"[ \t\r\n]+")
_TAB = 8
# UAX #15, 13 (Stream-Safe Text Format): no letter of real text has more; to sort them takes the square of their number.
_MOST_MARKS = 30


def shown(text: str) -> str:
    """The characters of a text that a reader sees: composed (NFC), without zero-width ones, blanks of two kinds."""
    return _composed(text).translate(_AS_SHOWN)


def _composed(text: str) -> str:
    """NFC. A text with more marks on one letter than any has stays as it is written."""
    if text.isascii():
        return text
    marks = (sum(1 for _ in run) for combining, run in groupby(text, _combines) if combining)
    return text if any(count > _MOST_MARKS for count in marks) else unicodedata.normalize("NFC", text)


def _combines(character: str) -> bool:
    return unicodedata.combining(character) > 0


def one_line(text: str) -> str:
    """A text of the header: as shown, on one line."""
    return " ".join(shown(text).split())


def preformatted(text: str) -> str:
    """A plain text whose lines and columns are kept: tabs every 8 columns, several blanks in a row hold."""
    lines = []
    for line in shown(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n"):
        spread = line.expandtabs(_TAB).rstrip()
        lines.append(re.sub(r"^ +| {2,}", lambda found: "\u00a0" * len(found.group()), spread))
    return "\n".join(lines).strip("\n")


class Flow:
    """Takes the text and the blocks of a narrative in their order, and gives paragraphs and blocks."""

    def __init__(self, align: Align = Align.LEFT, *, heading: bool = False) -> None:
        self._align, self._heading = align, heading
        self._blocks: list[Block] = []
        self._runs: list[Run] = []
        self._blank = True

    def write(self, text: str | None, style: Style = PLAIN) -> None:
        """Text of the narrative, blanks collapsed: none at the beginning of a line, one between words."""
        if not text:
            return
        # U+0085 and the like are line breaks of the text itself: those of the source are blanks, and go first.
        for number, line in enumerate(shown(_BLANKS.sub(" ", text)).split("\n")):
            if number:
                self.newline()
            self._add(_BLANKS.sub(" ", line), style)

    def _add(self, text: str, style: Style) -> None:
        kept = text[1:] if self._blank and text.startswith(" ") else text
        if kept:
            self._runs.append(Run(kept, style))
            self._blank = kept.endswith(" ")

    def newline(self) -> None:
        """A line break."""
        self._runs.append(Run("\n"))
        self._blank = True

    def block(self, made: Block) -> None:
        """A block of its own, after the paragraph written so far."""
        self.close()
        self._blocks.append(made)

    def close(self) -> None:
        """End the paragraph. Line breaks after its last text are not kept, nor is a paragraph without text."""
        while self._runs and not self._runs[-1].text.strip(" \n"):
            self._runs.pop()
        if self._runs:
            self._blocks.append(Paragraph(tuple(self._runs), self._align, self._heading))
        self._runs, self._blank = [], True

    def blocks(self) -> tuple[Block, ...]:
        """Everything taken, in order."""
        self.close()
        return tuple(self._blocks)

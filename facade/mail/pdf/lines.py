"""Runs of text -> lines of a width. A word longer than its line is cut; nothing is drawn beyond its margins."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice

from facade.domain.layout import Align, Paragraph, Run, Style
from facade.mail.pdf import fonts
from facade.mail.pdf.pages import TooManyPages
from facade.mail.pdf.rules import Rule
from facade.mail.pdf.strips import Mark, Strip, Words

LEADING = 1.35
_ASCENT = 1.0
_SMALL, _RISE = 0.7, 0.33
_PARTS = re.compile(r"\n| +|[^ \n]+")
_SIGNS = re.compile(r"[^/'’.,;:_-]*[/'’.,;:_-]+|[^/'’.,;:_-]+")
_KEPT_WHOLE = 3
_ROUNDING = 0.01
MAX_LINES = 20_000  # more than the pages of a copy have room for


class TooNarrow(ValueError):
    """A column has no room for one character."""


@dataclass(slots=True)
class _Line:
    """Pieces of text of one style each, and how wide they are."""

    pieces: list[tuple[str, Style]] = field(default_factory=list)
    width: float = 0.0

    def add(self, text: str, style: Style, width: float) -> None:
        if self.pieces and self.pieces[-1][1] == style:
            self.pieces[-1] = (self.pieces[-1][0] + text, style)
        else:
            self.pieces.append((text, style))
        self.width += width


_Word = list[tuple[str, Style]]


def paragraph(made: Paragraph, left: float, width: float, size: float, order: Iterator[int]) -> list[Strip]:
    """The lines of a paragraph. Raises CharacterLacking, TooNarrow, TooManyPages."""
    lines = list(islice(_lines(made.runs, width, size), MAX_LINES + 1))
    if len(lines) > MAX_LINES:
        raise TooManyPages
    last = len(lines) - 1
    strips = []
    for number, line in enumerate(lines):
        spare = width - line.width
        shift = {Align.LEFT: 0.0, Align.CENTER: spare / 2, Align.RIGHT: spare}[made.align]
        # Neither the first line alone at the foot of a page nor the last alone at the head of one.
        close = last < _KEPT_WHOLE or number in (0, last - 1)
        keep = made.heading or (close and number != last)
        marks, rules = _marks(line, left + shift, size, order)
        strips.append(Strip(size * LEADING, tuple(marks), tuple(rules), keep))
    return strips


def text(words: str, style: Style, left: float, size: float, order: Iterator[int]) -> tuple[Mark, ...]:
    """One line of text that is not cut. Raises CharacterLacking."""
    return tuple(_marks(_Line([(words, style)]), left, size, order)[0])


def extent(runs: Sequence[Run], size: float) -> tuple[float, float]:
    """The widths of the longest word and of the longest line. Raises CharacterLacking."""
    longest = line = whole = 0.0
    for part in _parts(runs):
        if part is None:
            whole, line = max(whole, line), 0.0
            continue
        width = sum(_width(piece, style, size) for piece, style in part)
        line += width
        if part[0][0] != " ":
            longest = max(longest, width)
    return longest, max(whole, line)


def _parts(runs: Sequence[Run]) -> Iterator[_Word | None]:
    """The words of runs, single blanks between them, None for a line break. A word may go through several runs."""
    word: _Word = []
    for run in runs:
        for found in _PARTS.finditer(run.text):
            part = found.group()
            if part[0] not in " \n":
                word.append((part, run.style))
                continue
            if word:
                yield word
                word = []
            yield None if part == "\n" else [(" ", run.style)]
    if word:
        yield word


def _lines(runs: Sequence[Run], width: float, size: float) -> Iterator[_Line]:
    line, blank = _Line(), None
    for part in _parts(runs):
        if part is None:
            yield line
            line, blank = _Line(), None
        elif part[0][0] == " ":
            blank = part[0][1] if line.pieces else None
        else:
            needed = sum(_width(piece, style, size) for piece, style in part)
            gap = 0.0 if blank is None else _width(" ", blank, size)
            if line.pieces and line.width + gap + needed > width + _ROUNDING:
                yield line
                line, blank = _Line(), None
            if blank is not None:
                line.add(" ", blank, gap)
                blank = None
            line = yield from _placed(part, needed, line, width, size)
    if line.pieces:
        yield line


def _placed(word: _Word, needed: float, line: _Line, width: float, size: float) -> Generator[_Line, None, _Line]:
    """Add a word to a line; one that is longer than a line fills as many as it needs."""
    if line.width + needed <= width + _ROUNDING:
        for piece, style in word:
            line.add(piece, style, _width(piece, style, size))
        return line
    for piece, style in word:
        for part in _cuttable(piece, style, width, size):
            advance = _width(part, style, size)
            if advance > width + _ROUNDING:
                raise TooNarrow
            if line.width + advance > width + _ROUNDING:
                yield line
                line = _Line()
            line.add(part, style, advance)
    return line


def _cuttable(piece: str, style: Style, width: float, size: float) -> Iterator[str]:
    """The parts a word may be cut into: after its signs, or anywhere in a part that is too long all the same."""
    for found in _SIGNS.finditer(piece):
        part = found.group()
        if _width(part, style, size) > width + _ROUNDING:
            yield from part
        else:
            yield part


def _width(text: str, style: Style, size: float) -> float:
    return fonts.width(text, style, _size(style, size))


def _size(style: Style, size: float) -> float:
    return size * _SMALL if style.raised else size


def _marks(line: _Line, left: float, size: float, order: Iterator[int]) -> tuple[list[Mark], list[Rule]]:
    marks: list[Mark] = []
    rules: list[Rule] = []
    x = left
    for piece, style in line.pieces:
        start, actual = x, _size(style, size)
        baseline = size * _ASCENT - style.raised * size * _RISE
        for face, text in fonts.pieces(piece, style):
            marks.append(Words(next(order), x, baseline, face, actual, text))
            x += fonts.width(text, replace(style, raised=0), actual)
        if style.underline:
            rules.append(Rule(start, baseline + 1, x - start, ink=True))
    return marks, rules


def ordering() -> Iterator[int]:
    """Numbers of a reading order, from 1."""
    return count(1)

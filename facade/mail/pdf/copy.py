"""A document laid out as PDF: the header on the first page, its sections, and at the foot what this copy is.

A4, fonts embedded, text in reading order. No link, no script, nothing outside the file: what is opened from a message
of a health professional must not lead anywhere. The same layout gives the same bytes.
Source: référentiel socle MSSanté no 2, ECO.2.1.1 and ECO.2.1.5 (a PDF copy of each document); HL7 CDA R2, 1.2.3.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from facade.domain.errors import FacadeError, InvalidInput, Problem
from facade.domain.layout import PLAIN, Align, Field, Layout, Paragraph, Run, Section, Style
from facade.mail.pdf import fonts
from facade.mail.pdf.blocks import Setter
from facade.mail.pdf.fonts import CharacterLacking
from facade.mail.pdf.lines import TooNarrow, text
from facade.mail.pdf.pages import MAX_PAGES, Page, Paginator, TooManyPages
from facade.mail.pdf.pictures import MAX_IMAGE_BYTES, TooLarge, Unreadable
from facade.mail.pdf.rules import Rule, Rules
from facade.mail.pdf.strips import Mark, Strip
from facade.mail.pdf.tables import MAX_CELL_LINES, MAX_COLUMNS, TooManyLines

COPY = (
    "Copie mise en page par le logiciel de l'expéditeur à partir du document CDA : l'essentiel de son en-tête et le "
    "texte de ses sections.",
    "L'original, qui seul fait foi, est le document CDA de l'archive IHE_XDM.zip jointe au message.",
)
_WIDTH, _HEIGHT = A4
_MARGIN, _FOOT, _HEAD = 42.0, 38.0, 20.0
_LEFT, _RIGHT = _MARGIN, _WIDTH - _MARGIN
_TOP = _HEIGHT - _MARGIN - _HEAD
_TEXT_HEIGHT = _TOP - _MARGIN - _FOOT
_TALLEST_PICTURE = _TEXT_HEIGHT - 200  # the repeated head of a table and the borders of a row stand around it
_BODY, _SMALL, _TITLE = 9.5, 7.0, 15.0
_HEADINGS = (12.5, 11.0, 10.0)
_LABELS = 120.0
_BOLD = Style(bold=True)
_PLACE = "ClinicalDocument"
rl_config.useA85 = 0  # streams as they are: a message encodes its attachments anyway
# A TTFont keeps its place in its file while it is subset: one copy is made at a time. It bounds the memory as well.
_ONE_AT_A_TIME = Lock()
# One of the largest documents takes seconds: who asks for many of them keeps no others waiting without end.
_PATIENCE, _AGAIN = 20.0, 10


def write(layout: Layout) -> bytes:
    """The bytes of the PDF.

    Raises InvalidInput ``mail.copy-character``, ``mail.copy-media`` and ``mail.copy-too-large`` rather than leave
    anything out, and FacadeError ``busy`` when others are made for too long.
    """
    with _turn():
        setter = Setter(_TALLEST_PICTURE)
        strips = _heading(setter, layout)
        for section in layout.sections:
            with _refusals(section.place):
                strips += _section(setter, section)
        with _refusals(_PLACE):
            return _drawn(layout, Paginator(_TEXT_HEIGHT).fill(strips))


@contextmanager
def _turn() -> Iterator[None]:
    if not _ONE_AT_A_TIME.acquire(timeout=_PATIENCE):
        raise FacadeError(Problem("busy"), retry_after=_AGAIN)
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


@contextmanager
def _refusals(place: str) -> Iterator[None]:
    """What cannot be drawn is refused, with its place in the CDA."""
    try:
        yield
    except CharacterLacking as lacking:
        raise InvalidInput.of("mail.copy-character", place, character=lacking.code) from None
    except TooNarrow:
        raise _too_large(place, "columns", MAX_COLUMNS) from None
    except TooLarge:
        raise _too_large(place, "bytes of images", MAX_IMAGE_BYTES) from None
    except TooManyPages:
        raise _too_large(place, "pages", MAX_PAGES) from None
    except TooManyLines:
        raise _too_large(place, "lines of cells", MAX_CELL_LINES) from None
    except Unreadable:
        raise InvalidInput.of("mail.copy-media", place, media="image ?") from None


def _too_large(place: str, what: str, limit: int) -> FacadeError:
    return InvalidInput.of("mail.copy-too-large", place, what=what, limit=str(limit))


def _heading(setter: Setter, layout: Layout) -> list[Strip]:
    title = Paragraph((Run(layout.title, _BOLD),), Align.CENTER, heading=True)
    with _refusals(f"{_PLACE}.title"):
        strips = [*setter.strips((title,), _LEFT, _RIGHT - _LEFT, _TITLE), Strip(8), _line()]
    for each in layout.header:
        with _refusals(each.place):
            strips += _field(setter, each)
    return [*strips, Strip(3), _line(), Strip(6)]


def _field(setter: Setter, field: Field) -> list[Strip]:
    """The label, and beside it the values one under the other."""
    label = text(field.label, _BOLD, _LEFT, _BODY, setter.order)
    values = tuple(Paragraph((Run(value),)) for value in field.values)
    strips = setter.strips(values, _LEFT + _LABELS, _RIGHT - _LEFT - _LABELS, _BODY)
    return [Strip(2), replace(strips[0], marks=(*label, *strips[0].marks)), *strips[1:]]


def _section(setter: Setter, section: Section) -> list[Strip]:
    """The title of a section, under a line where it is an outermost one, and its blocks."""
    size = _HEADINGS[min(section.depth, len(_HEADINGS) - 1)]
    strips = [Strip(8, keep=True)]
    if section.title:
        title = Paragraph((Run(section.title, _BOLD),), heading=True)
        strips += setter.strips((title,), _LEFT, _RIGHT - _LEFT, size)
        strips.append(_line(keep=True) if section.depth == 0 else Strip(2, keep=True))
    return strips + setter.strips(section.blocks, _LEFT, _RIGHT - _LEFT, _BODY)


def _line(*, keep: bool = False) -> Strip:
    return Strip(5, rules=(Rule(_LEFT, 2, _RIGHT - _LEFT),), keep=keep)


def _drawn(layout: Layout, pages: Sequence[Page]) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4, invariant=1, lang="fr-FR")
    canvas.setTitle(layout.title)
    canvas.setAuthor("")
    canvas.setSubject("")
    running = _cut(" - ".join(part for part in (layout.subject, layout.title) if part), _SMALL, _RIGHT - _LEFT)
    identifier = _cut(f"Document {layout.unique_id}", _SMALL, _RIGHT - _LEFT - 80)
    for number, page in enumerate(pages, start=1):
        if number > 1:
            _say(canvas, running, _LEFT, _HEIGHT - _MARGIN)
        _draw(canvas, page)
        _foot(canvas, identifier, f"Page {number} / {len(pages)}")
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def _draw(canvas: Canvas, page: Page) -> None:
    """The strips of a page. A table's cells lie side by side in them: their marks are drawn as they are read."""
    marks: list[tuple[int, float, Mark]] = [
        (mark.order, _TOP - below, mark) for below, strip in page.placed for mark in strip.marks
    ]
    for _, top, mark in sorted(marks, key=lambda each: each[0]):
        mark.draw(canvas, top)
    rules = Rules()
    for below, strip in page.placed:
        rules.add(strip.rules, _TOP - below)
    rules.add((Rule(_LEFT, 0, _RIGHT - _LEFT),), _MARGIN + _FOOT - 8)
    rules.draw(canvas)


def _foot(canvas: Canvas, identifier: str, number: str) -> None:
    for line, said in enumerate((*COPY, identifier)):
        _say(canvas, said, _LEFT, _MARGIN + _FOOT - 18 - line * 10)
    _say(canvas, number, _RIGHT - fonts.width(number, PLAIN, _SMALL), _MARGIN + _FOOT - 38)


def _say(canvas: Canvas, said: str, left: float, baseline: float) -> None:
    x = left
    for face, part in fonts.pieces(said, PLAIN):
        canvas.setFont(face, _SMALL)
        canvas.drawString(x, baseline, part)
        x += fonts.width(part, PLAIN, _SMALL)


def _cut(said: str, size: float, width: float) -> str:
    """As much of a line as there is room for: the title and the identifier stand in full on the first page."""
    kept = said
    while fonts.width(kept, PLAIN, size) > width:
        kept = f"{kept[: len(kept) * 3 // 4]}…"
    return kept

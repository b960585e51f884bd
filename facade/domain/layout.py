"""What is to be laid out for a reader, before it has pages: a title, a header of fields, and sections of blocks.

Source: HL7 CDA R2, 4.3.5 (narrative block). Nothing here knows of XML, fonts or pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of text looks. ``raised`` is +1 for a superscript, -1 for a subscript."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    raised: int = 0


PLAIN = Style()


class Align(Enum):
    """Where the lines of a paragraph stand between its margins."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style. Blanks are as they are to be shown; a line break is U+000A; a blank that holds is U+00A0."""

    text: str = field(repr=False)
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Runs one after the other. ``heading``: it stays with what follows it."""

    runs: tuple[Run, ...]
    align: Align = Align.LEFT
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list and the mark before it."""

    mark: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; its caption is a paragraph before it."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. Spans are at least 1; a rowspan may reach beyond the last row."""

    blocks: tuple[Block, ...]
    header: bool = False
    colspan: int = 1
    rowspan: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. The first ``head`` rows are repeated where the table goes on upon another page."""

    rows: tuple[tuple[Cell, ...], ...]
    head: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of an image (PNG, JPEG, GIF, TIFF, told by the bytes themselves)."""

    data: bytes = field(repr=False)


Block = Paragraph | Listing | Table | Picture


def says_something(blocks: tuple[Block, ...]) -> bool:
    """Whether there is a text or a picture in blocks, and not only their frames."""
    return any(_says_something(block) for block in blocks)


def _says_something(block: Block) -> bool:
    match block:
        case Paragraph():
            return any(run.text.strip() for run in block.runs)
        case Listing():
            return any(says_something(item.blocks) for item in block.items)
        case Table():
            return any(says_something(cell.blocks) for row in block.rows for cell in row)
        case Picture():
            return True


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the header: what it is called, and its values one under the other. ``place``: its path in the CDA."""

    label: str
    values: tuple[str, ...] = field(repr=False)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its title, how deep it stands (0 for the outermost), its own blocks, and its path in the CDA."""

    title: str = field(repr=False)
    depth: int
    blocks: tuple[Block, ...] = field(repr=False)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """A document to lay out. ``subject`` names the patient at the head of each further page."""

    title: str = field(repr=False)
    subject: str = field(repr=False)
    unique_id: str
    header: tuple[Field, ...] = field(repr=False)
    sections: tuple[Section, ...] = field(repr=False)

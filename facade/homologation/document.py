"""A document as its parts: sections of paragraphs, lists and tables. How they are written is another module's."""

from __future__ import annotations

from dataclasses import dataclass

# A cell is a text, or several lines of it.
Cell = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of texts."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption. The first cell of a row is the heading of that row."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


Block = str | Bullets | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it. ``name`` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A title and sections, in a language (``fr`` or ``en``)."""

    language: str
    title: str
    contents: str
    skip: str
    sections: tuple[Section, ...]


def lines(cell: Cell) -> tuple[str, ...]:
    """The lines of a cell."""
    return (cell,) if isinstance(cell, str) else cell

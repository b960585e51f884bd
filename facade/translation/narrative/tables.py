"""A table of the narrative block. Source: HL7 CDA R2, 4.3.5.8 (the tables of XHTML)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lxml import etree

from facade.domain.layout import Cell, Style, Table
from facade.translation.narrative.style import local, styled
from facade.translation.narrative.text import Flow

if TYPE_CHECKING:
    from facade.translation.narrative.reader import Narrative

_GROUPS = ("thead", "tbody", "tfoot")
_SPAN_DIGITS = 4
_BEYOND = 10**_SPAN_DIGITS

Row = tuple[Cell, ...]


@dataclass(slots=True)
class _Groups:
    """The rows of a table by group. Rows that are in none are a body's."""

    thead: list[Row] = field(default_factory=list)
    tbody: list[Row] = field(default_factory=list)
    tfoot: list[Row] = field(default_factory=list)


def read_table(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> Table | None:
    """The table of a ``table`` element, None where it has no row.

    Its caption, and text that stands where no text may stand, go into the flow, before the table.
    """
    groups, loose = _Groups(), list[Row]()
    reader.budget.depth(depth)
    reader.write(element.text, flow, style)
    for child in element:
        name = local(child)
        if name == "tr":
            reader.budget.element()
            loose.append(_row(reader, child, flow, styled(child, style), depth + 1))
        elif name in _GROUPS:
            reader.budget.element()
            rows: list[Row] = getattr(groups, name)
            rows += _rows(reader, child, flow, styled(child, style), depth + 1)
        else:
            reader.child(child, flow, style, depth)
        reader.write(child.tail, flow, style)
    body = _clipped(loose) + groups.tbody
    rows = groups.thead + body + groups.tfoot
    return Table(tuple(rows), len(groups.thead) if body else 0) if rows else None


def _rows(reader: Narrative, group: etree._Element, flow: Flow, style: Style, depth: int) -> list[Row]:
    reader.write(group.text, flow, style)
    rows = []
    for child in group:
        if local(child) == "tr":
            reader.budget.element()
            rows.append(_row(reader, child, flow, styled(child, style), depth + 1))
        else:
            reader.child(child, flow, style, depth)
        reader.write(child.tail, flow, style)
    return _clipped(rows)


def _row(reader: Narrative, row: etree._Element, flow: Flow, style: Style, depth: int) -> Row:
    reader.write(row.text, flow, style)
    cells = []
    for child in row:
        reader.budget.element()
        cells.append(_cell(reader, child, styled(child, style), depth + 1))
        reader.write(child.tail, flow, style)
    reader.budget.columns(sum(cell.colspan for cell in cells))
    return tuple(cells)


def _cell(reader: Narrative, element: etree._Element, style: Style, depth: int) -> Cell:
    """A ``td`` or ``th``; anything else in a row is read as a cell too."""
    header = local(element) == "th"
    blocks = reader.blocks(element, replace(style, bold=style.bold or header), depth)
    rowspan = _span(element, "rowspan")
    return Cell(blocks, header, max(_span(element, "colspan"), 1), rowspan or _BEYOND)


def _span(element: etree._Element, name: str) -> int:
    """A span as XHTML has it: 1 where it is none, 0 for "to the end"."""
    text = element.get(name, "1").strip()
    if not (text.isascii() and text.isdigit()):
        return 1
    return int(text) if len(text) <= _SPAN_DIGITS else _BEYOND


def _clipped(rows: list[Row]) -> list[Row]:
    """The rows of a group: no cell reaches beyond its group."""
    count = len(rows)
    return [
        tuple(replace(cell, rowspan=min(cell.rowspan, count - number)) for cell in row)
        for number, row in enumerate(rows)
    ]

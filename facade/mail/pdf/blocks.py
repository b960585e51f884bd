"""Blocks -> strips: paragraphs, lists, tables and pictures, each within the width it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from facade.domain.layout import PLAIN, Block, Listing, Paragraph, Picture, Table
from facade.mail.pdf import fonts, pictures
from facade.mail.pdf.lines import TooNarrow, extent, ordering, paragraph, text
from facade.mail.pdf.pictures import Frame, Room
from facade.mail.pdf.strips import Shot, Strip
from facade.mail.pdf.tables import MAX_CELL_LINES, Grid, TooManyLines, columns_of, read_grid, table_strips

_INDENT, _AFTER_MARK = 14.0, 4.0
_GAP = 3.0
_LEAST_PICTURE = 60.0
_PICTURE_MARGIN = 4.0


@dataclass(slots=True)
class Setter:
    """Sets blocks one after the other. ``tallest``: the height of a picture at most, in points."""

    tallest: float
    order: Iterator[int] = field(default_factory=ordering)
    room: Room = field(default_factory=Room)
    _frames: dict[int, list[Frame]] = field(default_factory=dict)
    _grids: dict[int, Grid] = field(default_factory=dict)
    _extents: dict[tuple[int, float], tuple[float, float]] = field(default_factory=dict)
    _cell_lines: int = 0

    def strips(self, blocks: Sequence[Block], left: float, width: float, size: float) -> list[Strip]:
        """The strips of blocks.

        Raises CharacterLacking, TooNarrow, TooManyLines, TooManyPages, pictures.Unreadable, pictures.TooLarge.
        """
        made: list[Strip] = []
        for number, block in enumerate(blocks):
            if number:
                made.append(Strip(_GAP, keep=made[-1].keep if made else False))
            made += self._block(block, left, width, size)
        return made

    def extent(self, blocks: Sequence[Block], size: float) -> tuple[float, float]:
        """The least width of blocks without cutting a word, and the width at which no line is broken."""
        widths = [self._extent(block, size) for block in blocks]
        return max((least for least, _ in widths), default=0.0), max((whole for _, whole in widths), default=0.0)

    def grid(self, table: Table) -> Grid:
        """The grid of a table, the same one each time. Raises TooNarrow, TooManyLines."""
        if id(table) not in self._grids:
            self.cell_lines(len(table.rows) * max(sum(cell.colspan for cell in row) for row in table.rows))
            self._grids[id(table)] = read_grid(table)
        return self._grids[id(table)]

    def cell_lines(self, count: int) -> None:
        """So many more lines of cells, before they are made. Raises TooManyLines."""
        self._cell_lines += count
        if self._cell_lines > MAX_CELL_LINES:
            raise TooManyLines

    def _block(self, block: Block, left: float, width: float, size: float) -> list[Strip]:
        match block:
            case Paragraph():
                return paragraph(block, left, width, size, self.order)
            case Listing():
                return self._listing(block, left, width, size)
            case Table():
                return table_strips(self, block, left, width, size)
            case Picture():
                return self._picture(block, left, width)

    def _extent(self, block: Block, size: float) -> tuple[float, float]:
        match block:
            case Paragraph():
                return extent(block.runs, size)
            case Listing():
                least, whole = self.extent([each for item in block.items for each in item.blocks], size)
                return least + _indent(block, size), whole + _indent(block, size)
            case Table():
                return self._table_extent(block, size)
            case Picture():
                widest = max(frame.width for frame in self._frames_of(block))
                return min(widest, _LEAST_PICTURE), widest

    def _table_extent(self, block: Table, size: float) -> tuple[float, float]:
        """That of a table, measured once at each size: tables inside one another are asked for theirs by each."""
        if (id(block), size) not in self._extents:
            columns = columns_of(self, self.grid(block), size)
            self._extents[id(block), size] = sum(least for least, _ in columns), sum(whole for _, whole in columns)
        return self._extents[id(block), size]

    def _listing(self, block: Listing, left: float, width: float, size: float) -> list[Strip]:
        made: list[Strip] = []
        indent = _indent(block, size)
        for item in block.items:
            mark = text(item.mark, PLAIN, left, size, self.order)
            strips = self.strips(item.blocks, left + indent, width - indent, size) or [Strip(size)]
            first = strips[0]
            made += [replace(first, marks=(*mark, *first.marks)), *strips[1:]]
        return made

    def _picture(self, block: Picture, left: float, width: float) -> list[Strip]:
        made = []
        for frame in self._frames_of(block):
            if width < min(frame.width, _LEAST_PICTURE):
                raise TooNarrow
            scale = min(1.0, width / frame.width, self.tallest / frame.height)
            shot = Shot(next(self.order), left, frame.width * scale, frame.height * scale, frame.image)
            made.append(Strip(shot.height + _PICTURE_MARGIN, (shot,)))
        return made

    def _frames_of(self, block: Picture) -> list[Frame]:
        if id(block) not in self._frames:
            self._frames[id(block)] = pictures.frames(block, self.room)
        return self._frames[id(block)]


def _indent(block: Listing, size: float) -> float:
    """How far the items of a list stand from its left: beyond its longest mark."""
    return max(_INDENT, *(fonts.width(item.mark, PLAIN, size) + _AFTER_MARK for item in block.items))

"""Tables -> strips. The rows of a page are drawn cell by cell; a row that is too tall goes on upon the next page.

A row is cut into strips across its cells: line n of each stands beside line n of the others. A cell of several rows
has its lines spread over them, and its last row is as tall as what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facade.domain.layout import Cell, Table
from facade.mail.pdf.lines import TooNarrow
from facade.mail.pdf.rules import Rule
from facade.mail.pdf.strips import Mark, Shade, Strip, height_of

if TYPE_CHECKING:
    from facade.mail.pdf.blocks import Setter

MAX_COLUMNS = 50
MAX_CELL_LINES = 200_000  # of all tables: the lines of each row, in each of its columns
_MANY_COLUMNS = 7
_SCALES, _LEAST_SIZE = (0.9, 0.8, 0.74, 0.68), 6.0
_MARGIN, _NARROW_MARGIN, _ABOVE = 3.0, 1.8, 1.5
_KEPT_WHOLE, _REPEATED = 220.0, 180.0
_LEAST_COLUMN = 60.0
_NONE = Cell(())


class TooManyLines(ValueError):
    """The tables of a document have more lines of cells than one copy may have."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A cell and the row and column of its upper left corner. ``last``: the row it ends in."""

    cell: Cell
    row: int
    column: int
    last: int

    @property
    def after(self) -> int:
        return self.column + self.cell.colspan


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a table by row, in their columns."""

    rows: tuple[tuple[_Placed, ...], ...]
    columns: int

    @property
    def margin(self) -> float:
        """Left and right of the text of a cell."""
        return _MARGIN if self.columns < _MANY_COLUMNS else _NARROW_MARGIN


@dataclass(slots=True)
class _Pending:
    """A cell that is being set, and those of its strips that no row has taken yet."""

    placed: _Placed
    strips: list[Strip] = field(default_factory=list)


def read_grid(table: Table) -> Grid:
    """Give every cell its columns, beside those that reach down from the rows above: no cell lies on another.

    Raises TooNarrow where there are more columns than a page has room for.
    """
    busy: dict[int, int] = {}
    rows, columns = [], 0
    for number, row in enumerate(table.rows):
        found, column = [], 0
        for cell in row:
            while any(busy.get(each, 0) > number for each in range(column, min(column + cell.colspan, MAX_COLUMNS))):
                column += 1
            last = min(number + cell.rowspan, len(table.rows)) - 1
            placed = _Placed(cell, number, column, last)
            column = placed.after
            if column > MAX_COLUMNS:
                raise TooNarrow
            busy.update(dict.fromkeys(range(placed.column, column), last + 1))
            found.append(placed)
        columns = max(columns, column)
        rows.append(found)
    return Grid(tuple(_filled(rows, columns)), columns)


def _filled(rows: Sequence[list[_Placed]], columns: int) -> Iterator[tuple[_Placed, ...]]:
    """The rows with an empty cell in every column that none has: a row may be shorter than the table is wide."""
    below = [0] * columns
    for number, row in enumerate(rows):
        for placed in row:
            below[placed.column : placed.after] = [placed.last + 1] * placed.cell.colspan
        yield (*row, *(_Placed(_NONE, number, each, number) for each in range(columns) if below[each] <= number))


def columns_of(setter: Setter, grid: Grid, size: float) -> list[tuple[float, float]]:
    """The least and the whole width of each column, margins of cells included."""
    widths = [(2 * grid.margin, 2 * grid.margin)] * grid.columns
    every = [placed for row in grid.rows for placed in row]
    for placed in sorted(every, key=lambda each: each.cell.colspan):
        least, whole = setter.extent(placed.cell.blocks, size)
        across = widths[placed.column : placed.after]
        more = [
            max(0.0, wanted + 2 * grid.margin - sum(now)) / len(across)
            for wanted, now in zip((least, whole), zip(*across, strict=True), strict=True)
        ]
        widths[placed.column : placed.after] = [(one + more[0], other + more[1]) for one, other in across]
    return [(least, max(least, whole)) for least, whole in widths]


def table_strips(setter: Setter, table: Table, left: float, width: float, size: float) -> list[Strip]:
    """The strips of a table. Raises as Setter.strips."""
    grid = setter.grid(table)
    if not grid.columns:
        return []
    smaller, columns = _sized(setter, grid, size, width)
    edges = _edges(columns, left, width)
    pending: list[_Pending] = []
    made: list[list[Strip]] = []
    for number, row in enumerate(grid.rows):
        pending += [_set(setter, placed, edges, grid.margin, smaller) for placed in row]
        setter.cell_lines(_lines_of(pending, number) * len(pending))
        made.append(_row(pending, number, edges, smaller))
        pending = [each for each in pending if each.placed.last > number]
    return _joined(made, table.head)


def _sized(setter: Setter, grid: Grid, size: float, width: float) -> tuple[float, list[tuple[float, float]]]:
    """The largest size of text at which no word need be cut, or the smallest there is; and the columns then."""
    for scale in _SCALES:
        smaller = max(size * scale, _LEAST_SIZE)
        columns = columns_of(setter, grid, smaller)
        if sum(least for least, _ in columns) <= width:
            break
    return smaller, columns


def _edges(columns: Sequence[tuple[float, float]], left: float, width: float) -> list[float]:
    """Where the columns begin and end: as wide as they want, or at least as wide as they need, or a share."""
    whole, least = [most for _, most in columns], [each for each, _ in columns]
    if sum(least) > width:
        fair = max(_LEAST_COLUMN, width / len(columns))
        least = [min(each, fair) for each in least]
    if sum(whole) <= width:
        spare = width - sum(whole)
        shares = [each + spare * each / sum(whole) for each in whole]
    elif sum(least) <= width:
        shares = _shared(least, whole, width - sum(least))
    else:
        shares = [each * width / sum(least) for each in least]
    edges = [left]
    for share in shares:
        edges.append(edges[-1] + share)
    return edges


def _shared(least: Sequence[float], whole: Sequence[float], spare: float) -> list[float]:
    """Widths with what is spare given in equal parts: a narrow column gets all it wants, the widest what is left."""
    shares, left = list(least), spare
    hungry = sorted(range(len(least)), key=lambda column: whole[column] - least[column])
    for others, column in zip(range(len(hungry), 0, -1), hungry, strict=True):
        given = min(max(0.0, whole[column] - least[column]), left / others)
        shares[column] += given
        left -= given
    return shares


def _set(setter: Setter, placed: _Placed, edges: Sequence[float], margin: float, size: float) -> _Pending:
    left, right = edges[placed.column] + margin, edges[placed.after] - margin
    return _Pending(placed, setter.strips(placed.cell.blocks, left, right - left, size))


def _lines_of(pending: Sequence[_Pending], number: int) -> int:
    """How many lines a row has: those of the tallest cell that ends in it."""
    return max((len(each.strips) for each in pending if each.placed.last == number), default=1) or 1


def _row(pending: Sequence[_Pending], number: int, edges: Sequence[float], size: float) -> list[Strip]:
    """The strips of one row, of all the cells that stand in it."""
    count = _lines_of(pending, number)
    taken = [(each.placed, each.strips[:count]) for each in pending]
    for each in pending:
        del each.strips[:count]
    made = [_across(taken, None, _ABOVE, edges)]
    made += [_across(taken, line, size, edges) for line in range(count)]
    made.append(_across(taken, None, _ABOVE, edges))
    above = [each.placed for each in pending if each.placed.row == number]
    below = [each.placed for each in pending if each.placed.last == number]
    made[0] = replace(made[0], rules=made[0].rules + _level(above, edges, 0))
    made[-1] = replace(made[-1], rules=made[-1].rules + _level(below, edges, made[-1].height))
    whole = height_of(made) <= _KEPT_WHOLE
    keep = [True, *([whole] * (len(made) - 3)), True, False]
    return [replace(strip, keep=kept) for strip, kept in zip(made, keep, strict=True)]


def _across(
    cells: Sequence[tuple[_Placed, list[Strip]]], line: int | None, least: float, edges: Sequence[float]
) -> Strip:
    """Line n of every cell side by side, between their borders. ``line`` None: only the margin above or below."""
    inside = [strips[line] for _, strips in cells if line is not None and line < len(strips)]
    height = max((strip.height for strip in inside), default=least)
    inside = [_stretched(strip, height) for strip in inside]
    marks: list[Mark] = [mark for strip in inside for mark in strip.marks]
    marks += [Shade(edges[each.column], edges[each.after], height) for each, _ in cells if each.cell.header]
    sides = {each.column for each, _ in cells} | {each.after for each, _ in cells}
    rules = [rule for strip in inside for rule in strip.rules]
    rules += [Rule(edges[side], 0, height, upright=True) for side in sorted(sides)]
    return Strip(height, tuple(marks), tuple(rules), edges=(edges[0], edges[-1]))


def _stretched(strip: Strip, height: float) -> Strip:
    """A strip of a table inside a cell, as high as the line it stands in: its borders do not stop half way."""
    if strip.edges is None:
        return strip
    marks = tuple(replace(mark, height=height) if isinstance(mark, Shade) else mark for mark in strip.marks)
    rules = tuple(
        replace(rule, length=height) if rule.upright else replace(rule, y=height) if rule.y == strip.height else rule
        for rule in strip.rules
    )
    return replace(strip, height=height, marks=marks, rules=rules)


def _level(cells: Sequence[_Placed], edges: Sequence[float], y: float) -> tuple[Rule, ...]:
    """The lines above cells that begin in a row, or below those that end in it."""
    return tuple(Rule(edges[each.column], y, edges[each.after] - edges[each.column]) for each in cells)


def _joined(rows: Sequence[list[Strip]], head: int) -> list[Strip]:
    """The rows one under the other. A head that is not too tall is repeated, and never the last of a page."""
    top = tuple(replace(strip, keep=True) for row in rows[:head] for strip in row)
    body = [strip for row in rows[head:] for strip in row]
    if height_of(top) > _REPEATED:
        return [strip for row in rows for strip in row]
    return [*top, *(replace(strip, head=top) for strip in body)]

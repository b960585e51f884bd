"""The thin lines of a page: borders and underlines. Those that go on from one strip to the next are one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reportlab.pdfgen.canvas import Canvas

_BORDER, _INK = 0.55, 0.0
_WIDTH = 0.5
_GAP = 0.05
_DIGITS = 2

Lines = dict[tuple[bool, bool, float], list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line from a point of a strip, to the right or downwards, in points. ``ink``: as black as text."""

    x: float
    y: float
    length: float
    upright: bool = False
    ink: bool = False


class Rules:
    """Takes the rules of a page and draws them as few lines."""

    def __init__(self) -> None:
        self._lines: Lines = {}

    def add(self, rules: Iterable[Rule], top: float) -> None:
        """The rules of a strip whose top is at this height of the page."""
        for rule in rules:
            x, y = round(rule.x, _DIGITS), round(top - rule.y, _DIGITS)
            across, start = (x, y - rule.length) if rule.upright else (y, x)
            self._lines.setdefault((rule.ink, rule.upright, across), []).append((start, start + rule.length))

    def draw(self, canvas: Canvas) -> None:
        """Draw them all."""
        canvas.setLineWidth(_WIDTH)
        for ink, grey in ((False, _BORDER), (True, _INK)):
            canvas.setStrokeGray(grey)
            canvas.lines([line for key, spans in self._lines.items() if key[0] is ink for line in _drawn(key, spans)])


def _drawn(
    key: tuple[bool, bool, float], spans: list[tuple[float, float]]
) -> Iterator[tuple[float, float, float, float]]:
    _, upright, across = key
    for start, end in _merged(spans):
        yield (across, start, across, end) if upright else (start, across, end, across)


def _merged(spans: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Spans that touch or lie over one another, as one."""
    begun: tuple[float, float] | None = None
    for start, end in sorted(spans):
        if begun is not None and start <= begun[1] + _GAP:
            begun = begun[0], max(begun[1], end)
            continue
        if begun is not None:
            yield begun
        begun = start, end
    if begun is not None:
        yield begun

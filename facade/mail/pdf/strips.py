"""The strips a copy is made of: full-width slices from top to bottom, between which a page may end.

Lengths are in points. In a strip y goes down from its top, x is that of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from facade.mail.pdf.rules import Rule

LIGHT = 0.93


class Mark(Protocol):
    """Something drawn in a strip. Marks of a page are drawn by ``order``, which is that of the document."""

    @property
    def order(self) -> int:
        """Its place in the reading order; 0 for what is not read."""

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it, where the strip's top is at this height of the page."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text on a baseline, in one face."""

    order: int
    x: float
    y: float
    face: str
    size: float
    text: str = field(repr=False)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Write it."""
        canvas.setFont(self.face, self.size)
        canvas.drawString(self.x, top - self.y, self.text)


@dataclass(frozen=True, slots=True)
class Shade:
    """A background, drawn before everything else."""

    x: float
    x_end: float
    height: float
    order: int = -1

    def draw(self, canvas: Canvas, top: float) -> None:
        """Fill it."""
        canvas.setFillGray(LIGHT)
        canvas.rect(self.x, top - self.height, self.x_end - self.x, self.height, stroke=0, fill=1)
        canvas.setFillGray(0)


@dataclass(frozen=True, slots=True)
class Shot:
    """An image."""

    order: int
    x: float
    width: float
    height: float
    image: ImageReader = field(repr=False)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Place it."""
        canvas.drawImage(self.image, self.x, top - self.height, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Strip:
    """A slice. ``keep``: no page ends after it. ``edges``: the left and right of the table it belongs to.

    ``head``: the strips to repeat above it when it is the first of a page.
    """

    height: float
    marks: tuple[Mark, ...] = ()
    rules: tuple[Rule, ...] = ()
    keep: bool = False
    edges: tuple[float, float] | None = None
    head: tuple[Strip, ...] = ()


def height_of(strips: Sequence[Strip]) -> float:
    """The height of strips one under the other."""
    return sum(strip.height for strip in strips)

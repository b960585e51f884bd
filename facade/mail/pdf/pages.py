"""Strips -> pages: where one ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from facade.mail.pdf.rules import Rule
from facade.mail.pdf.strips import Strip, height_of

MAX_PAGES = 200
_LITTLE = 0.01


class TooManyPages(ValueError):
    """A copy would have more pages than one may have."""


@dataclass(slots=True)
class Page:
    """Strips and how far below the top of the text each begins, in points."""

    placed: list[tuple[float, Strip]] = field(default_factory=list)
    used: float = 0.0

    def add(self, strip: Strip) -> None:
        """One more strip under the others."""
        self.placed.append((self.used, strip))
        self.used += strip.height


@dataclass(slots=True)
class Paginator:
    """Fills pages of a height, in points; the first has less room than the others where something stands on it."""

    height: float
    pages: list[Page] = field(default_factory=lambda: [Page()])

    def fill(self, strips: Sequence[Strip]) -> list[Page]:
        """Place all strips. Raises TooManyPages."""
        for group in _groups(strips):
            if height_of(group) > self.height - self.pages[-1].used + _LITTLE and _fits(group, self.height):
                self._turn(group[0])
            for strip in group:
                if strip.height > self.height - self.pages[-1].used + _LITTLE:
                    self._turn(strip)
                self.pages[-1].add(strip)
        return self.pages

    def _turn(self, following: Strip) -> None:
        """A new page, unless this one is empty; a table that goes on is closed, and begins anew under its head."""
        page = self.pages[-1]
        if not page.placed:
            return
        previous = page.placed[-1][1]
        if len(self.pages) == MAX_PAGES:
            raise TooManyPages
        self.pages.append(Page())
        if following.edges is None or previous.edges != following.edges:
            return
        left, right = following.edges
        border = Strip(0, rules=(Rule(left, 0, right - left),))
        page.add(border)
        for strip in (*following.head, border):
            self.pages[-1].add(strip)


def _groups(strips: Sequence[Strip]) -> Iterator[list[Strip]]:
    """Strips that are to stand on one page where they fit on one."""
    group: list[Strip] = []
    for strip in strips:
        group.append(strip)
        if not strip.keep:
            yield group
            group = []
    if group:
        yield group


def _fits(group: Sequence[Strip], height: float) -> bool:
    return height_of(group) + height_of(group[0].head) <= height

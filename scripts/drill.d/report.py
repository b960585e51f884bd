"""What a drill says: what it did, what it saw, what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from acts import Book

_SHOWN = 12


@dataclass(slots=True)
class Report:
    """One drill's. ``requests`` is how many acts its clients do, ``seed`` fixes their sequence."""

    name: str
    requests: int
    seed: int
    lines: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Something that was done or seen."""
        self.lines.append(line)
        print(f"  {line}", flush=True)

    def lost(self, losses: Iterable[str]) -> None:
        """What was lost; the drill fails by it."""
        found = list(losses)
        self.losses += found
        for line in found[:_SHOWN]:
            print(f"  LOST {line}", flush=True)
        if len(found) > _SHOWN:
            print(f"  ... and {len(found) - _SHOWN} more", flush=True)

    def expect(self, *, seen: object, wanted: object, what: str) -> None:
        """A step that has one right outcome."""
        if seen == wanted:
            self.say(f"{what}: {seen}")
        else:
            self.lost([f"{what}: {seen} instead of {wanted}"])

    def acts(self, books: Sequence[Book], incident: str = "") -> None:
        """How much was done, and how often a client had to ask again."""
        told = Counter(each.act for book in books for each in book.told)
        attempts, cuts = (sum(getattr(book, name) for book in books) for name in ("attempts", "cuts"))
        words = ", ".join(f"{count} {act}" for act, count in sorted(told.items()))
        self.say(
            f"{sum(told.values())} acts told ({words}) in {attempts} requests, {cuts} cut off; {incident}".rstrip("; ")
        )

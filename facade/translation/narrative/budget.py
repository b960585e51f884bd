"""How much one copy may hold: a hostile CDA is refused before it is laid out, not while a server works on it."""

from __future__ import annotations

from facade.domain.errors import FacadeError, InvalidInput

MAX_CHARACTERS = 300_000
MAX_ELEMENTS = 20_000
MAX_DEPTH = 30
MAX_PICTURES = 100
MAX_COLUMNS = 50


class Budget:
    """What was taken so far of each limit."""

    def __init__(self) -> None:
        self.place = "ClinicalDocument"
        self._taken = {"characters": 0, "elements": 0, "pictures": 0}

    def characters(self, count: int) -> None:
        """So many more characters of text. Raises InvalidInput ``mail.copy-too-large``, as the others here."""
        self._take("characters", count, MAX_CHARACTERS)

    def element(self) -> None:
        """One more element of the narrative."""
        self._take("elements", 1, MAX_ELEMENTS)

    def picture(self) -> None:
        """One more picture."""
        self._take("pictures", 1, MAX_PICTURES)

    def depth(self, depth: int) -> None:
        """How deep an element stands in its section, or a section in the body."""
        if depth > MAX_DEPTH:
            raise self._exceeded("depth", MAX_DEPTH)

    def columns(self, count: int) -> None:
        """How many columns a table has."""
        if count > MAX_COLUMNS:
            raise self._exceeded("columns", MAX_COLUMNS)

    def _take(self, what: str, count: int, limit: int) -> None:
        self._taken[what] += count
        if self._taken[what] > limit:
            raise self._exceeded(what, limit)

    def _exceeded(self, what: str, limit: int) -> FacadeError:
        return InvalidInput.of("mail.copy-too-large", self.place, what=what, limit=str(limit))

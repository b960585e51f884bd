"""Collects everything that is wrong with a request, so that the integrator is told all of it at once."""

from __future__ import annotations

from facade.domain.errors import InvalidInput, Problem

# rim.xsd: FreeFormText (titles, comments) and LongName (the values of slots).
LONGEST_TEXT, LONGEST_VALUE = 1024, 256


class Problems:
    """A list of problems being made. ``check`` raises one InvalidInput that holds them all."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, code: str, /, *expression: str, **values: str) -> None:
        """Note one problem: a row of the error table, where it is, and what fills the row's texts."""
        self.found.append(Problem(code, expression, values))

    def take(self, error: InvalidInput) -> None:
        """Note the problems of an error raised by a smaller reader."""
        self.found.extend(error.problems)

    def fits(self, element: str, value: str, limit: int) -> str:
        """``value``; noted as a problem when it is longer than the registry's schema allows."""
        if len(value) > limit:
            self.add("text.too-long", element, length=str(len(value)), limit=str(limit))
        return value

    def check(self) -> None:
        """Raise InvalidInput when anything was noted."""
        if self.found:
            raise InvalidInput(self.found)


def shown(value: object, limit: int = 64) -> str:
    """A code, URL or date of the request as it may be repeated in an error: short, on one line.

    Never to be used on an identifier of a person, a name or a narrative.
    """
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""The tables of Consent as code sees them: categories, channels and cases of the information, notices, elements.

Sources: référentiel DMP EXI 01, EXI 02, Annexes 2 and 4; each row of mappings/consent names its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, str]
CATEGORY_SYSTEM = "urn:dmp-facade:consent-category"
PROFILE = "urn:dmp-facade:consent"
CHANNEL_EXTENSION = "urn:dmp-facade:information-channel"
CASE_EXTENSION = "urn:dmp-facade:information-case"
NON_OPPOSITION_EXTENSION = "urn:dmp-facade:non-opposition"


@dataclass(frozen=True, slots=True)
class Category:
    """What a statement is: kept here or by the DMP, written here or only shown, permit, deny or neither."""

    code: str
    held_here: bool
    written: bool
    effect: str
    policy_rule: str
    displays: frozenset[str]


@dataclass(frozen=True, slots=True)
class Element:
    """What one element of a Consent may hold: a rule, the values that go with it, the problem when it is broken."""

    rule: str
    values: frozenset[str]
    problem: str


@dataclass(frozen=True, slots=True)
class ConsentTables:
    """``elements`` are keyed by path without indexes; ``named`` are elements refused wherever they stand."""

    categories: Mapping[str, Category]
    channels: Mapping[str, bool]
    cases: frozenset[str]
    elements: Mapping[str, Element]
    named: Mapping[str, Element]
    notices: Mapping[str, str]

    @classmethod
    def from_rows(cls, rows: Callable[[str], Iterable[Row]]) -> ConsentTables:
        """Build from the tables of mappings/consent, given by name (``consent/categories.csv``)."""
        elements = {row["path"]: _element(row) for row in rows("consent/elements.csv")}
        return cls(
            categories={row["code"]: _category(row) for row in rows("consent/categories.csv")},
            channels={row["code"]: row["synchronous"] == "yes" for row in rows("consent/channels.csv")},
            cases=frozenset(row["code"] for row in rows("consent/cases.csv")),
            elements={path: element for path, element in elements.items() if not path.startswith("*.")},
            named={path[2:]: element for path, element in elements.items() if path.startswith("*.")},
            notices=_notices(rows("consent/notices.csv")),
        )

    def recordable(self) -> str:
        """The categories that can be written here, for an error."""
        return ", ".join(code for code, category in self.categories.items() if category.written)


def _category(row: Row) -> Category:
    return Category(
        code=row["code"],
        held_here=row["held"] == "local",
        written=row["written"] == "yes",
        effect=row["effect"],
        policy_rule=row["policy_rule"],
        displays=frozenset({row["display_fr"], row["display_en"]}),
    )


def _element(row: Row) -> Element:
    values = frozenset(value for value in row["values"].split("|") if value)
    return Element(row["rule"], values, row["problem"] or "consent.free-text")


def _notices(rows: Iterable[Row]) -> dict[str, str]:
    paragraphs: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["case"], int(row["paragraph"]))):
        paragraphs.setdefault(row["case"], []).append(row["text_fr"])
    return {case: "\n\n".join(texts) + "\n" for case, texts in paragraphs.items()}

"""The value sets the DMP checks metadata against, and this room's other tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

# The coding scheme the interface writes for a code, whatever nomenclature the value set takes it from.
_WIRE_SCHEMES = {"J59": "1.2.250.1.213.2.2", "J60": "1.3.6.1.4.1.19376.1.2.3"}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table that lies beside this module."""
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


class ValueSets:
    """JDV_J57 to J62 and J66 by code and coding scheme."""

    def __init__(self, codes: Mapping[str, frozenset[tuple[str, str]]]) -> None:
        self._codes = codes

    @classmethod
    def from_rows(cls, table: Iterable[Mapping[str, str]]) -> ValueSets:
        """Build from rows ``set, code, oid``."""
        codes: dict[str, set[tuple[str, str]]] = {}
        for row in table:
            codes.setdefault(row["set"], set()).add((row["code"], row["oid"]))
        return cls({name: frozenset(found) for name, found in codes.items()})

    def holds(self, name: str, code: str, scheme: str) -> bool:
        """Whether the value set has this code, in its own nomenclature or under the scheme used on the wire."""
        members = self._codes[name]
        if (code, scheme) in members:
            return True
        known = any(code == member for member, _ in members)
        return known and (scheme == _WIRE_SCHEMES.get(name) or (code, "") in members)

"""The declared structures with the state of their homologation (EXI 29)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from facade.settings_parts import StructureSettings

_SOON = timedelta(days=60)
_FINESS = "1"


def finess(structure_id: str) -> str:
    """The FINESS of a Struct_IdNat, empty where it holds another kind of number (CI-SIS: ``1`` + FINESS)."""
    return structure_id[1:] if structure_id.startswith(_FINESS) else ""


def rows_of_structures(
    structures: Iterable[StructureSettings], today: date, words: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """Name, id, FINESS, sector, first and last day, and state of each structure."""
    return tuple(
        (
            each.name,
            each.id,
            finess(each.id) or words["empty"],
            each.sector,
            each.homologated_on.isoformat() if each.homologated_on else words["empty"],
            each.homologated_until.isoformat() if each.homologated_until else words["empty"],
            _state(each, today, words),
        )
        for each in structures
    )


def _state(structure: StructureSettings, today: date, words: Mapping[str, str]) -> str:
    start, end = structure.homologated_on, structure.homologated_until
    if start is None or end is None:
        return words["state-none"]
    if today < start:
        return words["state-future"]
    if today > end:
        return words["state-ended"]
    left = end - today
    return words["state-soon"].format(days=left.days) if left <= _SOON else words["state-on"]

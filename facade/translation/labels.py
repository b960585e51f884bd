"""securityLabel <-> Masking: the level first, then one coding per visibility flag.

Source: JDV_J58-ConfidentialityCode-DMP; PDSm securityLabel slices ``confidentiality`` and ``visibilityStatus``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facade.domain.masking import Flag, Level, Masking
from facade.translation.problems import Problems, shown
from facade.translation.tables import CodeTables, Json, Label

ELEMENT = "DocumentReference.securityLabel"
_RANK = {level: rank for rank, level in enumerate(Level)}


def write_labels(masking: Masking, tables: CodeTables) -> list[Json]:
    """The securityLabel list of a masking. A code the facade does not know is shown as it is."""
    codings = tables.label_codings
    labels = [{"coding": [codings[masking.level]]}]
    labels.extend({"coding": [codings[flag]]} for flag in Flag if flag in masking.flags)
    labels.extend({"coding": [{"code": code}]} for code in sorted(masking.unknown))
    return labels


def read_labels(
    labels: Sequence[Any], tables: CodeTables, problems: Problems, *, missing: Level = Level.NORMAL
) -> Masking:
    """The masking of a securityLabel list: the whole list decides, a ``missing`` level is N, the strictest level wins.

    Notes ``security-label.unknown`` for a code or system outside the value set and its accepted spellings, and
    ``security-label.empty`` for an entry that has no code at all.
    """
    levels: list[Level] = []
    flags: set[Flag] = set()
    for position, concept in enumerate(labels):
        codings = concept.get("coding") if isinstance(concept, dict) else None
        if not codings:
            problems.add("security-label.empty", f"{ELEMENT}[{position}]")
            continue
        for coding in codings:
            label = _label(coding, tables)
            if label is None:
                code, system = shown(coding.get("code", "")), shown(coding.get("system", ""), 120)
                problems.add("security-label.unknown", f"{ELEMENT}[{position}]", code=code, system=system)
            elif label.level is not None:
                levels.append(label.level)
            elif label.flag is not None:
                flags.add(label.flag)
    return Masking(max(levels, key=_RANK.__getitem__, default=missing), frozenset(flags))


def _label(coding: Json, tables: CodeTables) -> Label | None:
    # TRE_A07 is not case sensitive (its caseSensitive is false); the levels have one spelling only anyway.
    return tables.labels.get((str(coding.get("system", "")), str(coding.get("code", "")).strip().upper()))

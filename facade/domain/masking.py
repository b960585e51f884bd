"""Masking: the confidentiality level of a document and the readers it is hidden from.

Source: JDV_J58-ConfidentialityCode-DMP (N, R, V of HL7 Confidentiality; three flags of TRE_A07-StatutVisibilite-
Document).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """HL7 v3 Confidentiality, as far as the DMP knows it."""

    NORMAL = "N"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"


class Flag(StrEnum):
    """Each flag removes one class of reader; none gives back what another takes."""

    MASKED_TO_PROFESSIONALS = "MASQUE_PS"
    HIDDEN_FROM_PATIENT = "INVISIBLE_PATIENT"
    HIDDEN_FROM_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


@dataclass(frozen=True, slots=True)
class Masking:
    """The level, the flags, and whether a code was met that this software does not know.

    ``unknown`` holds codes outside JDV_J58 found on a document of the DMP: such a document is treated as hidden
    from everyone whom any flag would remove (a missing or unknown label is the most restrictive one).
    """

    level: Level = Level.NORMAL
    flags: frozenset[Flag] = frozenset()
    unknown: frozenset[str] = frozenset()

    def has(self, flag: Flag) -> bool:
        """Whether this masking removes the class of reader of ``flag`` (an unknown code removes them all)."""
        return flag in self.flags or bool(self.unknown)

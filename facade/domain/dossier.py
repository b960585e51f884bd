"""What the DMP says of a record (TD0.2): does it exist, is it open, what may this user do there.

Source: TD0.2, DMP interface (PRPA_IN201308UV02): attentionLine AUTORISATION and STATUT_MT, patient/statusCode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Authorisation(StrEnum):
    """The user's consultation authorisation, value set 1.2.250.1.213.4.1.2.6.2 (VALIDE verified, the others seen)."""

    VALID = "VALIDE"
    NONE = "NON_EXISTE"
    BLOCKED = "INTERDIT"
    EXPIRED = "EXPIRE"


@dataclass(frozen=True, slots=True)
class Traits:
    """Identity traits the DMP returned. For the CDA header only: never shown, never logged (EF TD0.2)."""

    family: str = field(default="", repr=False)
    birth_family: str = field(default="", repr=False)
    given: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    birth_date: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Dossier:
    """The state of one record for one user.

    ``objects_bris_de_glace`` and ``objects_centre_15`` are the holder's two prior oppositions to emergency access.
    """

    exists: bool
    closed: bool = False
    closure_date: date | None = None
    closure_reason: str = ""
    authorisation: Authorisation = Authorisation.NONE
    treating_doctor: bool = False
    mes_link: bool = False
    objects_bris_de_glace: bool = False
    objects_centre_15: bool = False
    deceased: bool = False
    traits: Traits = Traits()

    def age_on(self, day: date) -> int | None:
        """The holder's age in whole years, None when the DMP gave no date of birth."""
        born = self.traits.birth_date
        if born is None:
            return None
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))

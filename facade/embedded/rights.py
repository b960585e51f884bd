"""Who may do what on a record: the functional rights of the DMP, and the holder's authorisations and oppositions.

Sources: PDT-INF-526 v1.8 (column "certificat ES"), PDT-INF-606 v1.3 (AIR), in ``rights.csv``; art. L. 1111-17 CSP for
the opposition to emergency access. Cells: ``oui``, ``non``, ``own`` (own documents), ``structure`` (documents, or
professionals, of the structure), ``new`` (the same, new authorisations only), ``holder`` (unless the holder objected).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facade.embedded.ebrim import Refusal
from facade.embedded.store import Row
from facade.embedded.vihf import APPLICATION_ROLE, INDIRECT, PATIENT_ROLE, User

DENIED = "DMPAccessDeniedByRightsService"
VALID, BLOCKED, NONE = "VALIDE", "INTERDIT", "NON_EXISTE"
PATIENT_CLASS = "90"
DOCTOR = "10"


class Rights:
    """The table of functional rights."""

    def __init__(self, cells: Mapping[tuple[str, str, str, str], str]) -> None:
        self._cells = cells

    @classmethod
    def from_rows(cls, table: Iterable[Mapping[str, str]]) -> Rights:
        """Build from rows ``action, mode, profile, normal, centre_15, bris_de_glace``."""
        purposes = ("normal", "centre_15", "bris_de_glace")
        return cls(
            {
                (row["action"], row["mode"], row["profile"], purpose): row[purpose]
                for row in table
                for purpose in purposes
            }
        )

    def cell(self, action: str, mode: str, profile: str, purpose: str) -> str:
        """The right of a profile; what the table does not know is ``non``."""
        return self._cells.get((action, mode, profile, purpose), "non")


def profile_of(user: User) -> str:
    """The column of the rights table for a user on no record in particular: a doctor is nobody's treating doctor."""
    if not user.is_professional and user.role in (PATIENT_ROLE, APPLICATION_ROLE):
        return "patient" if user.role == PATIENT_ROLE else "application"
    if user.mode == INDIRECT:
        return "structure"
    if not user.is_professional:
        return "non_ps"
    return "medecin" if user.role == DOCTOR else "non_medecin"


@dataclass(frozen=True, slots=True)
class Access:
    """One user on one open record. ``authorisation`` is the row of that person there, None when there is none."""

    rights: Rights
    user: User
    record: Row
    authorisation: Row | None

    @property
    def state(self) -> str:
        """VALIDE, NON_EXISTE, INTERDIT or EXPIRE."""
        return self.authorisation.state if self.authorisation is not None else NONE

    @property
    def treating(self) -> bool:
        """Whether the person is a treating doctor of the holder."""
        return self.authorisation is not None and bool(self.authorisation.treating)

    @property
    def profile(self) -> str:
        """The column of the rights table."""
        profile = profile_of(self.user)
        return "medecin_traitant" if profile == "medecin" and self.treating else profile

    def require(self, action: str, entry: Row | None = None) -> None:
        """Raise Refusal unless the action is allowed, on this document where one is given."""
        if not self.allows(action, entry):
            raise Refusal(DENIED, "Accès refusé par le service des droits", "" if entry is None else entry.entry_uuid)

    def allows(self, action: str, entry: Row | None = None) -> bool:
        """Whether the action is allowed, on this document where one is given."""
        cell = self.rights.cell(action, self.user.mode, self.profile, self.user.purpose)
        if cell == "non" or not self._record_is_open_to(action, entry):
            return False
        if entry is not None and action in ("TD3.3c", "TD3.3d") and self._is_of_the_patient(entry):
            return self.profile in ("patient", "medecin_traitant")
        if cell == "own":
            return entry is not None and self._is_own(entry)
        if cell == "structure":
            return entry is not None and self.user.structure in entry.facets["institutions"]
        return cell == "oui" or not self._objects()

    def _record_is_open_to(self, action: str, entry: Row | None) -> bool:
        """Authorisation, block and opposition: only professionals who read or change need an open door."""
        if self.user.mode == INDIRECT or not self.user.is_professional or not action.startswith("TD3."):
            return True
        if self.state == BLOCKED:
            return action.startswith("TD3.1") or (entry is not None and self._is_own(entry))
        if self.user.purpose == "normal":
            return self.state == VALID
        return not self._objects()

    def _objects(self) -> bool:
        objections = {
            "bris_de_glace": self.record.objects_bris_de_glace,
            "centre_15": self.record.objects_centre_15,
        }
        return bool(objections.get(self.user.purpose, False))

    def _is_own(self, entry: Row) -> bool:
        return self.user.name_id in entry.facets["persons"]

    def _is_of_the_patient(self, entry: Row) -> bool:
        return PATIENT_CLASS in {code for code, _ in entry.facets["class"]}

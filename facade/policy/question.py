"""One question to the policy: who asks to do what, on whose record, in which circumstances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from facade.domain.access import Act, Context
from facade.domain.caller import Caller, CallerKind
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.ins import INS
from facade.policy.days import legal_day
from facade.policy.rows import ActRow, EmergencyRow, RightRow
from facade.policy.tables import AccessTables
from facade.policy.vocabulary import Mode, PolicySettings, Role

ADULT = 18
CITIZENS = frozenset({CallerKind.PATIENT, CallerKind.REPRESENTATIVE, CallerKind.APPLICATION})
_ROLES = {
    CallerKind.STRUCTURE: Role.STRUCTURE,
    CallerKind.PATIENT: Role.PATIENT,
    CallerKind.REPRESENTATIVE: Role.REPRESENTATIVE,
    CallerKind.APPLICATION: Role.APPLICATION,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a decision is about. ``caller`` stands towards ``patient``."""

    tables: AccessTables
    caller: Caller
    act: ActRow
    context: Context
    patient: INS
    settings: PolicySettings

    @classmethod
    def of(
        cls, tables: AccessTables, caller: Caller, act: Act, context: Context, patient: INS, settings: PolicySettings
    ) -> Question:
        """Ask. The caller is turned towards the patient here too: a forgotten turn must not open another's record."""
        return cls(tables, caller.toward(patient), tables.acts[act], context, patient, settings)

    def about(self, act: Act) -> Question:
        """The same question for another act."""
        return Question(self.tables, self.caller, self.tables.acts[act], self.context, self.patient, self.settings)

    @property
    def professional(self) -> bool:
        """Whether a natural person of care asks."""
        return self.caller.kind is CallerKind.PROFESSIONAL

    @property
    def citizen(self) -> bool:
        """Whether a patient, a representative or an application asks."""
        return self.caller.kind in CITIZENS

    @property
    def emergency(self) -> EmergencyRow | None:
        """The emergency invoked, None in normal mode."""
        return self.tables.emergencies.get(self.context.purpose)

    @property
    def today(self) -> date:
        """The day of the decision."""
        return legal_day(self.context.now)

    def mode(self) -> Mode:
        """The door by which the act goes."""
        if self.citizen:
            return Mode.CITIZEN
        if self.professional or self.act.professional_mode is Mode.LOCAL:
            return self.act.professional_mode
        return Mode.INDIRECT

    def roles(self, dossier: Dossier | None) -> tuple[Role, ...]:
        """The actor of the functional rights; both candidates while nobody knows who the treating doctor is.

        Feeding goes under the structure's certificate whoever asks. The sheets know no treating doctor in regulation.
        """
        if not self.professional:
            return (_ROLES[self.caller.kind],)
        if self.mode() is Mode.INDIRECT:
            return (Role.STRUCTURE,)
        plain = self.tables.role(self.caller)
        emergency = self.emergency
        if emergency is not None and emergency.regulator:
            return (plain,)
        if dossier is None:
            return (plain, Role.TREATING_DOCTOR)
        return (Role.TREATING_DOCTOR,) if dossier.treating_doctor else (plain,)

    def right(self, dossier: Dossier | None) -> RightRow | None:
        """The functional right to the act, None when there is none."""
        for role in self.roles(dossier):
            found = self.tables.right(self.act.act, self.mode(), role, self.context.purpose)
            if found is not None:
                return found
        return None

    def blocked(self, dossier: Dossier) -> bool:
        """Whether the holder blocked this professional."""
        return self.professional and dossier.authorisation is Authorisation.BLOCKED

    def age(self, dossier: Dossier) -> int | None:
        """The holder's age today, None when it is not known."""
        return dossier.age_on(self.today)

"""The tables of mappings/access, read once, checked, and indexed for the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from facade.domain.access import Act, Decision, Effect, Purpose
from facade.domain.caller import Caller
from facade.policy.rows import (
    ActRow,
    EmergencyRow,
    HabilitationRow,
    MaskingRow,
    OriginRow,
    RightRow,
    Row,
    RuleRow,
    SendingRow,
)
from facade.policy.vocabulary import Cell, Column, Mode, Origin, Right, Role, Rule, Scope, Strength

Read = TypeVar("Read")
_FACETS_APPLIED = ("", "plain")


@dataclass(frozen=True, slots=True)
class AccessTables:
    """What may be done, by whom, and why. Build with ``from_rows``; every query is a dictionary look-up."""

    rules: dict[str, RuleRow]
    acts: dict[Act, ActRow]
    masking: dict[tuple[str, Column], MaskingRow]
    rights: dict[tuple[Act, Mode, Role, Purpose], RightRow]
    rights_rows: tuple[RightRow, ...]
    emergencies: dict[Purpose, EmergencyRow]
    sending: tuple[SendingRow, ...]
    habilitations: tuple[HabilitationRow, ...]
    producers: dict[tuple[str, str], Origin]
    hints: dict[tuple[str, str], Origin]
    roles: tuple[tuple[Role, str, str], ...]
    _decisions: dict[str, Decision]
    _denied_cells: frozenset[tuple[str, str, str]]
    _allowed_cells: frozenset[tuple[str, str, str]]

    @classmethod
    def from_rows(cls, rows: Callable[[str], Sequence[Row]]) -> AccessTables:
        """Read and check all tables of access. ``rows`` gives the rows of a table by its path under mappings.

        Raises ValueError naming the table and what is wrong in it.
        """
        rules = _keyed(_read(rows, "rules", RuleRow.of), lambda row: row.name, "rules")
        rights = tuple(_read(rows, "rights", RightRow.of))
        cells = tuple(_read(rows, "habilitation", HabilitationRow.of))
        origins = _read(rows, "origins", OriginRow.of)
        tables = cls(
            rules=rules,
            acts=_keyed(_read(rows, "acts", ActRow.of), lambda row: row.act, "acts"),
            masking=_keyed(_read(rows, "masking", MaskingRow.of), lambda row: (row.name, row.column), "masking"),
            rights=_keyed(
                (row for row in rights if row.applied and row.facet in _FACETS_APPLIED),
                lambda row: (row.act, row.mode, row.role, row.purpose),
                "rights",
            ),
            rights_rows=rights,
            emergencies=_keyed(_read(rows, "emergency", EmergencyRow.of), lambda row: row.purpose, "emergency"),
            sending=tuple(_read(rows, "sending", SendingRow.of)),
            habilitations=cells,
            producers=_origins(origins, Strength.CERTAIN),
            hints=_origins(origins, Strength.UNLESS_PROFESSIONAL),
            roles=tuple(_read(rows, "actors", lambda row: (Role(row["actor"]), row["field"], row["code"]))),
            _decisions={name: row.decision for name, row in rules.items()},
            _denied_cells=frozenset((row.role, row.kind, row.code) for row in cells if not row.allows),
            _allowed_cells=frozenset((row.role, row.kind, row.code) for row in cells if row.allows),
        )
        _check(tables)
        return tables

    def decision(self, rule: str) -> Decision:
        """The decision of a rule; a name that is no rule is a refusal of the caller."""
        return self._decisions.get(rule) or self._decisions[Rule.CALLER_REFUSED]

    def rule(self, name: str) -> RuleRow:
        """The row of a rule; a name that is no rule reads as ``caller.refused``."""
        return self.rules.get(name) or self.rules[Rule.CALLER_REFUSED]

    def scope(self, rule: str) -> Scope:
        """What a denial by this rule is about: the record, a document that must not be known of, or a right."""
        return self.rule(rule).scope

    def http_status(self, rule: str) -> int:
        """The HTTP status of a denial by this rule."""
        return self.rule(rule).http_status

    def refusal(self, name: str) -> str:
        """The rule of a refusal made while the token was read: a known denial about the caller, else a general one."""
        row = self.rules.get(name)
        known = row is not None and row.effect is Effect.DENY and row.scope is Scope.RECORD
        return name if known else Rule.CALLER_REFUSED

    def role(self, caller: Caller) -> Role:
        """The column of a professional in the functional rights, treating doctor apart."""
        facts = {
            ("profession", caller.profession),
            ("specialty", caller.specialty),
            ("sector", caller.structure.sector),
        }
        held = {role for role, field, code in self.roles if (field, code) in facts}
        if Role.DOCTOR not in held:
            return Role.NON_DOCTOR
        return Role.OCCUPATIONAL_DOCTOR if Role.OCCUPATIONAL_DOCTOR in held else Role.DOCTOR

    def right(self, act: Act, mode: Mode, role: Role, purpose: Purpose) -> RightRow | None:
        """The cell of the functional rights, None when it says no or has no such cell."""
        row = self.rights.get((act, mode, role, purpose))
        return None if row is None or row.cell is Right.NO else row

    def right_in_some_mode(self, act: Act, mode: Mode, role: Role) -> bool:
        """Whether this actor has the right with another purpose."""
        return any(self.right(act, mode, role, purpose) for purpose in Purpose)

    def habilitation(self, roles: Iterable[str], type_code: str, class_code: str) -> bool | None:
        """What the matrix says for a profession (or social role): True, False, or None where the cell is unknown.

        A denial of the type or of the class beats what allows.
        """
        cells = [
            cell
            for role in roles
            for cell in ((role, "type", type_code), (role, "class", class_code), (role, "any", "*"))
        ]
        if any(cell in self._denied_cells for cell in cells):
            return False
        return True if any(cell in self._allowed_cells for cell in cells) else None


def _read(rows: Callable[[str], Sequence[Row]], name: str, reader: Callable[[Row], Read]) -> list[Read]:
    try:
        return [reader(row) for row in rows(f"access/{name}.csv")]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"mappings/access/{name}.csv: {error}") from error


Key = TypeVar("Key")


def _keyed(rows: Iterable[Read], key: Callable[[Read], Key], name: str) -> dict[Key, Read]:
    found: dict[Key, Read] = {}
    for row in rows:
        if found.setdefault(key(row), row) is not row:
            raise ValueError(f"mappings/access/{name}.csv: two rows for {key(row)}")
    return found


def _origins(rows: Iterable[OriginRow], strength: Strength) -> dict[tuple[str, str], Origin]:
    return {(row.facet, row.code): row.origin for row in rows if row.strength is strength}


def _check(tables: AccessTables) -> None:
    """The tables must be complete and refer only to rules that exist."""
    missing = [str(act) for act in Act if act not in tables.acts]
    missing += [str(purpose) for purpose in Purpose if purpose.is_emergency and purpose not in tables.emergencies]
    if missing:
        raise ValueError(f"mappings/access has no row for {', '.join(missing)}")
    unknown = sorted(referred_rules(tables) - tables.rules.keys())
    if unknown:
        raise ValueError(f"mappings/access/rules.csv has no rule {', '.join(unknown)}")
    _check_effects(tables)


def referred_rules(tables: AccessTables) -> frozenset[str]:
    """Every rule that the engine or another table names."""
    named = {str(rule) for rule in Rule}
    named |= {row.permit for row in tables.acts.values() if row.permit}
    named |= {row.rule for row in tables.masking.values() if row.rule}
    named |= {row.rule for row in tables.emergencies.values()}
    named |= {row.rule for row in tables.sending}
    return frozenset(named)


def _check_effects(tables: AccessTables) -> None:
    permits = {row.permit for row in tables.acts.values() if row.permit}
    permits |= {row.rule for row in tables.emergencies.values()}
    denies = {row.rule for row in tables.masking.values() if row.cell in (Cell.NO, Cell.AUTHOR)}
    denies |= {row.rule for row in tables.sending}
    wrong = [name for name in permits if tables.rules[name].effect is not Effect.PERMIT]
    wrong += [name for name in denies if tables.rules[name].effect is not Effect.DENY]
    if wrong:
        raise ValueError(
            f"mappings/access/rules.csv: the effect of {', '.join(sorted(wrong))} is not what it is used for"
        )

"""One typed row for each table of mappings/access. A word the tables may not use raises ValueError when it is read."""

from __future__ import annotations

from dataclasses import dataclass

from facade.domain.access import Act, Decision, Effect, Purpose
from facade.domain.masking import Flag
from facade.policy.vocabulary import Cell, Column, Mode, Origin, Right, Role, Scope, Strength

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule: its effect, how a denial by it is told, the article or requirement it applies, and its texts."""

    name: str
    effect: Effect
    scope: Scope
    http_status: int
    basis: str
    text_fr: str
    text_en: str
    source: str
    verified: str
    made_by: str

    @classmethod
    def of(cls, row: Row) -> RuleRow:
        """Read a row of rules.csv. A rule without a basis, or a denial without a scope, is refused."""
        effect = Effect(row["effect"])
        scope = Scope(row["scope"])
        if not row["basis"].strip():
            raise ValueError(f"rule {row['rule']} has no basis")
        if (effect is Effect.DENY) is (scope is Scope.NONE):
            raise ValueError(f"rule {row['rule']}: a denial has a scope, a permit has none")
        return cls(
            row["rule"],
            effect,
            scope,
            int(row["http_status"]),
            row["basis"],
            row["text_fr"],
            row["text_en"],
            row["source"],
            row["verified"],
            row["made_by"],
        )

    @property
    def decision(self) -> Decision:
        """The decision this rule makes."""
        return Decision(self.effect, self.name, self.basis, self.text_fr, self.text_en)


@dataclass(frozen=True, slots=True)
class ActRow:
    """What one act needs before any document is looked at.

    ``about``       ``record``, ``document``, ``publication`` or ``local``.
    ``record``      ``any`` (whatever its state), ``open``, or ``alive`` (open, holder not deceased).
    ``access``      needs the holder's authorisation, the treating doctor's title or an emergency.
    ``blocked``     what is left to a blocked professional: ``own`` documents, nothing (``deny``), or no matter.
    ``opposition``  the recorded opposition that stops it: ``consultation``, ``feeding`` or ``none``.
    ``suspended``   refused to a professional whose access supervision suspended.
    ``permit``      the rule that permits it, empty for the acts of reading, which Annexe 3 decides.
    """

    act: Act
    transaction: str
    about: str
    professional_mode: Mode
    reads: bool
    two_factors: bool
    homologation: bool
    record: str
    access: bool
    blocked: str
    opposition: str
    minor: bool
    suspended: bool
    permit: str
    source: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> ActRow:
        """Read a row of acts.csv."""
        return cls(
            Act(row["act"]),
            row["transaction"],
            _one_of(row, "about", "record", "document", "publication", "local"),
            Mode(row["professional_mode"]),
            _yes(row, "reads"),
            _yes(row, "two_factors"),
            _yes(row, "homologation"),
            _one_of(row, "record", "any", "open", "alive"),
            _yes(row, "access"),
            _one_of(row, "blocked", "own", "deny", "ignored"),
            _one_of(row, "opposition", "consultation", "feeding", "none"),
            _yes(row, "minor"),
            _yes(row, "suspended"),
            row["permit"],
            row["source"],
            row["verified"],
        )

    @property
    def feeds(self) -> bool:
        """Whether it adds a document to the record."""
        return self.opposition == "feeding"


@dataclass(frozen=True, slots=True)
class RightRow:
    """One cell of the functional rights. ``patient_documents`` names who else may act on a document of the patient.

    ``applied`` is false for the columns of other doors (CPS, CPE) and for cells that Annexe 3 decides more finely.
    """

    act: Act
    facet: str
    transaction: str
    action: str
    mode: Mode
    role: Role
    purpose: Purpose
    cell: Right
    note: str
    patient_documents: frozenset[str]
    applied: bool
    source: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> RightRow:
        """Read a row of rights.csv."""
        return cls(
            Act(row["act"]),
            row["facet"],
            row["transaction"],
            row["action"],
            Mode(row["mode"]),
            Role(row["actor"]),
            Purpose(row["purpose"]),
            Right(row["cell"]),
            row["note"],
            frozenset(filter(None, row["patient_documents"].split("|"))),
            _yes(row, "applied"),
            row["source"],
            row["verified"],
        )


@dataclass(frozen=True, slots=True)
class MaskingRow:
    """One cell of Annexe 3 (audience ``professional``) or of the table of those who are not professionals."""

    audience: str
    name: str
    label_fr: str
    label_en: str
    column: Column
    cell: Cell
    rule: str
    basis: str
    source: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> MaskingRow:
        """Read a row of masking.csv. A cell that refuses must name its rule."""
        cell = Cell(row["cell"])
        if cell in (Cell.NO, Cell.AUTHOR) and not row["rule"]:
            raise ValueError(f"masking {row['row']}/{row['column']} refuses without a rule")
        return cls(
            _one_of(row, "audience", "professional", "citizen"),
            row["row"],
            row["label_fr"],
            row["label_en"],
            Column(row["column"]),
            cell,
            row["rule"],
            row["basis"],
            row["source"],
            row["verified"],
        )


@dataclass(frozen=True, slots=True)
class SendingRow:
    """A mask that keeps a document from a class of mailboxes. ``minors_only``: it does while the holder is a minor."""

    act: Act
    flag: Flag
    minors_only: bool
    rule: str
    source: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> SendingRow:
        """Read a row of sending.csv."""
        minors_only = _one_of(row, "holder", "any", "minor") == "minor"
        return cls(Act(row["act"]), Flag(row["flag"]), minors_only, row["rule"], row["source"], row["verified"])


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency purpose: who may use it, which prior opposition closes it, and the rule that permits."""

    purpose: Purpose
    opposition: str
    opposition_code: str
    regulator: bool
    professions: frozenset[str]
    sectors: tuple[str, ...]
    reason: bool
    rule: str
    basis: str
    source: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> EmergencyRow:
        """Read a row of emergency.csv."""
        return cls(
            Purpose(row["purpose"]),
            _one_of(row, "opposition", "objects_bris_de_glace", "objects_centre_15"),
            row["opposition_code"],
            _yes(row, "regulator"),
            frozenset(row["professions"].split()),
            tuple(row["sectors"].split()),
            _yes(row, "reason"),
            row["rule"],
            row["basis"],
            row["source"],
            row["verified"],
        )


@dataclass(frozen=True, slots=True)
class OriginRow:
    """A metadata code that says who created a document."""

    facet: str
    code: str
    origin: Origin
    strength: Strength

    @classmethod
    def of(cls, row: Row) -> OriginRow:
        """Read a row of origins.csv."""
        facet = _one_of(row, "facet", "facility", "practice", "class", "type", "author-id-type")
        return cls(facet, row["code"], Origin(row["origin"]), Strength(row["strength"]))


@dataclass(frozen=True, slots=True)
class HabilitationRow:
    """One known cell of the habilitation matrix: a role, a type or class of document, allow or deny."""

    role: str
    role_label: str
    kind: str
    code: str
    allows: bool
    source: str
    confidence: str
    verified: str

    @classmethod
    def of(cls, row: Row) -> HabilitationRow:
        """Read a row of habilitation.csv."""
        return cls(
            row["role"],
            row["role_label"],
            _one_of(row, "kind", "type", "class", "any"),
            row["code"],
            _one_of(row, "cell", "allow", "deny") == "allow",
            row["source"],
            row["confidence"],
            row["verified"],
        )


def _yes(row: Row, column: str) -> bool:
    return _one_of(row, column, "yes", "no") == "yes"


def _one_of(row: Row, column: str, *allowed: str) -> str:
    value = row[column]
    if value not in allowed:
        raise ValueError(f"{column}: {value!r} is not one of {', '.join(allowed)}")
    return value

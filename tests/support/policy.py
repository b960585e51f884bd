"""The world the policy's tests speak of: callers, records and documents by short names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from facade.domain.access import Act, Context, Decision, Oppositions, Preloading, Purpose
from facade.domain.caller import Caller, CallerKind, Pairing, Relation, Structure
from facade.domain.document import Author, Availability, Coded, DocumentEntry, Institution, Person, XdsTime
from facade.domain.dossier import Authorisation, Dossier, Traits
from facade.domain.ins import INS, InsKind, ins_key
from facade.domain.masking import Flag, Masking
from facade.knowledge import rows
from facade.policy.access import AccessTables, Habilitation, PolicySettings, PreloadLimits, decide, decide_new

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
PATIENT = INS(InsKind.TEST, "2800399351234" + f"{ins_key('2800399351234'):02d}")
STRANGER = INS(InsKind.TEST, "1900599351234" + f"{ins_key('1900599351234'):02d}")
ME, COLLEAGUE, OTHER = "899700000001", "899700000002", "899700000003"
COUNTED: Counter[str] = Counter()
BIRTHS: dict[str, date | None] = {"adult": date(1980, 3, 3), "minor": date(2012, 3, 3), "unknown": None}

HOSPITAL = Structure("1750000001", "Hôpital", "SA01", date(2027, 6, 30))
DOCTOR = Caller(CallerKind.PROFESSIONAL, ME, "Docteur", HOSPITAL, profession="10", specialty="SM26", two_factors=True)
EDITOR = Structure("editor", "Editeur", "")


def _citizen(kind: CallerKind, relation: Relation, *, feed: bool = True, read: bool = True) -> Caller:
    pairing = Pairing(PATIENT, relation, may_feed=feed, may_read=read)
    return Caller(kind, "someone", "Quelqu'un", EDITOR, pairings=(pairing,), application="app")


def _structure(until: date | None) -> Structure:
    return replace(HOSPITAL, homologated_until=until)


CALLERS: dict[str, Caller] = {
    "doctor": DOCTOR,
    "nurse": replace(DOCTOR, profession="60", specialty=""),
    "dentist": replace(DOCTOR, profession="40", specialty=""),
    "optician": replace(DOCTOR, profession="28", specialty=""),
    "coordinator": replace(DOCTOR, profession="GENR08", specialty=""),
    "regulator": replace(DOCTOR, regulator=True),
    "regulating-nurse": replace(DOCTOR, profession="60", specialty="", regulator=True),
    "regulator-outside-health": replace(DOCTOR, regulator=True, structure=replace(HOSPITAL, sector="X01")),
    "occupational-doctor": replace(DOCTOR, specialty="SM25"),
    "occupational-service-doctor": replace(DOCTOR, structure=replace(HOSPITAL, sector="SA66")),
    "single-factor": replace(DOCTOR, two_factors=False),
    "not-homologated": replace(DOCTOR, structure=_structure(None)),
    "homologation-ended": replace(DOCTOR, structure=_structure(date(2026, 6, 14))),
    "last-day-of-homologation": replace(DOCTOR, structure=_structure(date(2026, 6, 15))),
    "no-rpps": replace(DOCTOR, id="", refusal="caller.professional.no-rpps"),
    "nameless": replace(DOCTOR, id=""),
    "mismatch": replace(DOCTOR, refusal="caller.professional.activity-mismatch"),
    "ambiguous": replace(DOCTOR, refusal="caller.professional.activity-ambiguous"),
    "unknown-activity": replace(DOCTOR, refusal="caller.professional.activity-unknown"),
    "no-structure": replace(DOCTOR, refusal="caller.professional.no-structure"),
    "no-profession": replace(DOCTOR, refusal="caller.professional.no-profession"),
    "unknown-application": replace(
        _citizen(CallerKind.PATIENT, Relation.HOLDER), refusal="caller.application-not-referenced"
    ),
    "strange": replace(DOCTOR, refusal="caller.something-else"),
    "cunning": replace(DOCTOR, refusal="professional.treating-doctor"),
    "structure": Caller(CallerKind.STRUCTURE, HOSPITAL.id, "Hôpital", _structure(None)),
    "patient": _citizen(CallerKind.PATIENT, Relation.HOLDER),
    "patient-no-reading": _citizen(CallerKind.PATIENT, Relation.HOLDER, read=False),
    "patient-no-feeding": _citizen(CallerKind.PATIENT, Relation.HOLDER, feed=False),
    "representative": _citizen(CallerKind.REPRESENTATIVE, Relation.REPRESENTATIVE),
    "representative-as-patient": _citizen(CallerKind.PATIENT, Relation.REPRESENTATIVE),
    "application": _citizen(CallerKind.APPLICATION, Relation.HOLDER),
    "application-no-feeding": _citizen(CallerKind.APPLICATION, Relation.HOLDER, feed=False),
    "unpaired": replace(_citizen(CallerKind.PATIENT, Relation.HOLDER), pairings=(Pairing(STRANGER, Relation.HOLDER),)),
}

_PRODUCERS = {"patient": "EXP_PATIENT", "application": "SNR"}
_PEOPLE = {"me": ME, "colleague": COLLEAGUE, "other": OTHER}
_STATUS = {
    "approved": Availability.APPROVED,
    "deprecated": Availability.DEPRECATED,
    "archived": Availability.ARCHIVED,
    "deleted": Availability.DELETED,
}


@cache
def tables() -> AccessTables:
    """The tables as shipped."""
    return AccessTables.from_rows(rows)


def author(by: str) -> Author:
    """``me`` and ``colleague`` are of the caller's structure, ``other`` of another one."""
    if by in _PEOPLE:
        place = HOSPITAL.id if by != "other" else "1750000099"
        return Author(Person(_PEOPLE[by]), (Institution("Etablissement", place),))
    if by == "patient":
        return Author(Person(PATIENT.value, id_type="NH"))
    return Author(Person("", "Application"))


def document(
    by: str = "other",
    flags: tuple[str, ...] | list[str] = (),
    *,
    unknown: bool = False,
    type_code: str = "11502-2",
    class_code: str = "10",
    status: str = "approved",
    signature: bool = False,
    facility: str | None = None,
) -> DocumentEntry:
    """A document of the patient."""
    place = facility or _PRODUCERS.get(by, "SA01")
    return DocumentEntry(
        unique_id="1.2.3",
        patient=PATIENT,
        type_code=Coded(type_code, "2.16.840.1.113883.6.1"),
        class_code=Coded(class_code, "1.2.250.1.213.1.1.4.1"),
        format_code=Coded("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
        facility=Coded(place, "1.2.250.1.71.4.2.4"),
        practice=Coded(_PRODUCERS.get(by, "AMBULATOIRE"), "1.2.250.1.213.1.1.4.9"),
        authors=(author(by),),
        masking=Masking(flags=frozenset(Flag(flag) for flag in flags), unknown=frozenset({"XYZ"} if unknown else ())),
        title="Document",
        creation_time=XdsTime("20260101"),
        availability=_STATUS[status],
        is_signature=signature,
    )


def dossier(
    *,
    authorisation: str = "VALIDE",
    treating: bool = False,
    state: str = "open",
    objects: tuple[str, ...] | list[str] = (),
    age: str = "adult",
    born: str | None = None,
) -> Dossier:
    """A record for one caller. ``state``: open, closed, absent, deceased."""
    return Dossier(
        exists=state != "absent",
        closed=state == "closed",
        deceased=state == "deceased",
        authorisation=Authorisation(authorisation),
        treating_doctor=treating,
        objects_bris_de_glace="bris_de_glace" in objects,
        objects_centre_15="centre_15" in objects,
        traits=Traits(birth_date=date.fromisoformat(born) if born else BIRTHS[age]),
    )


def context(
    *,
    purpose: str = "normal",
    reason: str | None = None,
    opposes: tuple[str, ...] | list[str] = (),
    secret: bool = False,
    on_behalf: bool = False,
    now: str | datetime = NOW,
    opened: str | None = None,
    preload: Mapping[str, Any] | None = None,
    suspended: bool = False,
) -> Context:
    """The circumstances; an emergency has a reason unless another is given."""
    wanted = Purpose(purpose)
    said = reason if reason is not None else ("détresse vitale" if wanted.is_emergency else "")
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    oppositions = Oppositions(feeding="feeding" in opposes, consultation="consultation" in opposes)
    first = datetime.fromisoformat(opened) if opened else None
    prepared = preloading(**preload) if preload else None
    return Context(
        wanted, moment, said, secret, on_behalf, oppositions, first, preloading=prepared, suspended=suspended
    )


def preloading(
    hours: float, *, lasting: float = 24, fetching: bool = False, documents: int = 0, patients: int = 1
) -> Preloading:
    """A preload for an appointment so many hours from now, that lasts so many."""
    appointment = NOW + timedelta(hours=hours)
    return Preloading(appointment, appointment + timedelta(hours=lasting), fetching, documents, patients)


def settings(
    *,
    habilitation: str = "known-denials",
    citizens: bool = True,
    on_behalf_required: bool = False,
    preload: Mapping[str, Any] | None = None,
    suspension_stops_emergencies: bool = False,
) -> PolicySettings:
    """The installation's choices; ``preload`` lowers its limits."""
    return PolicySettings(
        Habilitation(habilitation),
        citizens,
        on_behalf_required,
        preload=PreloadLimits(**preload) if preload else PreloadLimits(),
        suspension_stops_emergencies=suspension_stops_emergencies,
    )


@dataclass(frozen=True)
class Case:
    """One case in words; ``document`` None asks about the record, ``new`` about one that its caller publishes."""

    caller: str
    act: str
    record: Mapping[str, Any] = field(default_factory=dict)
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    new: bool = False

    def decide(self, with_tables: AccessTables | None = None) -> Decision:
        """What the engine answers."""
        known = with_tables or tables()
        caller, act, record = CALLERS[self.caller].toward(PATIENT), Act(self.act), dossier(**self.record)
        entry = None if self.document is None else document(**self.document)
        around = (context(**self.circumstances), PATIENT, settings(**self.settings))
        if self.new:
            assert entry is not None
            return decide_new(known, caller, act, record, entry, *around)
        return decide(known, caller, act, record, entry, *around)

"""The code tables, typed: value sets of the DMP, FHIR system <-> OID, type -> class, template and media -> format.

Built once from the rows of ``mappings/codes`` and ``mappings/documents``; every reverse table is computed here.
Source of the value sets: ANS terminology (JDV_J57 to J62, J66, J01, J231; ASS_X16, A11, A12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from facade.domain.document import Coded
from facade.domain.masking import Flag, Level

Row = Mapping[str, str]
Rows = Callable[[str], Sequence[Row]]
Json = dict[str, Any]

_NOT_SCHEMES = {"ASTM", "URN"}


class Systems:
    """FHIR code system URL <-> coding scheme of XDS (an OID, or a name where the DMP wants one)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._oid: dict[str, str] = {}
        self._system: dict[str, str] = {}
        for row in rows:
            self._oid[row["system"]] = row["oid"]
            if row["preferred"] == "yes":
                self._system[row["oid"]] = row["system"]

    def oid_of(self, system: str) -> str | None:
        """The coding scheme of a FHIR system (``urn:oid:`` accepted for any OID), None when unknown."""
        if system.startswith("urn:oid:"):
            return system.removeprefix("urn:oid:")
        return self._oid.get(system)

    def system_of(self, oid: str) -> str:
        """The FHIR system of a coding scheme; ``urn:oid:`` where it has no other name."""
        known = self._system.get(oid)
        if known is not None:
            return known
        return f"urn:oid:{oid}" if oid[:1].isdigit() else oid


class ValueSet:
    """One value set the DMP binds an attribute to: what is not in it is refused before the DMP is called."""

    def __init__(self, name: str, rows: Iterable[Row], systems: Systems) -> None:
        self.name = name
        self._systems = systems
        self._codes = {
            (row["oid"], row["code"]): Coded(row["code"], row["oid"], row.get("display_fr", "")) for row in rows
        }
        self._by_code: dict[str, tuple[Coded, ...]] = {}
        for coded in self._codes.values():
            self._by_code[coded.code] = (*self._by_code.get(coded.code, ()), coded)

    def find(self, system: str, code: str) -> Coded | None:
        """The member of this system (FHIR URL, ``urn:oid:`` or bare OID) and code, None when it is not in the set."""
        oid = self._systems.oid_of(system) or system
        return self._codes.get((oid, code))

    def with_code(self, code: str) -> tuple[Coded, ...]:
        """The members with this code, whatever their system."""
        return self._by_code.get(code, ())

    def in_system(self, system: str) -> tuple[Coded, ...]:
        """All members of one system."""
        oid = self._systems.oid_of(system) or system
        return tuple(coded for coded in self._codes.values() if coded.scheme == oid)

    def __contains__(self, coded: Coded) -> bool:
        return (coded.scheme, coded.code) in self._codes

    def __iter__(self) -> Iterator[Coded]:
        return iter(self._codes.values())


@dataclass(frozen=True, slots=True)
class IdentifierSystem:
    """A FHIR identifier system and how its values become a national id: ``prefix`` + value of ``digits`` digits."""

    oid: str
    prefix: str
    digits: int | None


@dataclass(frozen=True, slots=True)
class Label:
    """A securityLabel code: a level or a flag, with the way it is written when the facade writes it."""

    level: Level | None
    flag: Flag | None


@dataclass(frozen=True)
class CodeTables:
    """All the tables of translation. Build with ``from_rows``; immutable and shared by all requests."""

    systems: Systems
    types: ValueSet
    classes: ValueSet
    formats: ValueSet
    facilities: ValueSet
    practices: ValueSet
    content_types: ValueSet
    specialties: ValueSet
    savoir_faire: frozenset[str]
    labels: Mapping[tuple[str, str], Label]
    label_codings: Mapping[str, Json]
    event_schemes: frozenset[str]
    reference_types: frozenset[str]
    identifier_systems: Mapping[tuple[str, str], tuple[IdentifierSystem, ...]]
    _class_of: Mapping[Coded, Coded]
    _format_of_template: Mapping[str, Coded]
    _format_of_media: Mapping[str, Coded]
    _practice_of_sector: Mapping[str, Coded]
    _content_type_of_sector: Mapping[str, Coded]
    _snomed: Mapping[tuple[str, str], Coded]
    _codings: Mapping[Coded, Json]

    @classmethod
    def from_rows(cls, rows: Rows) -> CodeTables:
        """Build from the rows of the tables; ``rows("codes/type_code.csv")`` gives one table."""
        systems = Systems(rows("codes/systems.csv"))
        sets = {name: ValueSet(title, rows(f"codes/{name}.csv"), systems) for name, title in _SETS.items()}
        formats = sets["format_code"]
        media = {
            row["media_type"]: formats.with_code(row["format_code"])[0] for row in rows("documents/media_format.csv")
        }
        return cls(
            systems=systems,
            types=sets["type_code"],
            classes=sets["class_code"],
            formats=formats,
            facilities=sets["facility"],
            practices=sets["practice"],
            content_types=sets["content_type"],
            specialties=sets["author_specialty"],
            savoir_faire=frozenset(row["code"] for row in rows("codes/specialty.csv")),
            labels=MappingProxyType(_labels(rows("codes/confidentiality.csv"))),
            label_codings=MappingProxyType(_label_codings(rows("codes/confidentiality.csv"))),
            event_schemes=frozenset(row["oid"] for row in rows("codes/event_systems.csv")),
            reference_types=frozenset(row["code"] for row in rows("codes/reference_type.csv")),
            identifier_systems=MappingProxyType(_identifier_systems(rows("codes/identifier_systems.csv"))),
            _class_of=_pairs(rows("documents/type_class.csv"), "type", "class"),
            _format_of_template=_formats(rows("documents/template_format.csv"), formats),
            _format_of_media=media,
            _practice_of_sector={row["sector"]: _coded(row) for row in rows("codes/sector_practice.csv")},
            _content_type_of_sector={row["sector"]: _coded(row) for row in rows("codes/sector_content_type.csv")},
            _snomed={(row["target_set"], row["code"]): _coded(row, "target_") for row in rows("codes/snomed.csv")},
            _codings={coded: _coding(coded, systems) for members in sets.values() for coded in members},
        )

    def class_of(self, type_code: Coded) -> Coded | None:
        """The classCode of a typeCode (ASS_X16), None when the type is not in the table."""
        found = self._class_of.get(type_code)
        return found and (self.classes.find(found.scheme, found.code) or found)

    def format_of_template(self, template: str) -> Coded | None:
        """The formatCode of a CDA templateId (ASS_A11); ``*`` is the format of a CDA of no known model."""
        return self._format_of_template.get(template)

    def format_of_media(self, media_type: str) -> Coded | None:
        """The formatCode of a file wrapped in a CDA (ASS_A12), None when that media type cannot be wrapped."""
        return self._format_of_media.get(media_type)

    @property
    def media_types(self) -> str:
        """The media types that can be wrapped, for a message."""
        return ", ".join(sorted(self._format_of_media))

    def practice_of_sector(self, sector: str) -> Coded | None:
        """The practiceSettingCode by default for a sector of TRE_R02, ``EXP_PATIENT`` or ``SNR``."""
        return self._named(self.practices, self._practice_of_sector.get(sector))

    def content_type_of_sector(self, sector: str) -> Coded | None:
        """The contentTypeCode of a lot by default for a sector of TRE_R02, ``EXP_PATIENT`` or ``SNR``."""
        return self._named(self.content_types, self._content_type_of_sector.get(sector))

    def facility_of_sector(self, sector: str) -> Coded | None:
        """The healthcareFacilityTypeCode of a sector: the sector itself where JDV_J61 holds it."""
        return next(iter(self.facilities.with_code(sector)), None)

    def snomed(self, target_set: str, code: str) -> Coded | None:
        """The DMP code for one of the SNOMED CT codes met in PDSm4DMP; ``target_set`` is facility or practice."""
        found = self._snomed.get((target_set, code))
        return self._named(self.facilities if target_set == "facility" else self.practices, found)

    def coding(self, coded: Coded) -> Json:
        """The FHIR Coding of a code: the tables' French label, else the label the DMP gave."""
        known = self._codings.get(coded)
        return known if known is not None else _coding(coded, self.systems)

    def concept(self, coded: Coded) -> Json:
        """The FHIR CodeableConcept of a code."""
        return {"coding": [self.coding(coded)]}

    @staticmethod
    def _named(members: ValueSet, coded: Coded | None) -> Coded | None:
        return coded and members.find(coded.scheme, coded.code)


_SETS = {
    "type_code": "JDV_J66-TypeCode-DMP",
    "class_code": "JDV_J57-ClassCode-DMP",
    "format_code": "JDV_J60-FormatCode-DMP",
    "facility": "JDV_J61-HealthcareFacilityTypeCode-DMP",
    "practice": "JDV_J62-PracticeSettingCode-DMP",
    "content_type": "JDV_J59-ContentTypeCode-DMP",
    "author_specialty": "JDV_J01-XdsAuthorSpecialty-CISIS",
}


def _coded(row: Row, prefix: str = "") -> Coded:
    return Coded(row[f"{prefix}code"], row[f"{prefix}oid"])


def _coding(coded: Coded, systems: Systems) -> Json:
    # A code of the DMP may have no scheme (a bare authorSpecialty): FHIR has no empty system.
    coding = {"system": systems.system_of(coded.scheme)} if coded.scheme else {}
    coding["code"] = coded.code
    if coded.display:
        coding["display"] = coded.display
    return coding


def _pairs(rows: Iterable[Row], source: str, target: str) -> dict[Coded, Coded]:
    return {_coded(row, f"{source}_"): _coded(row, f"{target}_") for row in rows}


def _formats(rows: Iterable[Row], formats: ValueSet) -> dict[str, Coded]:
    found = ((row["template"], formats.with_code(row["format_code"])) for row in rows)
    return {template: members[0] for template, members in found if members}


def _label(row: Row) -> Label:
    if row["kind"] == "level":
        return Label(Level(row["code"]), None)
    return Label(None, Flag(row["code"]))


def _labels(rows: Iterable[Row]) -> dict[tuple[str, str], Label]:
    labels: dict[tuple[str, str], Label] = {}
    for row in rows:
        label = _label(row)
        labels[row["system"], row["code"]] = label
        labels[f"urn:oid:{row['oid']}", row["code"]] = label
        labels["", row["code"]] = label
    return labels


def _label_codings(rows: Iterable[Row]) -> dict[str, Json]:
    return {
        row["code"]: {"system": row["system"], "code": row["code"], "display": row["display_fr"]}
        for row in rows
        if row["canonical"] == "yes"
    }


def _identifier_systems(rows: Iterable[Row]) -> dict[tuple[str, str], tuple[IdentifierSystem, ...]]:
    found: dict[tuple[str, str], tuple[IdentifierSystem, ...]] = {}
    for row in rows:
        key = row["holder"], row["system"]
        digits = int(row["digits"]) if row["digits"] else None
        found[key] = (*found.get(key, ()), IdentifierSystem(row["oid"], row["prefix"], digits))
    return found

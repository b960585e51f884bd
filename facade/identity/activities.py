"""Activities (situations d'exercice): what a professional does where, and which one a request is made in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facade.identity.spelling import entries_of, text_of, value_of
from facade.identity.tokens import Claims

# Struct_IdNat: 1 FINESS, 2 SIREN, 3 SIRET, 4 RPPS and rank of a practice.
_STRUCT_ID_NAT = re.compile(r"1[0-9A-Z]{9}|2\d{9}|3\d{14}|4\d{11,14}", re.ASCII)
_PROFESSION = re.compile(r"\d{2}", re.ASCII)
_SAVOIR_FAIRE = re.compile(r"[A-Z]{1,4}\d{1,3}", re.ASCII)
# A pharmacist has a section of the Order's register (TRE_G05) where a doctor has a savoir-faire (TRE_R01).
_PHARMACIST = "21"
_SECTIONS = "1.2.250.1.71.4.2.6"
# Where a Struct_IdNat may be found, and what is put before it. The geographic site comes before the legal entity.
_STRUCTURE_SOURCES = (
    ("ancienIdentifiantDeLaStructure", ""),
    ("numeroFinessSite", "1"),
    ("numeroSiretSite", "3"),
    ("numeroFinessEtablissementJuridique", "1"),
    ("numeroSirenSite", "2"),
)


class Ambiguous(Exception):
    """Several activities fit and none was chosen."""


class NoSuchActivity(Exception):
    """The activity chosen is not one of this professional's."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity. ``category`` is the professional category (``C`` civil), part of the name of the situation.

    ``specialty`` is a savoir-faire (TRE_R01), of a pharmacist the section (TRE_G05): the second role of a VIHF.
    """

    profession: str = ""
    category: str = ""
    specialty: str = ""
    structure_id: str = ""
    structure_name: str = ""
    sector: str = ""
    family: str = ""
    given: str = ""

    def is_called(self, name: str) -> bool:
        """Whether a request may call it so (upper case): by profession and category (``10C``), or by structure id.

        Where the category is not known any will do.
        """
        if name == self.structure_id.upper():
            return True
        situation = (self.profession + self.category).upper()
        return bool(situation) and name == (situation if self.category else situation + name[len(situation) :][:1])


def is_struct_id_nat(text: str) -> bool:
    """Whether this has the shape of a Struct_IdNat."""
    return _STRUCT_ID_NAT.fullmatch(text) is not None


def activities_of(claims: Claims) -> list[Activity]:
    """Every activity of ``SubjectRefPro``. An exercice without activity takes its place from the flat claims."""
    reference = value_of(claims, "SubjectRefPro")
    if not isinstance(reference, Mapping):
        return []
    return [activity for exercice in entries_of(reference, "exercices") for activity in _of_exercice(exercice, claims)]


def flat_activity(claims: Claims) -> Activity:
    """The one activity that the flat claims describe, where there is no ``SubjectRefPro``."""
    roles = [role for role in _texts(value_of(claims, "SubjectRole")) if role]
    codes = [_code(role) for role in roles]
    sections = [_code(role) for role in roles if role.partition("^")[2] == _SECTIONS]
    return Activity(
        profession=next((code for code in codes if _PROFESSION.fullmatch(code)), ""),
        specialty=next((code for code in codes if _SAVOIR_FAIRE.fullmatch(code)), "") or next(iter(sections), ""),
        structure_id=_flat_structure(claims),
        structure_name=text_of(claims, "SubjectOrganization"),
        sector=_code(text_of(claims, "Secteur_Activite")),
    )


def choose(known: Sequence[Activity], wanted: str | None) -> Activity:
    """The activity a request is made in. ``wanted`` is one of its names, or several separated by commas.

    Raises Ambiguous when several fit, NoSuchActivity when the one wanted is not among them.
    """
    names = {name.strip().upper() for name in (wanted or "").split(",") if name.strip()}
    fitting = [activity for activity in known if all(map(activity.is_called, names))]
    if not fitting:
        raise NoSuchActivity
    if len(set(fitting)) > 1:
        raise Ambiguous
    return fitting[0]


def _of_exercice(exercice: Mapping[str, Any], claims: Claims) -> Iterator[Activity]:
    person: dict[str, str] = {
        "profession": text_of(exercice, "codeProfession"),
        "category": text_of(exercice, "codeCategorieProfessionnelle"),
        "specialty": text_of(exercice, "codeSavoirFaire"),
        "family": text_of(exercice, "nomDexercice"),
        "given": text_of(exercice, "prenomDexercice"),
    }
    activities = entries_of(exercice, "activities")
    if not activities:
        flat = flat_activity(claims)
        place = {
            "structure_id": flat.structure_id,
            "structure_name": flat.structure_name,
            "sector": flat.sector,
        }
        yield Activity(**person, **place)
    for activity in activities:
        yield Activity(
            **person | _section(person, activity),
            structure_id=_structure_id(activity),
            structure_name=text_of(activity, "raisonSocialeSite") or text_of(activity, "enseigneCommercialeSite"),
            sector=text_of(activity, "codeSecteurDactivite"),
        )


def _section(person: Mapping[str, str], activity: Mapping[str, Any]) -> dict[str, str]:
    if person["profession"] != _PHARMACIST or person["specialty"]:
        return {}
    return {"specialty": text_of(activity, "codeSectionPharmacien")}


def _structure_id(activity: Mapping[str, Any]) -> str:
    for name, prefix in _STRUCTURE_SOURCES:
        number = text_of(activity, name).upper()
        if number and is_struct_id_nat(prefix + number):
            return prefix + number
    return ""


def _flat_structure(claims: Claims) -> str:
    # The flat claim often holds a technical identifier (R95141), which the DMP does not know.
    stated = text_of(claims, "SubjectOrganizationID").upper()
    return stated if is_struct_id_nat(stated) else ""


def _texts(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [entry.strip() for entry in found if isinstance(entry, str)]


def _code(text: str) -> str:
    return text.partition("^")[0].strip()

"""Consent -> a statement to record: what the patient said, for whom, and how the patient was informed.

Sources: référentiel EXI 01 (information), EXI 02 (oppositions, never their reason), Annexe 2; FHIR R4 Consent.
The element list was checked before (``consent_shape``), the FHIR structure too (``validation``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import INS
from facade.translation import validation
from facade.translation.consent_shape import check_shape, discreet
from facade.translation.consent_tables import CASE_EXTENSION, CHANNEL_EXTENSION, Category, ConsentTables
from facade.translation.problems import Problems
from facade.translation.resources import child, codings, extensions, objects, text
from facade.translation.subject_in import SubjectRules, read_subject

# Clocks of two machines differ a little; an information cannot have been given later than that.
_SKEW = timedelta(minutes=5)
_FULL_TIME = re.compile(r"\d{4}-\d\d-\d\dT.*")


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement as a request gives it. ``structure`` and ``professional`` are empty where the request names none.

    ``channel``, ``case`` and ``informed_at`` belong to ``information-given`` alone.
    """

    patient: INS
    category: Category
    active: bool
    structure: str = ""
    professional: str = ""
    channel: str = ""
    case: int | None = None
    informed_at: datetime | None = None


def check_consent(resource: dict[str, Any], tables: ConsentTables) -> None:
    """Raise InvalidInput for a Consent that is not of the accepted form; no value of it is in the error."""
    try:
        check_shape(resource, tables)
        validation.validate_resource(resource, "Consent")
    except InvalidInput as error:
        raise discreet(error) from None


def read_consent(resource: dict[str, Any], rules: SubjectRules, tables: ConsentTables, *, now: datetime) -> Stated:
    """Read a Consent that ``check_consent`` let pass. Raises InvalidInput naming everything that is wrong."""
    problems = Problems()
    category = _category(resource, tables, problems)
    if not codings(child(resource, "scope")):
        problems.add("consent.scope", "Consent.scope")
    if "patient" not in resource:
        problems.add("consent.patient-required", "Consent.patient")
    if any(performer != resource.get("patient") for performer in objects(resource, "performer")):
        problems.add("consent.performer", "Consent.performer")
    structure = _structure(resource, problems)
    channel, case = _information(resource, category, tables, problems)
    professional = _provision(resource, category, problems)
    informed_at = _time(resource, now, problems) if category and category.code == "information-given" else None
    problems.check()
    if category is None:
        raise InvalidInput.of("consent.category", "Consent.category", available=tables.recordable())
    return Stated(
        patient=_patient(resource, rules),
        category=category,
        active=resource["status"] == "active",
        structure=structure,
        professional=professional,
        channel=channel,
        case=case,
        informed_at=informed_at,
    )


def _patient(resource: dict[str, Any], rules: SubjectRules) -> INS:
    try:
        return read_subject(resource, {}, rules, element="patient").ins
    except InvalidInput as error:
        raise discreet(error) from None


def _category(resource: dict[str, Any], tables: ConsentTables, problems: Problems) -> Category | None:
    codes = [coding["code"] for concept in objects(resource, "category") for coding in codings(concept)]
    if len(codes) != 1:
        problems.add("consent.category", "Consent.category", available=tables.recordable())
        return None
    category = tables.categories[codes[0]]
    if not category.written:
        problems.add("consent.read-only", "Consent.category")
    return category


def _structure(resource: dict[str, Any], problems: Problems) -> str:
    named = objects(resource, "organization")
    if len(named) > 1 or any(not child(each, "identifier") for each in named):
        problems.add("consent.structure", "Consent.organization")
    return text(child(named[0], "identifier"), "value") if len(named) == 1 else ""


def _information(
    resource: dict[str, Any], category: Category | None, tables: ConsentTables, problems: Problems
) -> tuple[str, int | None]:
    """Channel and case of an information, each in its own extension and once."""
    channels = [text(each, "valueCode") for each in extensions(resource, CHANNEL_EXTENSION)]
    cases = [text(each, "valueCode") for each in extensions(resource, CASE_EXTENSION)]
    informs = category is not None and category.code == "information-given"
    if (channels or cases) and not informs:
        problems.add("consent.channel-not-allowed", "Consent.extension")
    if informs and not channels:
        problems.add("consent.channel-required", "Consent.extension")
    if len(channels) > 1 or any(code not in tables.channels for code in channels):
        problems.add("consent.channel", "Consent.extension", available=", ".join(tables.channels))
    if len(cases) > 1 or any(code not in tables.cases for code in cases):
        problems.add("consent.case-unknown", "Consent.extension")
        return "".join(channels[:1]), None
    return "".join(channels[:1]), int(cases[0]) if cases else None


def _provision(resource: dict[str, Any], category: Category | None, problems: Problems) -> str:
    """The one professional named, by IdNat_PS. A type that says the contrary of the category is refused."""
    provision = child(resource, "provision")
    stated = text(provision, "type")
    if stated and category is not None and stated != category.effect:
        problems.add("consent.provision", "Consent.provision.type")
    actors = objects(provision, "actor")
    ids = [text(child(child(actor, "reference"), "identifier"), "value") for actor in actors]
    if len(ids) > 1 or "" in ids:
        problems.add("consent.actor", "Consent.provision.actor")
    return ids[0] if len(ids) == 1 else ""


def _time(resource: dict[str, Any], now: datetime, problems: Problems) -> datetime:
    """When the patient was informed: to the minute at least and with its zone; now where nothing is said."""
    given = text(resource, "dateTime")
    if not given:
        return now
    try:
        moment = datetime.fromisoformat(given) if _FULL_TIME.fullmatch(given) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        problems.add("consent.time", "Consent.dateTime")
        return now
    if moment > now + _SKEW:
        problems.add("consent.time-future", "Consent.dateTime")
    return moment.astimezone(UTC)


def refuse_active(stated: Stated) -> None:
    """Raise InvalidInput when a new statement is not active: nothing begins withdrawn."""
    if not stated.active:
        raise InvalidInput(Problem("consent.status", ("Consent.status",)))

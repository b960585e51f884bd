"""Consent: record, show, change and withdraw what a patient stated, here or at the DMP.

A statement recorded here has a UUID; one the DMP holds has an id sealed over the patient and what it is about. Sources:
référentiel EXI 01, EXI 02, Annexe 2; DMP TD0.2, TD0.3, TD1.6. The reason of an opposition is never received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act
from facade.domain.errors import DmpRefused, InvalidInput, NotFound
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import dmp_consents, local_consents
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.consent_tables import tables
from facade.transactions.services import Services
from facade.translation.consent import Shown, write_consent
from facade.translation.consent_in import check_consent, read_consent, refuse_active
from facade.translation.sealed_ids import statement_digest


@dataclass(frozen=True, slots=True)
class Recorded:
    """A Consent as FHIR, and its version for the ETag; the DMP numbers none of its own."""

    id: str
    resource: dict[str, Any]
    version: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search asks for; None asks for everything."""

    patient: INS
    categories: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The statements this caller may know of, and what the DMP would not say."""

    resources: list[dict[str, Any]]
    warnings: tuple[DmpRefused, ...]


def check(resource: dict[str, Any]) -> None:
    """Refuse a Consent of another form than the accepted one. Raises InvalidInput, which repeats no value of it."""
    check_consent(resource, tables())


@measured("record-consent")
def record_consent(services: Services, actor: Actor, resource: dict[str, Any], *, key: str = "") -> Recorded:
    """Record one statement for the caller's structure, or declare the caller authorised (TD0.3).

    ``key`` is the Idempotency-Key; to declare oneself authorised twice is to do it once, with or without one.
    Raises InvalidInput, Refused, Conflict for a key of another request, and for an authorisation DmpRefused,
    DmpUnavailable.
    """
    stated = read_consent(resource, services.subjects, tables(), now=services.clock())
    refuse_active(stated)
    if not stated.category.held_here:
        with Case(services, actor, Act.AUTHORISE, stated.patient, "TD0.3") as case:
            return _recorded(dmp_consents.authorise(case, stated))
    with Case(services, actor, Act.RECORD_CONSENT, stated.patient, "local") as case:
        local_consents.judge(case)
        stored = local_consents.record(case, stated, key=key, dated="dateTime" in resource)
        return _recorded(local_consents.shown_latest(services, stored, local_consents.reached(case)))


@measured("find-consents")
def find_consents(services: Services, actor: Actor, wanted: Wanted) -> Found:
    """The statements recorded here and those of the DMP; the DMP is asked only where its own are wanted."""
    categories = frozenset(tables().categories) if wanted.categories is None else wanted.categories
    at_the_dmp = frozenset(code for code in categories if not tables().categories[code].held_here)
    with Case(services, actor, Act.READ_CONSENT, wanted.patient, "TD0.2" if at_the_dmp else "local") as case:
        local_consents.judge(case)
        reached = local_consents.reached(case)
        found = [local_consents.shown_latest(services, stored, reached) for stored in reached]
        warnings: tuple[DmpRefused, ...] = ()
        if at_the_dmp:
            held = dmp_consents.held(case, at_the_dmp)
            found += held.statements
            warnings = held.warnings
        resources = [write_consent(shown) for shown in found if shown.category.code in categories]
        return Found([resource for resource in resources if _matches(resource, wanted)], warnings)


@measured("read-consent")
def read_one(services: Services, actor: Actor, consent_id: str) -> Recorded:
    """One statement as it is now. Raises NotFound for one that must not exist for this caller, too."""
    if services.ids.open_statement(consent_id) is not None:
        return _held(services, actor, consent_id)
    stored = local_consents.latest(services, consent_id)
    with Case(services, actor, Act.READ_CONSENT, stored.statement.patient, "local") as case:
        local_consents.judge(case, stored)
        return _recorded(local_consents.shown_latest(services, stored, local_consents.reached(case)))


@measured("read-consent-history")
def read_history(services: Services, actor: Actor, consent_id: str) -> list[Recorded]:
    """Every version, newest first, as it was recorded. The DMP keeps none of its own: only what is so now."""
    if services.ids.open_statement(consent_id) is not None:
        return [_held(services, actor, consent_id)]
    stored = local_consents.latest(services, consent_id)
    with Case(services, actor, Act.READ_CONSENT, stored.statement.patient, "local") as case:
        local_consents.judge(case, stored)
        versions = services.consents.history(consent_id)
        return [_recorded(local_consents.shown(services, version, non_opposition=None)) for version in versions]


@measured("read-consent-version")
def read_version(services: Services, actor: Actor, consent_id: str, version: int) -> Recorded:
    """One version of a statement recorded here. Raises NotFound."""
    found = [one for one in read_history(services, actor, consent_id) if one.version == version]
    if not found:
        raise NotFound.of("resource.unknown")
    return found[0]


@measured("update-consent")
def update_consent(
    services: Services, actor: Actor, consent_id: str, resource: dict[str, Any], expected_version: int | None
) -> Recorded:
    """Record a new version of a statement of the caller's structure.

    Raises NotFound, InvalidInput (read only, another patient or category), Conflict (``expected_version``).
    """
    if services.ids.open_statement(consent_id) is not None:
        _held(services, actor, consent_id)
        raise InvalidInput.of("consent.read-only", "Consent")
    stored = local_consents.latest(services, consent_id)
    with Case(services, actor, Act.RECORD_CONSENT, stored.statement.patient, "local") as case:
        local_consents.judge(case, stored)
        if resource.get("id") != consent_id:
            raise InvalidInput.of("consent.id-mismatch", "Consent.id")
        stated = read_consent(resource, services.subjects, tables(), now=case.now)
        changed = local_consents.change(case, stored, stated, expected_version)
        return _recorded(local_consents.shown_latest(services, changed, local_consents.reached(case)))


@measured("withdraw-consent")
def withdraw_consent(services: Services, actor: Actor, consent_id: str, expected_version: int | None) -> Recorded:
    """Withdraw a statement: a new, inactive version here; TD0.3 SUPPRESSION for the caller's own authorisation."""
    opened = services.ids.open_statement(consent_id)
    if opened is not None:
        patient, digest = opened
        if digest != statement_digest(dmp_consents.about_person(actor.caller.id)):
            _held(services, actor, consent_id)
            raise InvalidInput.of("consent.read-only", "Consent")
        with Case(services, actor, Act.AUTHORISE, patient, "TD0.3") as case:
            return _recorded(dmp_consents.withdraw(case))
    stored = local_consents.latest(services, consent_id)
    with Case(services, actor, Act.RECORD_CONSENT, stored.statement.patient, "local") as case:
        local_consents.judge(case, stored)
        return _recorded(
            local_consents.shown(services, local_consents.withdraw(case, stored, expected_version), non_opposition=None)
        )


def _held(services: Services, actor: Actor, consent_id: str) -> Recorded:
    """A statement of the DMP. Raises NotFound when the DMP has none, or none that this caller may know of."""
    opened = services.ids.open_statement(consent_id)
    if opened is None:
        raise NotFound.of("resource.unknown")
    patient, digest = opened
    every = frozenset(tables().categories)
    with Case(services, actor, Act.READ_CONSENT, patient, "TD0.2") as case:
        case.precheck()
        for shown in dmp_consents.held(case, every).statements:
            found = services.ids.open_statement(shown.id)
            if found is not None and found[1] == digest:
                return _recorded(shown)
        raise NotFound.of("resource.unknown")


def _recorded(shown: Shown) -> Recorded:
    return Recorded(shown.id, write_consent(shown), shown.version)


def _matches(resource: dict[str, Any], wanted: Wanted) -> bool:
    known = wanted.ids is None or resource["id"] in wanted.ids
    return known and (wanted.statuses is None or resource["status"] in wanted.statuses)

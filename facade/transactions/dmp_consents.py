"""The statements the DMP holds: authorisations and blocks (TD0.3, TD1.6), prior oppositions to emergencies (TD0.2).

TD0.3 is sent on the explicit act of the professional only (EX_0.3-1010), for that professional only. What TD1.6 lists
is shown to callers who have the right to it (PDT-INF-606); the others see their own authorisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facade.domain.access import Act, Purpose
from facade.domain.caller import CallerKind
from facade.domain.dmp import AuthorisationChange, AuthorisationList, ProfessionalAuthorisation
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.errors import DmpRefused, DmpUnavailable, InvalidInput
from facade.policy import access
from facade.transactions.case import Case
from facade.transactions.consent_tables import tables
from facade.translation.consent import Shown
from facade.translation.consent_in import Stated

AUTHORISATION, BLOCKED, EMERGENCY = "authorisation", "blocked", "opposition-emergency"


@dataclass(frozen=True, slots=True)
class Held:
    """What the DMP holds about a record, as far as this caller may know it, and what it would not say."""

    statements: tuple[Shown, ...]
    warnings: tuple[DmpRefused, ...] = ()


def about_person(person_id: str) -> str:
    """What the id of a professional's authorisation is sealed over."""
    return f"person:{person_id}"


def held(case: Case, wanted: frozenset[str]) -> Held:
    """The statements of these categories. The case is judged on the DMP's answer. Raises Refused, DmpUnavailable."""
    dossier = case.services.gateway.check_access(case.session)
    case.require(dossier)
    statements: list[Shown] = []
    warnings: tuple[DmpRefused, ...] = ()
    if wanted & {AUTHORISATION, BLOCKED}:
        listed, warnings = _listed(case, dossier)
        statements += listed
        own = _own(case, dossier)
        if own is not None and own.id not in {each.id for each in listed}:
            statements.append(own)
    statements += _emergency(case, dossier)
    return Held(tuple(each for each in statements if each.category.code in wanted), warnings)


def authorise(case: Case, stated: Stated) -> Shown:
    """Declare the caller authorised (TD0.3 AJOUT). Raises InvalidInput, Refused, DmpRefused, DmpUnavailable."""
    case.precheck()
    if stated.professional not in ("", case.caller.id):
        raise InvalidInput.of("consent.authorisation-own-only", "Consent.provision.actor")
    case.require(case.services.gateway.check_access(case.session))
    _change(case, AuthorisationChange.DECLARE, {Authorisation.VALID})
    return _authorisation(case, active=True, at=case.now)


def withdraw(case: Case) -> Shown:
    """Remove the caller's own authorisation (TD0.3 SUPPRESSION). Raises Refused, DmpRefused, DmpUnavailable."""
    case.precheck()
    case.require(case.services.gateway.check_access(case.session))
    _change(case, AuthorisationChange.REMOVE, {Authorisation.NONE, Authorisation.EXPIRED})
    return _authorisation(case, active=False, at=case.now)


def _change(case: Case, change: AuthorisationChange, done: set[Authorisation]) -> None:
    gateway = case.services.gateway
    try:
        gateway.change_authorisation(case.changing(), change)
    except DmpUnavailable as error:
        if not (error.outcome_unknown and gateway.check_access(case.session).authorisation in done):
            raise


def _listed(case: Case, dossier: Dossier) -> tuple[list[Shown], tuple[DmpRefused, ...]]:
    """TD1.6, for a caller who has the right to it: an act of its own, with a trace of its own."""
    services = case.services
    permitted = access.decide(
        services.access,
        case.caller,
        Act.LIST_AUTHORISATIONS,
        dossier,
        None,
        case.context,
        case.patient,
        services.policy,
    )
    if not permitted.permits:
        return [], ()
    try:
        with Case(services, case.actor, Act.LIST_AUTHORISATIONS, case.patient, "TD1.6") as listing:
            listing.require(dossier)
            found = services.gateway.list_authorisations(listing.session, AuthorisationList.ALL)
    except DmpRefused as refusal:
        return [], (refusal,)
    return [_professional(case, each) for each in found], ()


def _professional(case: Case, listed: ProfessionalAuthorisation) -> Shown:
    about = about_person(listed.person_id) if listed.person_id else f"structure:{listed.structure_id}"
    return Shown(
        id=case.services.ids.seal_statement(case.patient, about),
        patient=case.patient,
        patient_id=case.services.ids.seal_patient(case.patient),
        category=tables().categories[BLOCKED if listed.blocked else AUTHORISATION],
        active=True,
        at=listed.since.start if listed.since else None,
        person=listed.person_id,
        person_name=listed.person_name,
        actor_structure=listed.structure_id,
    )


def _own(case: Case, dossier: Dossier) -> Shown | None:
    """The caller's own authorisation as TD0.2 has it; None where the DMP knows none."""
    if case.caller.kind is not CallerKind.PROFESSIONAL or dossier.authorisation is Authorisation.NONE:
        return None
    if dossier.authorisation is Authorisation.BLOCKED:
        return _authorisation(case, active=True, category=BLOCKED)
    return _authorisation(case, active=dossier.authorisation is Authorisation.VALID)


def _authorisation(case: Case, *, active: bool, category: str = AUTHORISATION, at: datetime | None = None) -> Shown:
    return Shown(
        id=case.services.ids.seal_statement(case.patient, about_person(case.caller.id)),
        patient=case.patient,
        patient_id=case.services.ids.seal_patient(case.patient),
        category=tables().categories[category],
        active=active,
        at=at,
        person=case.caller.id,
    )


def _emergency(case: Case, dossier: Dossier) -> list[Shown]:
    """The holder's two prior oppositions, each to its own kind of emergency (art. L. 1111-17 I)."""
    objections = {
        Purpose.BREAK_GLASS: dossier.objects_bris_de_glace,
        Purpose.REGULATION: dossier.objects_centre_15,
    }
    return [
        Shown(
            id=case.services.ids.seal_statement(case.patient, f"emergency:{purpose.value}"),
            patient=case.patient,
            patient_id=case.services.ids.seal_patient(case.patient),
            category=tables().categories[EMERGENCY],
            active=True,
            purpose=purpose.value,
        )
        for purpose, objects in objections.items()
        if dossier.exists and objects
    ]

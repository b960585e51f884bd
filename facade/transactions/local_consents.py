"""The statements this facade records itself: oppositions (EXI 02) and information given (EXI 01).

They are a duty of the structure's own system, whatever the state of the DMP: the DMP is never asked, so that an
opposition can be recorded, and holds, while it is out of reach. A statement of another structure does not exist for
the caller; a patient reads those of every structure. Sources: référentiel 2.1; mappings/access (record-consent).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from facade.domain.caller import Caller, CallerKind
from facade.domain.dossier import Dossier
from facade.domain.errors import InvalidInput, NotFound
from facade.records.consents import Category, Channel, Consent, Statement, Status
from facade.records.reservations import key_mismatch
from facade.transactions.case import Case
from facade.transactions.consent_tables import tables
from facade.transactions.preload_removal import forget_if_opposed
from facade.transactions.services import Services
from facade.translation.consent import Shown
from facade.translation.consent_in import Stated

# The local acts are judged the same whatever the DMP would answer about the record.
NOT_ASKED = Dossier(exists=False)
_PEOPLE_OF_CARE = (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE)


def latest(services: Services, consent_id: str) -> Consent:
    """The latest version. Raises NotFound."""
    stored = services.consents.get(consent_id)
    if stored is None:
        raise NotFound.of("resource.unknown")
    return stored


def judge(case: Case, stored: Consent | None = None) -> None:
    """Judge a local act. Raises Refused, and NotFound for a statement that must not exist for this caller."""
    if stored is not None and not _reaches(case.caller, stored):
        case.hidden = True
        raise NotFound.of("resource.unknown")
    case.precheck()
    case.require(NOT_ASKED)


def reached(case: Case) -> list[Consent]:
    """The latest version of every statement about the patient that exists for this caller, oldest first."""
    found = case.services.consents.search(case.patient)
    return [stored for stored in found if _reaches(case.caller, stored)]


def record(case: Case, stated: Stated, *, key: str = "", dated: bool = True) -> Consent:
    """Record a new statement for the caller's structure; the same request with the same ``key`` records none.

    ``dated``: whether the request says when the patient was informed. Raises Conflict for a key of another request.
    """
    statement = _statement(case.caller, stated)
    case.intend()
    stored = case.services.consents.create(statement, recorder_id=case.caller.id, now=case.now, key=key)
    # Where the request names no time it is that of its first arrival.
    expected = statement if dated else replace(statement, informed_at=stored.statement.informed_at)
    if stored.statement != expected:
        raise key_mismatch()
    forget_if_opposed(case.services, stored, case.now)
    return stored


def change(case: Case, stored: Consent, stated: Stated, expected_version: int | None) -> Consent:
    """Record a new version. Raises InvalidInput (another patient or category), Conflict (``expected_version``)."""
    if stated.category.code != stored.statement.category.value or stated.patient != stored.statement.patient:
        raise InvalidInput.of("consent.subject-changed", "Consent.patient", "Consent.category")
    case.intend()
    changed = case.services.consents.update(
        stored.id,
        _statement(case.caller, stated),
        recorder_id=case.caller.id,
        now=case.now,
        expected_version=expected_version,
        status=Status.ACTIVE if stated.active else Status.INACTIVE,
    )
    forget_if_opposed(case.services, changed, case.now)
    return changed


def withdraw(case: Case, stored: Consent, expected_version: int | None) -> Consent:
    """Record a version that no longer holds. Raises Conflict when ``expected_version`` is not the latest."""
    case.intend()
    return case.services.consents.withdraw(
        stored.id, recorder_id=case.caller.id, now=case.now, expected_version=expected_version
    )


def shown(services: Services, stored: Consent, *, non_opposition: bool | None) -> Shown:
    """A stored version, ready to be written."""
    statement = stored.statement
    return Shown(
        id=stored.id,
        patient=statement.patient,
        patient_id=services.ids.seal_patient(statement.patient),
        category=tables().categories[statement.category.value],
        active=stored.status is Status.ACTIVE,
        at=statement.informed_at or stored.recorded,
        structure=statement.structure_id,
        person=statement.professional_id,
        channel=statement.channel.value if statement.channel else "",
        case=statement.case,
        non_opposition=non_opposition,
        version=stored.version,
        recorded=stored.recorded,
    )


def shown_latest(services: Services, stored: Consent, among: list[Consent]) -> Shown:
    """The latest version of a statement, with what it means for non-opposition ``among`` those of the patient."""
    informs = stored.statement.category is Category.INFORMATION_GIVEN and stored.status is Status.ACTIVE
    return shown(services, stored, non_opposition=non_opposition(stored, among) if informs else None)


def non_opposition(information: Consent, among: list[Consent]) -> bool:
    """Whether silence may be read as non-opposition (référentiel 2.1, EXI 01).

    At once after a synchronous information; after an asynchronous one only when the structure recorded a synchronous
    contact at that time or later, however much time passed; never while it recorded an opposition that holds.
    """
    structure = information.statement.structure_id
    active = [one for one in among if one.status is Status.ACTIVE and one.statement.structure_id == structure]
    if any(one.statement.category is not Category.INFORMATION_GIVEN for one in active):
        return False
    since = _time(information)
    return any(_synchronous(one) and _time(one) >= since for one in active)


def _synchronous(information: Consent) -> bool:
    channel = information.statement.channel
    return channel is not None and tables().channels[channel.value]


def _time(information: Consent) -> datetime:
    return information.statement.informed_at or information.recorded


def _statement(caller: Caller, stated: Stated) -> Statement:
    if stated.structure not in ("", caller.structure.id):
        raise InvalidInput.of("consent.structure", "Consent.organization")
    return Statement(
        category=Category(stated.category.code),
        patient=stated.patient,
        structure_id=caller.structure.id,
        professional_id=stated.professional,
        channel=Channel(stated.channel) if stated.channel else None,
        case=stated.case,
        informed_at=stated.informed_at,
    )


def _reaches(caller: Caller, stored: Consent) -> bool:
    if caller.kind in _PEOPLE_OF_CARE:
        return caller.structure.id == stored.statement.structure_id
    return caller.pairing(stored.statement.patient) is not None

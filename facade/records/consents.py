"""Consent statements kept by the facade itself: the two local oppositions, and that the patient was informed.

Every change is a new version; nothing is overwritten. No field can hold a reason: each is a code, an identifier of a
checked shape, or a time (référentiel DMP, EXI 01 and 02; art. R. 1111-52).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from facade.domain.access import Oppositions
from facade.domain.errors import Conflict, InvalidInput, NotFound
from facade.domain.ins import INS
from facade.records.engine import Database
from facade.records.schema import consents as table

_STRUCTURE = re.compile(r"[1-9][0-9A-Za-z]{1,30}")
# Only an IdNat_PS made of an RPPS number ever calls; digits alone leave no room for a word.
_PROFESSIONAL = re.compile(r"8[0-9]{11}")
_RECORDER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:@-]{0,127}")
_CASES = (1, 2, 3)
# Asked for every request: of a statement only what an opposition is judged by.
_STATED = (
    select(table.c.id, table.c.status, table.c.category, table.c.structure_id, table.c.professional_id)
    .where(table.c.patient_value == bindparam("patient_value"), table.c.patient_oid == bindparam("patient_oid"))
    .order_by(table.c.version)
)


class Category(StrEnum):
    """What a statement says; codes of the facade's own CodeSystem."""

    OPPOSITION_FEEDING = "opposition-feeding"
    OPPOSITION_CONSULTATION = "opposition-consultation"
    INFORMATION_GIVEN = "information-given"


class Status(StrEnum):
    """Whether a statement holds (FHIR consent-state-codes)."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Channel(StrEnum):
    """How the patient was informed. Only the first two let the patient answer at once."""

    FACE_TO_FACE = "face-to-face"
    TELEPHONE = "telephone"
    ONLINE = "online"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class Statement:
    """What was stated.

    ``professional_id`` narrows an opposition to consultation to one professional of that structure.
    ``channel``, ``case`` (1 to 3 of Annexe 4) and ``informed_at`` belong to ``information-given`` alone, which needs
    the first. Raises InvalidInput where a field does not fit the category or has not the shape of its kind.
    """

    category: Category
    patient: INS
    structure_id: str
    professional_id: str = ""
    channel: Channel | None = None
    case: int | None = None
    informed_at: datetime | None = None

    def __post_init__(self) -> None:
        _check_id(_STRUCTURE, self.structure_id, "Consent.organization")
        if self.professional_id:
            if self.category is not Category.OPPOSITION_CONSULTATION:
                raise InvalidInput.of("consent.professional-not-allowed", "Consent.provision.actor")
            _check_id(_PROFESSIONAL, self.professional_id, "Consent.provision.actor")
        about_information = (self.channel, self.case, self.informed_at)
        if self.category is not Category.INFORMATION_GIVEN:
            if about_information != (None, None, None):
                raise InvalidInput.of("consent.channel-not-allowed", "Consent")
        elif self.channel is None:
            raise InvalidInput.of("consent.channel-required", "Consent")
        if self.case is not None and self.case not in _CASES:
            raise InvalidInput.of("consent.case-unknown", "Consent")


@dataclass(frozen=True, slots=True)
class Consent:
    """One version of one statement, who recorded it and when."""

    id: str
    version: int
    status: Status
    statement: Statement
    recorded: datetime
    recorder_id: str = field(repr=False)


class Consents:
    """The table of statements. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stated = database.prepare(_STATED)

    def create(self, statement: Statement, *, recorder_id: str, now: datetime, key: str = "") -> Consent:
        """Record a new statement, active.

        ``key`` is an Idempotency-Key: the recorder's statement of that key is made once, by whichever host; given
        again, the first version is returned as it was recorded, for the caller to compare.
        """
        consent_id = _keyed_id(recorder_id, key) if key else str(uuid.uuid4())
        consent = Consent(consent_id, 1, Status.ACTIVE, statement, now, recorder_id)
        try:
            with self._database.writing() as connection:
                _write(connection, consent)
        except Conflict:
            first = self.get(consent_id, version=1) if key else None
            if first is None:
                raise
            return first
        return consent

    def get(self, consent_id: str, version: int | None = None) -> Consent | None:
        """The latest version, or the one asked for. None when there is none."""
        found = self.history(consent_id)
        return next((one for one in found if version in (None, one.version)), None)

    def history(self, consent_id: str) -> list[Consent]:
        """Every version, newest first. Empty when the id is unknown."""
        with self._database.reading() as connection:
            return _versions(connection, consent_id)

    def search(self, patient: INS, structure_id: str | None = None) -> list[Consent]:
        """The latest version of each statement about a patient, in the order they were first recorded."""
        query = select(table).where(table.c.patient_value == patient.value, table.c.patient_oid == patient.kind.value)
        with self._database.reading() as connection:
            found = [_consent(row) for row in connection.execute(query.order_by(table.c.version))]
        latest = _latest(found)
        return [one for one in latest if structure_id in (None, one.statement.structure_id)]

    def update(
        self,
        consent_id: str,
        statement: Statement,
        *,
        recorder_id: str,
        now: datetime,
        expected_version: int | None = None,
        status: Status = Status.ACTIVE,
    ) -> Consent:
        """Record a new version. The patient and the category of a statement never change.

        Raises NotFound, InvalidInput (another patient or category), Conflict (``expected_version`` is not the latest).
        """
        with self._database.writing() as connection:
            latest = _expected(_versions(connection, consent_id), expected_version)
            if (statement.patient, statement.category) != (latest.statement.patient, latest.statement.category):
                raise InvalidInput.of("consent.subject-changed", "Consent.patient", "Consent.category")
            changed = Consent(consent_id, latest.version + 1, status, statement, now, recorder_id)
            _write(connection, changed)
        return changed

    def withdraw(
        self, consent_id: str, *, recorder_id: str, now: datetime, expected_version: int | None = None
    ) -> Consent:
        """Record a new version that no longer holds; a statement already withdrawn stays as it is.

        Raises NotFound and Conflict as ``update`` does.
        """
        with self._database.writing() as connection:
            latest = _expected(_versions(connection, consent_id), expected_version)
            if latest.status is Status.INACTIVE:
                return latest
            withdrawn = Consent(consent_id, latest.version + 1, Status.INACTIVE, latest.statement, now, recorder_id)
            _write(connection, withdrawn)
        return withdrawn

    def oppositions(self, patient: INS, structure_id: str, person_id: str) -> Oppositions:
        """The oppositions that touch this structure or this person, before any call to the DMP (EXI 02)."""
        asked = {"patient_value": patient.value, "patient_oid": patient.kind.value}
        latest = {one.id: one for one in map(_Stated._make, self._database.rows(self._stated, asked))}
        # A code that is none of ours raises ValueError: an opposition that cannot be read is not to be ignored.
        stated = [
            (Category(one.category), one.professional_id)
            for one in latest.values()
            if Status(one.status) is Status.ACTIVE and one.structure_id == structure_id
        ]
        return Oppositions(
            feeding=any(category is Category.OPPOSITION_FEEDING for category, _ in stated),
            # A structure records what its patients say of itself: of all its professionals, or of one of them.
            consultation=any(
                category is Category.OPPOSITION_CONSULTATION and professional_id in ("", person_id)
                for category, professional_id in stated
            ),
        )


def _keyed_id(recorder_id: str, key: str) -> str:
    """An id that two hosts give to the same request, and that does not tell the key."""
    digest = hashlib.sha256(f"consent\n{recorder_id}\n{key}".encode("utf-8", "replace")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _touches(statement: Statement, structure_id: str, person_id: str) -> bool:
    """A structure records what its patients say of itself: of all its professionals, or of one of them."""
    same_structure = statement.structure_id == structure_id
    return same_structure and statement.professional_id in ("", person_id)


class _Stated(NamedTuple):
    """A row of ``_STATED``."""

    id: str
    status: str
    category: str
    structure_id: str
    professional_id: str


def _check_id(shape: re.Pattern[str], value: str, element: str) -> None:
    if not shape.fullmatch(value):
        raise InvalidInput.of("consent.id-malformed", element)


def _expected(versions: list[Consent], expected_version: int | None) -> Consent:
    if not versions:
        raise NotFound.of("consent.not-found")
    if expected_version not in (None, versions[0].version):
        raise Conflict.of("consent.version-conflict", version=str(versions[0].version))
    return versions[0]


def _versions(connection: Connection, consent_id: str) -> list[Consent]:
    query = select(table).where(table.c.id == consent_id).order_by(table.c.version.desc())
    return [_consent(row) for row in connection.execute(query)]


def _latest(found: Iterable[Consent]) -> list[Consent]:
    latest: dict[str, Consent] = {}
    first_recorded: dict[str, datetime] = {}
    for one in found:
        latest[one.id] = one
        first_recorded.setdefault(one.id, one.recorded)
    return sorted(latest.values(), key=lambda one: (first_recorded[one.id], one.id))


def _write(connection: Connection, consent: Consent) -> None:
    _check_id(_RECORDER, consent.recorder_id, "Consent.performer")
    statement = consent.statement
    values = {
        "id": consent.id,
        "version": consent.version,
        "category": statement.category.value,
        "status": consent.status.value,
        "patient_oid": statement.patient.kind.value,
        "patient_value": statement.patient.value,
        "structure_id": statement.structure_id,
        "professional_id": statement.professional_id,
        "channel": statement.channel.value if statement.channel else "",
        "information_case": statement.case,
        "informed_at": statement.informed_at,
        "recorded": consent.recorded,
        "recorder_id": consent.recorder_id,
    }
    try:
        connection.execute(insert(table), values)
    except IntegrityError:
        # Another process wrote the same version number first.
        raise Conflict.of("consent.concurrent-change") from None


def _consent(row: Row[Any]) -> Consent:
    statement = Statement(
        category=Category(row.category),
        patient=INS.of(row.patient_oid, row.patient_value),
        structure_id=row.structure_id,
        professional_id=row.professional_id,
        channel=Channel(row.channel) if row.channel else None,
        case=row.information_case,
        informed_at=row.informed_at,
    )
    return Consent(row.id, row.version, Status(row.status), statement, row.recorded, row.recorder_id)

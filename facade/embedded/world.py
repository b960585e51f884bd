"""One data directory: certificates, issuer keys and the sample records, made once and found again."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from facade.embedded import issuer, pki, sample, store
from facade.embedded.rights import BLOCKED, VALID
from facade.embedded.store import Store

DATABASE = "dmp.sqlite"
_OPENED = date(2022, 1, 3)
_SINCE = "20240102080000"


@dataclass(frozen=True, slots=True)
class World:
    """Where things are in a data directory."""

    data: Path
    pki: pki.Pki
    issuer_keys: Path
    database: Path

    def issuer(self, port: int) -> issuer.Issuer:
        """The token issuer of a port: mints tokens whose keys ``run_issuer`` publishes there."""
        return issuer.Issuer(self.issuer_keys, issuer.base_url(port))

    def store(self) -> Store:
        """The records of the embedded DMP."""
        return Store(self.database)


def prepare(data_dir: Path) -> World:
    """Make whatever is missing in ``data_dir`` and return where everything is.

    What was fed before is kept; the minor is made fourteen again.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    # Both servers prepare the directory they are given: the second waits for the first.
    with (data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _prepare(data_dir)


def _prepare(data_dir: Path) -> World:
    entity = sample.LEGAL_ENTITY
    world = World(
        data_dir,
        pki.make_pki(data_dir / "pki", entity.id, entity.name),
        data_dir / "issuer",
        data_dir / DATABASE,
    )
    issuer.make_keys(world.issuer_keys)
    records = world.store()
    records.create()
    with records.writing() as db:
        _fill(db, datetime.now(UTC).date())
    records.close()
    return world


def _fill(db: sa.Connection, today: date) -> None:
    """The sample records, unless they are there."""
    minor = sample.birth_date(sample.MINOR, today)
    table = store.patients
    if db.execute(sa.select(table.c.ins)).first() is not None:
        db.execute(sa.update(table).where(table.c.ins == sample.MINOR.ins).values(birth_date=minor))
        return
    db.execute(sa.insert(table), [_record(patient, today) for patient in sample.PATIENTS if patient.exists])
    db.execute(sa.insert(store.authorisations), _authorisations())


def _record(patient: sample.SamplePatient, today: date) -> dict[str, object]:
    return {
        "ins": patient.ins,
        "ins_oid": sample.INS_TEST_OID,
        "family": patient.family,
        "given": patient.given,
        "sex": patient.sex,
        "birth_date": sample.birth_date(patient, today),
        "opened_on": _OPENED,
        "closed_on": patient.closed_on,
        "mes_link": patient.closed_on is None,
        "objects_bris_de_glace": patient.objects_to_emergency,
        "objects_centre_15": patient.objects_to_emergency,
        "deceased": False,
    }


def _authorisations() -> list[dict[str, object]]:
    rows = [_authorisation(patient, person, VALID) for patient in sample.OPEN_RECORDS for person in sample.AUTHORISED]
    return [*rows, _authorisation(sample.ADULT, sample.BLOCKED_DOCTOR, BLOCKED)]


def _authorisation(patient: sample.SamplePatient, person: sample.SampleProfessional, state: str) -> dict[str, object]:
    return {
        "ins": patient.ins,
        "person": person.id,
        "state": state,
        "treating": person == sample.TREATING_DOCTOR,
        "since": _SINCE,
        "last_action": _SINCE,
    }

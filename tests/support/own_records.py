"""The sample patients once more, under other INS: a running demonstration whose records nobody else has changed.

It costs some milliseconds, a demonstration of one's own ten seconds. What stays shared: the processes, their settings,
the people and the structures. Tests that stop a part of a demonstration need one of their own.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from facade.domain.caller import Pairing, Relation
from facade.domain.ins import INS, ins_key
from facade.embedded import sample, store
from facade.embedded.world import DATABASE
from facade.records.engine import open_database
from facade.records.pairings import Paired, Pairings
from tests.support.demo import RunningDemo

_NUMBERS = itertools.count(100_000)


@contextlib.contextmanager
def own_records(demo: RunningDemo) -> Iterator[RunningDemo]:
    """The same demonstration with records of one's own, empty, for its sample patients.

    Whoever is paired with a record of ``demo`` is paired with the one in its place, and afterwards with the first.
    """
    others = {name: {**identity, "value": _another(identity["value"])} for name, identity in demo.patients.items()}
    _open(demo, {identity["value"]: others[name]["value"] for name, identity in demo.patients.items()})
    _pair(demo, demo.patients, others)
    try:
        yield replace(demo, patients=others)
    finally:
        _pair(demo, others, demo.patients)
        _forget(demo, {identity["value"] for identity in others.values()})


def _another(matricule: str) -> str:
    """A matricule of somebody of the same sex, born in the same month and place, with its key."""
    body = f"{matricule[:7]}{next(_NUMBERS):06d}"
    return f"{body}{ins_key(body):02d}"


def _open(demo: RunningDemo, others: dict[str, str]) -> None:
    """Copy the records and authorisations of these INS, as they were at first, in the embedded DMP."""
    records = store.Store(demo.data / DATABASE)
    try:
        with records.writing() as db:
            for table in (store.patients, store.authorisations):
                rows = db.execute(sa.select(table).where(table.c.ins.in_(others))).mappings().all()
                copies = [{**row, "ins": others[row["ins"]]} for row in rows]
                db.execute(sa.insert(table), copies)
    finally:
        records.close()


def _forget(demo: RunningDemo, matricules: set[str]) -> None:
    """Nobody is authorised on these records any longer: who lists theirs finds those still in use."""
    records = store.Store(demo.data / DATABASE)
    try:
        with records.writing() as db:
            db.execute(sa.delete(store.authorisations).where(store.authorisations.c.ins.in_(matricules)))
    finally:
        records.close()


def _pair(demo: RunningDemo, before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> None:
    """The people of the sample world hold the records of ``after`` instead of ``before``: nobody holds two."""
    database = open_database(f"sqlite:///{demo.data / 'facade.db'}")
    try:
        pairings = Pairings(database)
        pairings.remove(*_pairings(before))
        pairings.add(*_pairings(after))
    finally:
        database.close()


def _pairings(patients: dict[str, dict[str, str]]) -> list[Paired]:
    names = {patient.ins: patient.name for patient in sample.PATIENTS}
    paired = []
    for row in sample.PAIRINGS:
        identity = patients[names[row.ins]]
        pairing = Pairing(
            INS.of(identity["system"], identity["value"]),
            Relation(row.relation),
            may_feed=row.may_feed,
            may_read=row.may_read,
        )
        paired.append((row.application, row.external_id, pairing))
    return paired

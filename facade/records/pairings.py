"""Pairings: which record an external, pseudonymous id stands for, and what its holder lets an application do.

Source: pairing of a referenced digital service with Mon espace santé; consent is given per kind of operation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select

from facade.domain.caller import Pairing, Relation
from facade.domain.ins import INS
from facade.records.dialects import Lock
from facade.records.engine import Database
from facade.records.schema import pairings as table

# An application, the external id of a person, and what the two may do for a record.
Paired = tuple[str, str, Pairing]
_BY_PERSON = (table.c.external_id, table.c.patient_value)
_HOLDERS_OF_TWO = (
    select(table.c.application)
    .where(table.c.relation == Relation.HOLDER.value)
    .group_by(table.c.application, table.c.external_id)
    .having(func.count() > 1)
    .limit(1)
)


class Pairings:
    """The table of pairings. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, application: str, external_id: str) -> tuple[Pairing, ...]:
        """The records this person (idPe) is paired with through this application."""
        return self._select(and_(table.c.application == application, table.c.external_id == external_id))

    def of_application(self, application: str) -> tuple[Pairing, ...]:
        """The records whose holders are paired with this application, for one that acts for itself.

        A holder known under several external ids is listed once, with what all of these pairings allow.
        """
        merged: dict[INS, Pairing] = {}
        for one in self._select(and_(table.c.application == application, table.c.relation == Relation.HOLDER.value)):
            other = merged.get(one.patient, one)
            merged[one.patient] = replace(
                one, may_feed=one.may_feed and other.may_feed, may_read=one.may_read and other.may_read
            )
        return tuple(merged.values())

    def all(self) -> list[Paired]:
        """Every pairing, by application and person."""
        with self._database.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.application, *_BY_PERSON)).all()
        return [(row.application, row.external_id, _pairing(row)) for row in rows]

    def add(self, *pairings: Paired) -> None:
        """Write pairings, all or none; one that exists for the same person and record is replaced.

        Raises ValueError when a person would hold two records: one of them is somebody else's.
        """
        # Alone: two processes that each see only their own rows would make one person the holder of two records.
        with self._database.writing(Lock.PAIRINGS) as connection:
            for application, external_id, pairing in pairings:
                connection.execute(delete(table).where(_same(application, external_id, pairing.patient)))
                connection.execute(insert(table), _row(application, external_id, pairing))
            if connection.execute(_HOLDERS_OF_TWO).first() is not None:
                raise ValueError(
                    "a person (external_id) would be the holder of two records: remove the other one first"
                )

    def remove(self, *pairings: Paired) -> int:
        """Take pairings away, all or none, whatever they allow; how many there were."""
        with self._database.writing() as connection:
            return sum(
                connection.execute(delete(table).where(_same(application, external_id, pairing.patient))).rowcount
                for application, external_id, pairing in pairings
            )

    def _select(self, wanted: ColumnElement[bool]) -> tuple[Pairing, ...]:
        query = select(table).where(wanted).order_by(*_BY_PERSON)
        with self._database.reading() as connection:
            return tuple(_pairing(row) for row in connection.execute(query))


def _row(application: str, external_id: str, pairing: Pairing) -> dict[str, Any]:
    return {
        "application": application,
        "external_id": external_id,
        "patient_oid": pairing.patient.kind.value,
        "patient_value": pairing.patient.value,
        "relation": pairing.relation.value,
        "may_feed": pairing.may_feed,
        "may_read": pairing.may_read,
    }


def _same(application: str, external_id: str, patient: INS) -> ColumnElement[bool]:
    return and_(
        table.c.application == application,
        table.c.external_id == external_id,
        table.c.patient_oid == patient.kind.value,
        table.c.patient_value == patient.value,
    )


def _pairing(row: Row[Any]) -> Pairing:
    return Pairing(
        patient=INS.of(row.patient_oid, row.patient_value),
        relation=Relation(row.relation),
        may_feed=row.may_feed,
        may_read=row.may_read,
    )

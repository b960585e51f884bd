"""Documents this facade hid from their patient and has not shown since: the worklist of EXI 08.

Nothing lifts such a mask on a timer; a forgotten one amounts, for the patient, to a document never fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from facade.domain.document import DocumentEntry
from facade.domain.ins import INS
from facade.records.engine import Database
from facade.records.schema import hidden_documents as table


@dataclass(frozen=True, slots=True)
class Hidden:
    """One document still hidden from its patient: where, by whose document, since when."""

    patient: INS
    logical_id: str
    author_id: str
    structure_id: str
    since: datetime


class HiddenDocuments:
    """The worklist. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, document: DocumentEntry, structure_id: str, now: datetime) -> None:
        """The document was hidden from its patient; noting it again keeps the first date."""
        row = {
            "logical_id": document.logical_id,
            "patient_oid": document.patient.kind.value,
            "patient_value": document.patient.value,
            "author_id": next((author.person.id for author in document.authors), ""),
            "structure_id": structure_id,
            "since": now,
        }
        try:
            with self._database.writing() as connection:
                known = select(table.c.logical_id).where(table.c.logical_id == document.logical_id)
                if connection.execute(known).first() is None:
                    connection.execute(insert(table), row)
        except IntegrityError:
            return  # another process noted it first

    def lift(self, logical_id: str) -> None:
        """The document was shown to its patient, or withdrawn."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.logical_id == logical_id))

    def of_author(self, person_id: str) -> list[Hidden]:
        """The documents this professional is the author of, longest hidden first."""
        return self._select(table.c.author_id == person_id)

    def of_structure(self, structure_id: str) -> list[Hidden]:
        """The documents this structure's professionals or software hid, longest hidden first."""
        return self._select(table.c.structure_id == structure_id)

    def _select(self, wanted: ColumnElement[bool]) -> list[Hidden]:
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(wanted).order_by(table.c.since, table.c.logical_id))
            return [_hidden(row) for row in rows]


def _hidden(row: Row[Any]) -> Hidden:
    patient = INS.of(row.patient_oid, row.patient_value)
    return Hidden(patient, row.logical_id, row.author_id, row.structure_id, row.since)

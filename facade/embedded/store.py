"""What the embedded DMP remembers: records, authorisations, lots, entries, documents. SQLite (WAL), one writer.

An entry keeps the XML it answers with (``fragment``) and what a query looks at (``facets``, JSON).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import sqlalchemy as sa

from facade.embedded import ebrim

_schema = sa.MetaData()
patients = sa.Table(
    "patients",
    _schema,
    sa.Column("ins", sa.String, primary_key=True),
    sa.Column("ins_oid", sa.String, nullable=False),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("given", sa.String, nullable=False),
    sa.Column("sex", sa.String, nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("opened_on", sa.Date, nullable=False),
    sa.Column("closed_on", sa.Date),
    sa.Column("mes_link", sa.Boolean, nullable=False),
    sa.Column("objects_bris_de_glace", sa.Boolean, nullable=False),
    sa.Column("objects_centre_15", sa.Boolean, nullable=False),
    sa.Column("deceased", sa.Boolean, nullable=False),
)
authorisations = sa.Table(
    "authorisations",
    _schema,
    sa.Column("ins", sa.String, primary_key=True),
    sa.Column("person", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("treating", sa.Boolean, nullable=False),
    sa.Column("since", sa.String, nullable=False),
    sa.Column("last_action", sa.String, nullable=False),
)
lots = sa.Table(
    "lots",
    _schema,
    sa.Column("entry_uuid", sa.String, primary_key=True),
    sa.Column("unique_id", sa.String, nullable=False, unique=True),
    sa.Column("ins", sa.String, nullable=False),
    sa.Column("submission_time", sa.String, nullable=False),
    sa.Column("fragment", sa.LargeBinary, nullable=False),
)
associations = sa.Table(
    "associations",
    _schema,
    sa.Column("entry_uuid", sa.String, primary_key=True),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False, index=True),
    sa.Column("target", sa.String, nullable=False, index=True),
    sa.Column("fragment", sa.LargeBinary, nullable=False),
)
entries = sa.Table(
    "entries",
    _schema,
    sa.Column("entry_uuid", sa.String, primary_key=True),
    sa.Column("logical_id", sa.String, nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("ins", sa.String, nullable=False, index=True),
    sa.Column("unique_id", sa.String, nullable=False, index=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("is_signature", sa.Boolean, nullable=False),
    sa.Column("facets", sa.JSON, nullable=False),
    sa.Column("fragment", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("logical_id", "version"),
)
documents = sa.Table(
    "documents",
    _schema,
    sa.Column("unique_id", sa.String, primary_key=True),
    sa.Column("mime_type", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

Row = sa.Row[Any]


class Store:
    """The database of one data directory."""

    def __init__(self, file: Path) -> None:
        self._engine = sa.create_engine(
            f"sqlite:///{file}",
            connect_args={"timeout": 10},
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        sa.event.listen(self._engine, "connect", _pragmas)
        self._writing = Lock()

    def create(self) -> None:
        """Make the tables that are not there."""
        _schema.create_all(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, one at a time: all of it or nothing."""
        with self._writing, self._engine.begin() as connection:
            yield connection


def _pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def patient(db: sa.Connection, ins: str, ins_oid: str) -> Row | None:
    """The record of an INS, None when there is none."""
    return db.execute(sa.select(patients).where(patients.c.ins == ins, patients.c.ins_oid == ins_oid)).first()


def open_record(db: sa.Connection, ins: str) -> Row | None:
    """The record of an INS that is not closed, None when there is none."""
    table = patients
    return db.execute(sa.select(table).where(table.c.ins == ins, table.c.closed_on.is_(None))).first()


def authorisation(db: sa.Connection, ins: str, person: str) -> Row | None:
    """The authorisation of a person on a record, None when there never was one."""
    table = authorisations
    return db.execute(sa.select(table).where(table.c.ins == ins, table.c.person == person)).first()


def entry(db: sa.Connection, entry_uuid: str) -> Row | None:
    """The entry of an entryUUID (``urn:uuid:``), None when unknown."""
    return db.execute(sa.select(entries).where(entries.c.entry_uuid == entry_uuid)).first()


def current(db: sa.Connection, column: str, value: str) -> Row | None:
    """The last metadata version of a document by ``logical_id`` or ``unique_id``, None when unknown."""
    query = sa.select(entries).where(entries.c[column] == value).order_by(entries.c.version.desc())
    return db.execute(query).first()


def find(db: sa.Connection, ins: str, **criteria: Sequence[str]) -> Sequence[Row]:
    """The entries of a record whose columns are among the given values, oldest first."""
    query = sa.select(entries).where(entries.c.ins == ins)
    for column, values in criteria.items():
        query = query.where(entries.c[column].in_(values))
    return db.execute(query.order_by(sa.text("rowid"))).all()


def last_versions(rows: Sequence[Row]) -> list[Row]:
    """Of several metadata versions of a document the last one."""
    return list({row.unique_id: row for row in sorted(rows, key=lambda row: row.version)}.values())


def lots_of(db: sa.Connection, ins: str) -> Sequence[Row]:
    """The submission sets of a record, oldest first."""
    return db.execute(sa.select(lots).where(lots.c.ins == ins).order_by(sa.text("rowid"))).all()


def associations_of(db: sa.Connection, ins: str, identifiers: Sequence[str]) -> list[Row]:
    """The associations of a record that start or end at one of these entryUUIDs, oldest first."""
    # An association starts at an object of the submission it came with, hence of the record.
    own = sa.union_all(
        sa.select(lots.c.entry_uuid).where(lots.c.ins == ins),
        sa.select(entries.c.entry_uuid).where(entries.c.ins == ins),
    )
    named = sa.or_(associations.c.source.in_(identifiers), associations.c.target.in_(identifiers))
    query = sa.select(associations).where(associations.c.source.in_(own), named)
    return list(db.execute(query.order_by(sa.text("associations.rowid"))))


def document(db: sa.Connection, unique_id: str) -> Row | None:
    """The bytes kept under a uniqueId, with their type and hash."""
    return db.execute(sa.select(documents).where(documents.c.unique_id == unique_id)).first()


def set_status(db: sa.Connection, row: Row, status: str) -> None:
    """Change the availability of an entry, in its column and in the XML it answers with."""
    before, after = f' status="{row.status}"'.encode(), f' status="{status}"'.encode()
    fragment = row.fragment.replace(before, after, 1)
    db.execute(
        sa.update(entries).where(entries.c.entry_uuid == row.entry_uuid).values(status=status, fragment=fragment)
    )


def is_current(row: Row) -> bool:
    """Neither replaced, nor an older metadata version, nor deleted."""
    return bool(row.status in (ebrim.APPROVED, ebrim.ARCHIVED))

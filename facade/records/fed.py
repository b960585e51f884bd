"""What a structure fed into a record by this facade, and what became of it: the visible mark of EXI 05."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from facade.domain.ins import INS
from facade.records.reservations import State
from facade.records.schema import publications, submissions


@dataclass(frozen=True, slots=True)
class Fed:
    """One document that was stored in the DMP. ``publisher_id`` is the caller who published it.

    ``replaced_by`` is the logicalId of the structure's own document that replaced it, empty without one; ``sha1`` (hex)
    and ``size`` are of the content as it was handed in.
    """

    unique_id: str
    logical_id: str
    type_code: str
    media_type: str
    sha1: str
    size: int
    publisher_id: str
    fed_at: datetime
    replaced_by: str = ""
    replaced_at: datetime | None = None
    withdrawn_at: datetime | None = None


def fed_into(connection: Connection, structure_id: str, patient: INS) -> list[Fed]:
    """The documents a structure fed into one record, last fed first."""
    found = publications.c
    query = (
        select(publications, submissions.c.caller_id, submissions.c.settled_at)
        .join_from(publications, submissions)
        .where(
            submissions.c.state == State.STORED.value,
            submissions.c.structure_id == structure_id,
            found.patient_oid == patient.kind.value,
            found.patient_value == patient.value,
        )
        .order_by(submissions.c.settled_at.desc(), found.submission_id, found.rank)
    )
    rows = connection.execute(query).all()
    # A replacement that was withdrawn takes with it what it replaced: that is marked as withdrawn itself.
    after = {row.replaces: row for row in rows if row.replaces and row.withdrawn_at is None}
    return [_fed(row, after.get(row.unique_id)) for row in rows]


def _fed(row: Row[Any], after: Row[Any] | None) -> Fed:
    return Fed(
        unique_id=row.unique_id,
        logical_id=row.logical_id,
        type_code=row.type_code,
        media_type=row.media_type,
        sha1=row.sha1,
        size=row.size,
        publisher_id=row.caller_id,
        fed_at=row.settled_at,
        replaced_by=after.logical_id if after is not None else "",
        replaced_at=after.settled_at if after is not None else None,
        withdrawn_at=row.withdrawn_at,
    )

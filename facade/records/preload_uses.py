"""What each professional preloaded lately: what the limits of EXI 12 are counted by, race-proof across processes.

A use outlives what it counts: ending a preload does not give another one free within the same days.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, distinct, func, insert, select, update

from facade.records.engine import Database
from facade.records.schema import preload_uses as table
from facade.records.schema import preloads

_DAY = timedelta(hours=24)
_LIVE = ("waiting", "fetching")


def planned_patients(connection: Connection, person_id: str, patient_keys: Sequence[str], at: datetime) -> int:
    """The most patients of any 24 hours that ``at`` is in, this one included: preloaded already, or ordered for then.

    ``patient_keys`` are the keyed names of the patient, the one that is stored now first.
    """
    around = (at - _DAY, at + _DAY)
    done = select(table.c.patient_key, table.c.at).where(
        table.c.person_id == person_id, table.c.document_key == "", table.c.at.between(*around)
    )
    ordered = select(preloads.c.patient_key, preloads.c.due).where(
        preloads.c.person_id == person_id, preloads.c.state.in_(_LIVE), preloads.c.due.between(*around)
    )
    found = [(row[0], row[1]) for query in (done, ordered) for row in connection.execute(query)]
    moments = [(key, when) for key, when in found if key not in patient_keys] + [(patient_keys[0], at)]
    starts = [when for _, when in moments if at - _DAY < when <= at]
    return max(len({key for key, when in moments if start <= when < start + _DAY}) for start in starts)


def patients_lately(connection: Connection, person_id: str, patient_keys: Collection[str], now: datetime) -> int:
    """How many patients this professional preloaded in the last 24 hours, this one included."""
    others = select(func.count(distinct(table.c.patient_key))).where(
        table.c.person_id == person_id,
        table.c.document_key == "",
        table.c.at > now - _DAY,
        table.c.patient_key.not_in(list(patient_keys)),
    )
    return int(connection.execute(others).scalar_one()) + 1


def documents_lately(
    connection: Connection, person_id: str, patient_keys: Collection[str], since: datetime
) -> frozenset[str]:
    """The keyed names of the documents of one patient whose content this professional preloaded since then."""
    query = select(table.c.document_key).where(
        table.c.person_id == person_id,
        table.c.patient_key.in_(list(patient_keys)),
        table.c.document_key != "",
        table.c.at > since,
    )
    return frozenset(connection.execute(query).scalars())


def note(
    connection: Connection, person_id: str, patient_key: str, document_keys: Collection[str], now: datetime
) -> None:
    """Count the patient and these documents as preloaded now."""
    for key in ("", *document_keys):
        same = (table.c.person_id == person_id, table.c.patient_key == patient_key, table.c.document_key == key)
        if connection.execute(update(table).where(*same).values(at=now)).rowcount == 0:
            row = {"person_id": person_id, "patient_key": patient_key, "document_key": key, "at": now}
            connection.execute(insert(table), row)


def forget_before(database: Database, moment: datetime) -> None:
    """Remove what no limit counts any more; where there is nothing, nobody's writing is made to wait."""
    with database.reading() as connection:
        if connection.execute(select(table.c.at).where(table.c.at <= moment).limit(1)).first() is None:
            return
    with database.writing() as connection:
        connection.execute(delete(table).where(table.c.at <= moment))

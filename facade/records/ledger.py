"""The rows of the ledger of publications: each function is one statement or two, inside the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from facade.domain.ins import INS
from facade.records.reservations import Published, Request, Reservation, State, ToSend
from facade.records.schema import publications, submissions

_OPEN = (State.PENDING.value, State.UNKNOWN.value)
# Built once: every publication makes these.
_BLOCKERS = (
    select(publications.c.submission_id, publications.c.unique_id, submissions.c.state, submissions.c.reserved_at)
    .join_from(publications, submissions)
    .where(
        or_(
            publications.c.live_unique_id.in_(bindparam("ids", expanding=True)),
            publications.c.live_content.in_(bindparam("contents", expanding=True)),
        )
    )
    .order_by(publications.c.rank)
)
_WRITE_LOT, _WRITE_DOCUMENTS = insert(submissions), insert(publications)
_SETTLED = update(submissions).where(submissions.c.id == bindparam("reservation"))
_KNOWN = (
    update(publications)
    .where(publications.c.submission_id == bindparam("reservation"), publications.c.unique_id == bindparam("document"))
    .values(logical_id=bindparam("known_as"))
)


class Blocker(NamedTuple):
    """A live document that stands in the way of another."""

    submission_id: str
    unique_id: str
    state: State
    reserved_at: datetime


def blockers(connection: Connection, to_send: Sequence[ToSend]) -> list[Blocker]:
    """The live documents with the uniqueId, or with the content, of one of these."""
    rows = connection.execute(
        _BLOCKERS, {"ids": [one.unique_id for one in to_send], "contents": [one.content for one in to_send]}
    )
    return [Blocker(row.submission_id, row.unique_id, State(row.state), row.reserved_at) for row in rows]


def in_one_order(to_send: Sequence[ToSend]) -> list[tuple[int, ToSend]]:
    """The documents of a lot with their ranks, in the order all lots are written in.

    Of two lots that hold each other's documents one then waits for the other, and neither for the other's end.
    """
    return sorted(enumerate(to_send), key=lambda each: each[1].unique_id)


def insert_reservation(
    connection: Connection, to_send: Sequence[ToSend], request: Request, *, now: datetime, lot: str
) -> Reservation:
    """Write a pending reservation. Raises IntegrityError when another process was faster."""
    submission_id = str(uuid.uuid4())
    connection.execute(_WRITE_LOT, lot_columns(submission_id, request, now, lot))
    connection.execute(_WRITE_DOCUMENTS, [one.columns(submission_id, rank) for rank, one in in_one_order(to_send)])
    return reserved(submission_id, to_send, request, now=now, lot=lot)


def lot_columns(submission_id: str, request: Request, now: datetime, lot: str) -> dict[str, Any]:
    """The row of a pending reservation."""
    return {
        "id": submission_id,
        "caller_id": request.caller_id,
        "structure_id": request.structure_id,
        "key_digest": request.key_digest,
        "fingerprint": request.fingerprint,
        "live_key": request.key_digest,
        "lot": lot,
        "state": State.PENDING.value,
        "reserved_at": now,
    }


def reserved(
    submission_id: str, to_send: Sequence[ToSend], request: Request, *, now: datetime, lot: str
) -> Reservation:
    """A pending reservation as its rows say it."""
    documents = tuple(Published(one.unique_id, "", one.patient) for one in to_send)
    return Reservation(submission_id, State.PENDING, request.structure_id, lot, documents, now)


def load(connection: Connection, submission_id: str, state: State, *, replay: bool = False) -> Reservation:
    """A reservation with its documents in their order, shown in the state it is to be treated as."""
    lot = connection.execute(select(submissions).where(submissions.c.id == submission_id)).one()
    rows = connection.execute(
        select(publications).where(publications.c.submission_id == submission_id).order_by(publications.c.rank)
    )
    documents = tuple(
        Published(row.unique_id, row.logical_id, INS.of(row.patient_oid, row.patient_value)) for row in rows
    )
    return Reservation(submission_id, state, lot.structure_id, lot.lot, documents, lot.reserved_at, replay)


def settle_stored(connection: Connection, submission_id: str, now: datetime, lot: str) -> None:
    """The lot is stored, whatever was thought of it before; ``lot`` is its id where that is known."""
    values = {"reservation": submission_id, "state": State.STORED.value, "settled_at": now}
    connection.execute(_SETTLED, values | ({"lot": lot} if lot else {}))


def note_logical_ids(connection: Connection, submission_id: str, logical_ids: Mapping[str, str]) -> None:
    """Under which logical id the DMP has each document, by its uniqueId."""
    rows = [
        {"reservation": submission_id, "document": unique_id, "known_as": logical_id}
        for unique_id, logical_id in logical_ids.items()
    ]
    if rows:
        connection.execute(_KNOWN, rows)


def move(connection: Connection, submission_id: str, state: State, now: datetime) -> bool:
    """From pending or unknown to ``state``; whether it was one of them."""
    statement = update(submissions).where(submissions.c.id == submission_id, submissions.c.state.in_(_OPEN))
    return connection.execute(statement.values(state=state.value, settled_at=now)).rowcount > 0


def release(connection: Connection, submission_id: str) -> None:
    """Let the documents and the Idempotency-Key of a failed reservation be used again."""
    connection.execute(update(submissions).where(submissions.c.id == submission_id).values(live_key=None))
    connection.execute(
        update(publications)
        .where(publications.c.submission_id == submission_id)
        .values(live_unique_id=None, live_content=None)
    )


def revive(connection: Connection, submission_id: str) -> None:
    """Make a released reservation stand in the way again, where nobody has taken its place since.

    A document that was withdrawn stands in nobody's way.
    """
    document = publications.c
    try:
        with connection.begin_nested():
            connection.execute(
                update(submissions).where(submissions.c.id == submission_id).values(live_key=submissions.c.key_digest)
            )
            connection.execute(
                update(publications)
                .where(document.submission_id == submission_id, document.withdrawn_at.is_(None))
                .values(live_unique_id=document.unique_id, live_content=document.content)
            )
    except IntegrityError:
        return

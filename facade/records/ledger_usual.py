"""The two transactions of a publication nothing is in the way of, as prepared statements.

What else a publication may meet (an earlier one, a repeated key, one that was thought to have failed) is rare: it is
left to ``Publications``, which looks again in a transaction of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, insert, or_, select, update

from facade.records.engine import Database
from facade.records.ledger import in_one_order, lot_columns, reserved
from facade.records.prepared import Cursor, Prepared
from facade.records.reservations import Request, Reservation, State, ToSend
from facade.records.schema import publications, submissions

_lot, _document = submissions.c, publications.c
_MINE = bindparam("reservation", type_=_lot.id.type)
_SETTLE = (
    update(submissions)
    .where(_lot.id == _MINE)
    .values(state=State.STORED.value, settled_at=bindparam("settled", type_=_lot.settled_at.type))
)
_KNOWN = (
    update(publications)
    .where(_document.submission_id == _MINE, _document.unique_id == bindparam("document"))
    .values(logical_id=bindparam("known_as", type_=_document.logical_id.type))
)


class UsualCourse:
    """What nearly every publication writes. Every method raises RecordsUnavailable, or Collided: look again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_the_way: dict[int, Prepared] = {}  # by how many documents it asks for, a power of two
        self._same_key = database.prepare(select(_lot.id).where(_lot.key_digest == bindparam("key")).limit(1))
        self._write_lot = database.prepare(insert(submissions))
        self._write_document = database.prepare(insert(publications))
        # FOR UPDATE: nobody gives it up between the look and the note.
        self._state = database.prepare(select(_lot.state).where(_lot.id == _MINE).with_for_update())
        self._settle = database.prepare(_SETTLE)
        self._settle_as = database.prepare(_SETTLE.values(lot=bindparam("known_lot", type_=_lot.lot.type)))
        self._known = database.prepare(_KNOWN)

    def reserve(self, to_send: Sequence[ToSend], request: Request, *, now: datetime, lot: str) -> Reservation | None:
        """A new reservation; None, and nothing written, where anything may be in its way."""
        submission_id = str(uuid.uuid4())
        with self._database.writing_prepared() as cursor:
            if not self._is_clear(cursor, to_send, request):
                return None
            self._write_lot.execute(cursor, _whole(submissions, lot_columns(submission_id, request, now, lot)))
            for rank, one in in_one_order(to_send):
                self._write_document.execute(cursor, _whole(publications, one.columns(submission_id, rank)))
        return reserved(submission_id, to_send, request, now=now, lot=lot)

    def mark_stored(self, reservation_id: str, logical_ids: Mapping[str, str], *, now: datetime, lot: str) -> bool:
        """Note that the DMP has the lot; False, and nothing written, for one that was thought to have failed."""
        mine = {"reservation": reservation_id}
        with self._database.writing_prepared() as cursor:
            [(state,)] = self._state.rows(cursor, mine)
            if state == State.FAILED.value:
                return False
            if lot:
                self._settle_as.execute(cursor, mine | {"settled": now, "known_lot": lot})
            else:
                self._settle.execute(cursor, mine | {"settled": now})
            for unique_id, logical_id in logical_ids.items():
                self._known.execute(cursor, mine | {"document": unique_id, "known_as": logical_id})
        return True

    def _is_clear(self, cursor: Cursor, to_send: Sequence[ToSend], request: Request) -> bool:
        if request.key_digest is not None and self._same_key.rows(cursor, {"key": request.key_digest}):
            return False
        places = 1 << (len(to_send) - 1).bit_length()
        query = self._in_the_way.get(places)
        if query is None:
            query = self._in_the_way[places] = self._database.prepare(_in_the_way(places))
        asked: dict[str, str] = {}
        for place in range(places):
            # What is asked for twice is found once.
            one = to_send[min(place, len(to_send) - 1)]
            asked |= {f"id{place}": one.unique_id, f"content{place}": one.content}
        return not query.rows(cursor, asked)


def _in_the_way(places: int) -> Select[Any]:
    """Whether one of so many documents, ``id0`` and ``content0`` and so on, is live under its uniqueId or content."""
    ids: list[BindParameter[str]] = [bindparam(f"id{place}") for place in range(places)]
    contents: list[BindParameter[str]] = [bindparam(f"content{place}") for place in range(places)]
    return (
        select(_document.rank)
        .where(or_(_document.live_unique_id.in_(ids), _document.live_content.in_(contents)))
        .limit(1)
    )


def _whole(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row with every column of its table: what is not given is not known yet."""
    return dict.fromkeys(table.c.keys()) | dict(values)

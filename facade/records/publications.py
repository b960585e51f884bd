"""The ledger of publications: what this facade sent, is sending, or may have sent to the DMP (EXI 05).

A publication is reserved before it is sent, so that the same document cannot be sent twice by two requests, two
workers or two hosts. What is kept of a document: its ids, type, hash and size. One reservation is one lot (TD2.1):
all of its documents or none.

State of a reservation: ``pending`` (being sent), ``stored``, ``failed`` (certainly not stored), ``unknown`` (sent, but
no answer that can be trusted: the DMP must be asked before anything else is done). A pending one that is older than
its sender can live is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from facade.domain.ins import INS
from facade.records.engine import Collided, Database
from facade.records.fed import Fed, fed_into
from facade.records.ledger import (
    blockers,
    insert_reservation,
    load,
    move,
    note_logical_ids,
    release,
    revive,
    settle_stored,
)
from facade.records.ledger_usual import UsualCourse
from facade.records.prepared import Prepared
from facade.records.reservations import (
    NaturalForm,
    Published,
    Request,
    Reservation,
    State,
    ToSend,
    duplicate_content,
    duplicate_unique_id,
    in_progress,
    key_mismatch,
)
from facade.records.schema import publications, submissions

_ATTEMPTS = 3


class Publications:
    """The ledger. Every method raises RecordsUnavailable when the database cannot be used.

    ``pending_for`` must be longer than the longest time a publication can take, timeouts and retries included.
    """

    def __init__(self, database: Database, *, pending_for: timedelta = timedelta(minutes=5)) -> None:
        self._database = database
        self._pending_for = pending_for
        self._usual = UsualCourse(database)
        self._forms: dict[int, Prepared] = {}  # by how many documents it asks for, a power of two

    def reserve(self, to_send: Sequence[ToSend], request: Request, *, now: datetime, lot: str = "") -> Reservation:
        """Reserve the documents of one lot before they are sent.

        Returns a reservation that is ``pending``: send it; ``stored`` and a replay: this request was already served,
        answer it as the first time; ``unknown``: an earlier one is in the way and the DMP must be asked what became
        of it, then mark it and reserve again.
        Raises Conflict: ``publication.duplicate-unique-id``, ``publication.duplicate-content``,
        ``publication.in-progress``, ``publication.idempotency-mismatch``.
        """
        _refuse_twins(to_send)
        for _ in range(_ATTEMPTS):
            try:
                if reservation := self._usual.reserve(to_send, request, now=now, lot=lot):
                    return reservation
                with self._database.writing() as connection:
                    earlier = self._earlier(connection, to_send, request, now)
                    return earlier or insert_reservation(connection, to_send, request, now=now, lot=lot)
            except (IntegrityError, Collided):
                continue  # another process reserved between the look and the insert: look again
        raise in_progress()

    def mark_stored(self, reservation_id: str, logical_ids: Mapping[str, str], *, now: datetime, lot: str = "") -> None:
        """The DMP has the lot; ``logical_ids`` by uniqueId. Holds even for one that was thought to have failed."""
        if self._usual.mark_stored(reservation_id, logical_ids, now=now, lot=lot):
            return
        with self._database.writing() as connection:
            settle_stored(connection, reservation_id, now, lot)
            note_logical_ids(connection, reservation_id, logical_ids)
            revive(connection, reservation_id)

    def mark_failed(self, reservation_id: str, *, now: datetime) -> None:
        """Certainly not stored: its documents, and its Idempotency-Key, may be used again."""
        with self._database.writing() as connection:
            if move(connection, reservation_id, State.FAILED, now):
                release(connection, reservation_id)

    def mark_unknown(self, reservation_id: str, *, now: datetime) -> None:
        """It may or may not be stored. Its documents stay reserved until somebody has asked the DMP."""
        with self._database.writing() as connection:
            move(connection, reservation_id, State.UNKNOWN, now)

    def replacing(self, reservation_id: str, replaced: Mapping[str, str]) -> None:
        """Before it is sent: which document each one of the lot replaces, uniqueId by uniqueId."""
        document = publications.c
        with self._database.writing() as connection:
            for unique_id, old in replaced.items():
                mine = (document.submission_id == reservation_id, document.unique_id == unique_id)
                connection.execute(update(publications).where(*mine).values(replaces=old))

    def fed_into(self, structure_id: str, patient: INS) -> list[Fed]:
        """What a structure fed into a record, last fed first; whatever was withdrawn or replaced since, too."""
        with self._database.reading() as connection:
            return fed_into(connection, structure_id, patient)

    def withdrawn(self, unique_id: str, *, now: datetime) -> None:
        """The document was withdrawn from the DMP: it may be published again. Unknown ids are ignored."""
        with self._database.writing() as connection:
            connection.execute(
                update(publications)
                .where(publications.c.live_unique_id == unique_id)
                .values(live_unique_id=None, live_content=None, withdrawn_at=now)
            )

    def own(
        self, structure_id: str, *, caller_id: str = "", logical_id: str = "", unique_id: str = ""
    ) -> Published | None:
        """A document in force that this structure (and this caller, where given) published here, by one of its ids."""
        found = publications.c
        query = (
            select(found.unique_id, found.logical_id, found.patient_oid, found.patient_value)
            .join_from(publications, submissions)
            .where(
                found.live_unique_id.is_not(None),
                submissions.c.state == State.STORED.value,
                submissions.c.structure_id == structure_id,
                found.unique_id == unique_id if unique_id else found.logical_id == logical_id,
            )
        )
        if caller_id:
            query = query.where(submissions.c.caller_id == caller_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            return Published(row.unique_id, row.logical_id, INS.of(row.patient_oid, row.patient_value)) if row else None

    def published_by(self, caller_id: str, patient: INS, unique_id: str) -> str:
        """The logicalId of a live document this caller published here for a patient; empty when there is none."""
        found = publications.c
        query = (
            select(found.logical_id)
            .join_from(publications, submissions)
            .where(
                found.live_unique_id == unique_id,
                found.patient_oid == patient.kind.value,
                found.patient_value == patient.value,
                submissions.c.caller_id == caller_id,
                submissions.c.state == State.STORED.value,
            )
        )
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one_or_none() or ""

    def natural_forms(self, unique_ids: Iterable[str]) -> dict[str, NaturalForm]:
        """For the documents published here: media type, SHA-1 and size of what was handed in, and since when."""
        wanted = list(unique_ids)
        if not wanted:
            return {}
        places = 1 << (len(wanted) - 1).bit_length()
        query = self._forms.get(places)
        if query is None:
            query = self._forms[places] = self._database.prepare(_forms(places))
        # What is asked for twice is found once.
        asked = {f"id{place}": wanted[min(place, len(wanted) - 1)] for place in range(places)}
        return {row[0]: NaturalForm(*row[1:]) for row in self._database.rows(query, asked)}

    def _earlier(
        self, connection: Connection, to_send: Sequence[ToSend], request: Request, now: datetime
    ) -> Reservation | None:
        same_key = self._same_key(connection, request, now)
        if same_key is not None:
            return same_key
        unsettled: str | None = None
        sending = False
        for blocker in blockers(connection, to_send):
            match self._present(blocker.state, blocker.reserved_at, now):
                case State.UNKNOWN:
                    unsettled = blocker.submission_id
                case State.PENDING:
                    sending = True
                case _ if any(one.unique_id == blocker.unique_id for one in to_send):
                    raise duplicate_unique_id(blocker.unique_id)
                case _:
                    raise duplicate_content(blocker.unique_id)
        if sending:
            raise in_progress()
        return self._unknown(connection, unsettled, now) if unsettled else None

    def _same_key(self, connection: Connection, request: Request, now: datetime) -> Reservation | None:
        if not request.idempotency_key:
            return None
        query = select(submissions).where(submissions.c.key_digest == request.key_digest)
        rows = connection.execute(query).all()
        if any(row.fingerprint != request.fingerprint for row in rows):
            raise key_mismatch()
        live = next((row for row in rows if row.live_key is not None), None)
        if live is None:
            return None
        state = self._present(State(live.state), live.reserved_at, now)
        if state is State.PENDING:
            raise in_progress()
        if state is State.UNKNOWN:
            return self._unknown(connection, live.id, now)
        return load(connection, live.id, State.STORED, replay=True)

    def _present(self, state: State, reserved_at: datetime, now: datetime) -> State:
        if state is State.PENDING and reserved_at <= now - self._pending_for:
            return State.UNKNOWN
        return state

    def _unknown(self, connection: Connection, submission_id: str, now: datetime) -> Reservation:
        move(connection, submission_id, State.UNKNOWN, now)
        return load(connection, submission_id, State.UNKNOWN)


def _forms(places: int) -> Select[Any]:
    """The natural forms of so many documents, ``id0`` and so on."""
    found = publications.c
    columns = (found.live_unique_id, found.media_type, found.sha1, found.size, submissions.c.settled_at)
    asked: list[BindParameter[str]] = [bindparam(f"id{place}") for place in range(places)]
    return select(*columns).join_from(publications, submissions).where(found.live_unique_id.in_(asked))


def _refuse_twins(to_send: Sequence[ToSend]) -> None:
    seen_ids: set[str] = set()
    seen_contents: dict[str, str] = {}
    for one in to_send:
        if one.unique_id in seen_ids:
            raise duplicate_unique_id(one.unique_id)
        if one.content in seen_contents:
            raise duplicate_content(seen_contents[one.content])
        seen_ids.add(one.unique_id)
        seen_contents[one.content] = one.unique_id

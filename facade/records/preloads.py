"""Preloads at rest: orders, who is fetching them, the sealed documents, and their removal (EXI 11, EXI 12).

An order is fetched by one process at a time, of any host: it takes a lease in the database and renews it with each
document. A process that dies leaves a lease that ends; the next one begins the order again. What was kept is given
out only while the order is ready and not expired, and is deleted, not marked, when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, update

from facade.domain.ins import INS
from facade.domain.preload import Kept, PreloadOrder
from facade.records import preload_uses as uses
from facade.records.engine import Database
from facade.records.preload_states import OPEN, Claim, Limits, Preload, Room, State
from facade.records.schema import preloaded_documents as documents
from facade.records.schema import preloads as table
from facade.records.vault import Vault

_ORDER = TypeAdapter(PreloadOrder)
_KEPT = TypeAdapter(Kept)


class Preloads:
    """The preloads. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def place(
        self, preload_id: str, order: PreloadOrder, *, due: datetime | None, closes: datetime, now: datetime, most: int
    ) -> int:
        """Record an order and return the patients of its 24 hours; above ``most`` nothing is recorded."""
        person, keys = order.caller.id, self._patient_keys(order.patient)
        row = {
            "id": preload_id,
            "person_id": person,
            "structure_id": order.caller.structure.id,
            "patient_key": keys[0],
            "sealed": self._vault.seal(_ORDER.dump_json(order), f"order {preload_id}"),
            "state": State.WAITING,
            "due": due,
            "closes": closes,
            "recorded": now,
            "attempts": 0,
            "outcome": "",
        }
        with self._database.writing() as connection:
            self._database.lock(connection, f"preload {person}")
            patients = uses.planned_patients(connection, person, keys, due or now)
            if patients <= most:
                connection.execute(insert(table), row)
            return patients

    def get(self, preload_id: str) -> Preload | None:
        """One preload, None when there is none or when no key opens it."""
        with self._database.reading() as connection:
            row = connection.execute(_select().where(table.c.id == preload_id)).first()
        return None if row is None else self._preload(row)

    def of_person(self, person_id: str, structure_id: str) -> list[Preload]:
        """The preloads of one professional in one structure, the latest order first."""
        wanted = _select().where(table.c.person_id == person_id, table.c.structure_id == structure_id)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(table.c.recorded.desc(), table.c.id)).all()
        return [found for row in rows if (found := self._preload(row)) is not None]

    def due(self, now: datetime, limit: int) -> list[str]:
        """The orders to be fetched now, also those whose process died, the longest due first."""
        query = select(table.c.id).where(_claimable(now), table.c.due <= now, table.c.closes > now)
        with self._database.reading() as connection:
            return list(connection.execute(query.order_by(table.c.due, table.c.id).limit(limit)).scalars())

    def claim(
        self, preload_id: str, holder: str, *, now: datetime, lease: timedelta, expires: datetime
    ) -> Claim | None:
        """Take the right to fetch an order, None when somebody else has it or it is not to be fetched.

        What a fetch that did not come to its end kept is removed; ``expires`` holds for what this one keeps.
        """
        values = {"state": State.FETCHING, "holder": holder, "leased_until": now + lease, "expires": expires}
        with self._database.writing() as connection:
            taken = update(table).where(table.c.id == preload_id, _claimable(now))
            if connection.execute(taken.values(attempts=table.c.attempts + 1, **values)).rowcount == 0:
                return None
            connection.execute(delete(documents).where(documents.c.preload_id == preload_id))
            row = connection.execute(_select().where(table.c.id == preload_id)).one()
        found = self._preload(row)
        return None if found is None else Claim(found, holder)

    def count(
        self, claim: Claim, logical_ids: Sequence[str], *, now: datetime, since: datetime, limits: Limits
    ) -> Room:
        """Count this patient and as many of the documents as there is room for, the first ones first."""
        order = claim.preload.order
        person, keys = order.caller.id, self._patient_keys(order.patient)
        with self._database.writing() as connection:
            self._database.lock(connection, f"preload {person}")
            patients = uses.patients_lately(connection, person, keys, now)
            already = uses.documents_lately(connection, person, keys, since)
            if patients > limits.patients:
                return Room(patients, len(already), ())
            kept, room = [], limits.documents - len(already)
            for logical_id in logical_ids:
                known = not already.isdisjoint(self._document_keys(logical_id))
                if known or room > 0:
                    kept.append(logical_id)
                    room -= not known
            uses.note(connection, person, keys[0], [self._document_keys(each)[0] for each in kept], now)
            return Room(patients, len(already), tuple(kept))

    def keep(self, claim: Claim, rank: int, kept: Kept, *, now: datetime, lease: timedelta) -> bool:
        """Keep one document and renew the lease; False when the order was taken or ended meanwhile: nothing is kept."""
        preload_id, key = claim.preload.id, self._document_keys(kept.entry.logical_id)[0]
        about = f"document {preload_id} {key}"
        described = Kept(kept.dossier, kept.entry, kept.mime_type)
        row = {
            "preload_id": preload_id,
            "document_key": key,
            "rank": rank,
            "sealed": self._vault.seal(_KEPT.dump_json(described), about),
            "content": None if kept.content is None else self._vault.seal(kept.content, f"content of {about}"),
        }
        with self._database.writing() as connection:
            mine = update(table).where(_held_by(claim)).values(leased_until=now + lease)
            if connection.execute(mine).rowcount == 0:
                return False
            connection.execute(insert(documents), row)
            return True

    def done(self, claim: Claim, *, fetched: datetime, matched: int) -> bool:
        """All documents are kept: the preload is ready. False when it was taken or ended meanwhile."""
        values = {"state": State.READY, "fetched": fetched, "matched": matched, "outcome": ""}
        return self._release(claim, values)

    def put_back(self, claim: Claim, *, due: datetime | None, outcome: str) -> bool:
        """The fetch did not succeed and is tried again when due."""
        return self._release(claim, {"state": State.WAITING, "due": due, "outcome": outcome, "expires": None})

    def fail(self, claim: Claim, *, outcome: str, now: datetime) -> bool:
        """The fetch was refused: it is not tried again."""
        return self._release(claim, {"state": State.FAILED, "outcome": outcome, "settled": now})

    def documents(self, preload: Preload) -> list[Kept]:
        """What a ready preload keeps, without the contents, in order."""
        return [kept for row in self._rows(preload.id) if (kept := self._kept(row)) is not None]

    def document(self, preload: Preload, logical_id: str) -> Kept | None:
        """One document of a preload with its content, None when it keeps none of this id."""
        wanted = documents.c.document_key.in_(self._document_keys(logical_id))
        row = next(iter(self._rows(preload.id, wanted, content=True)), None)
        return None if row is None else self._kept(row)

    def end(self, preload_id: str, state: State, now: datetime, outcome: str = "") -> None:
        """Remove the documents of a preload, fetched or being fetched."""
        with self._database.writing() as connection:
            _settle(connection, [preload_id], state, now, outcome)
        self._database.wipe()

    def delete(self, preload_id: str) -> None:
        """Remove a preload and its documents."""
        with self._database.writing() as connection:
            connection.execute(delete(documents).where(documents.c.preload_id == preload_id))
            connection.execute(delete(table).where(table.c.id == preload_id))
        self._database.wipe()

    def forget(self, patient: INS, now: datetime, outcome: str, *, person_id: str = "", structure_id: str = "") -> int:
        """End the preloads of a patient, of one person or structure where that is given; how many there were."""
        wanted: list[ColumnElement[bool]] = [table.c.patient_key.in_(self._patient_keys(patient))]
        wanted += [table.c.state.in_(OPEN)]
        wanted += [table.c.person_id == person_id] if person_id else []
        wanted += [table.c.structure_id == structure_id] if structure_id else []
        return self._end_all(and_(*wanted), State.FAILED, now, outcome)

    def forget_document(self, logical_id: str) -> int:
        """Remove every copy of one document: what may be seen of it has changed."""
        wanted = documents.c.document_key.in_(self._document_keys(logical_id))
        with self._database.reading() as connection:
            if connection.execute(select(documents.c.rank).where(wanted)).first() is None:
                return 0
        with self._database.writing() as connection:
            removed = connection.execute(delete(documents).where(wanted)).rowcount
        self._database.wipe()
        return removed

    def sweep(self, now: datetime, keep_settled: timedelta) -> int:
        """Remove all that is over: documents past their time, orders nobody fetched, what was settled long ago.

        Nothing needs to be opened for it. How many preloads were ended is returned.
        """
        late = and_(
            table.c.state.in_((State.WAITING, State.FETCHING)), table.c.closes <= now, table.c.expires.is_(None)
        )
        old = and_(table.c.state.in_(OPEN), table.c.expires <= now)
        ended = self._end_all(or_(late, old), State.EXPIRED, now, "")
        settled = and_(table.c.state.not_in(OPEN), table.c.settled <= now - keep_settled)
        with self._database.reading() as connection:
            shells = list(connection.execute(select(table.c.id).where(settled)).scalars())
        if shells:
            with self._database.writing() as connection:
                connection.execute(delete(table).where(table.c.id.in_(shells)))
        uses.forget_before(self._database, now - max(keep_settled, timedelta(days=1)))
        return ended

    def _end_all(self, wanted: ColumnElement[bool], state: State, now: datetime, outcome: str) -> int:
        # Most often there is nothing to end: then nobody's writing is made to wait.
        with self._database.reading() as connection:
            found = list(connection.execute(select(table.c.id).where(wanted)).scalars())
        if not found:
            return 0
        with self._database.writing() as connection:
            _settle(connection, found, state, now, outcome)
        self._database.wipe()
        return len(found)

    def _release(self, claim: Claim, values: dict[str, Any]) -> bool:
        with self._database.writing() as connection:
            released = update(table).where(_held_by(claim)).values(holder=None, leased_until=None, **values)
            if connection.execute(released).rowcount == 0:
                return False
            if values["state"] is not State.READY:
                connection.execute(delete(documents).where(documents.c.preload_id == claim.preload.id))
            return True

    def _rows(self, preload_id: str, wanted: ColumnElement[bool] | None = None, *, content: bool = False) -> list[Any]:
        columns = (documents.c.preload_id, documents.c.document_key, documents.c.sealed)
        query = select(*columns, *((documents.c.content,) if content else ()))
        query = query.where(documents.c.preload_id == preload_id).order_by(documents.c.rank)
        with self._database.reading() as connection:
            return list(connection.execute(query if wanted is None else query.where(wanted)))

    def _preload(self, row: Row[Any]) -> Preload | None:
        plain = self._vault.open(row.sealed, f"order {row.id}")
        if plain is None:
            return None
        return Preload(
            row.id,
            _ORDER.validate_json(plain),
            State(row.state),
            row.due,
            row.closes,
            row.recorded,
            row.fetched,
            row.expires,
            row.settled,
            row.matched,
            row.outcome,
            row.attempts,
            row.held,
        )

    def _kept(self, row: Any) -> Kept | None:
        about = f"document {row.preload_id} {row.document_key}"
        plain = self._vault.open(row.sealed, about)
        if plain is None:
            return None
        kept = _KEPT.validate_json(plain)
        sealed = getattr(row, "content", None)
        content = None if sealed is None else self._vault.open(sealed, f"content of {about}")
        return Kept(kept.dossier, kept.entry, kept.mime_type, content)

    def _patient_keys(self, patient: INS) -> list[str]:
        return self._vault.names("patient", patient.kind.value, patient.value)

    def _document_keys(self, logical_id: str) -> list[str]:
        return self._vault.names("document", logical_id)


def _select() -> Select[Any]:
    held = select(func.count()).where(documents.c.preload_id == table.c.id).scalar_subquery()
    return select(table, held.label("held"))


def _claimable(now: datetime) -> ColumnElement[bool]:
    orphaned = and_(table.c.state == State.FETCHING, table.c.leased_until <= now)
    return or_(table.c.state == State.WAITING, orphaned)


def _held_by(claim: Claim) -> ColumnElement[bool]:
    return and_(table.c.id == claim.preload.id, table.c.state == State.FETCHING, table.c.holder == claim.holder)


def _settle(connection: Connection, ids: Sequence[str], state: State, now: datetime, outcome: str) -> None:
    connection.execute(delete(documents).where(documents.c.preload_id.in_(ids)))
    values = {"state": state, "settled": now, "outcome": outcome, "holder": None, "leased_until": None}
    connection.execute(update(table).where(table.c.id.in_(ids), table.c.state.in_(OPEN)).values(**values))

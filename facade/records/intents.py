"""What is about to be changed, kept until its trace is written: whenever its process dies, a change leaves one.

An intent is the trace its act leaves if nobody is there to write it: durable before the change, removed by the very
transaction that writes the traces of the act (``Traces.append``). One that is left becomes a trace of outcome
``unknown`` (référentiel DMP, EXI 18: every access and every change leaves a trace).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from facade.records.chain_writer import ChainWriter
from facade.records.engine import Database
from facade.records.prepared import Cursor
from facade.records.schema import intents as table
from facade.records.traces import UNKNOWN, Trace, columns_of

_AT_ONCE = 200
_ACT = [column for column in table.c if column.name not in ("id", "rank", "since")]
_NAMES = [column.name for column in _ACT]
_WRITE = insert(table)
_RENEW = update(table).where(table.c.id == bindparam("request")).values(since=bindparam("seen"))
_SILENT = table.c.since <= bindparam("before")
_LEFT = select(func.count()).select_from(table).where(_SILENT)
_ORDER = (table.c.since, table.c.id, table.c.rank)
# FOR UPDATE: none of them is renewed meanwhile.
_OLDEST = select(table.c.id, table.c.rank, *_ACT).where(_SILENT).order_by(*_ORDER).limit(_AT_ONCE).with_for_update()
_FORGET = delete(table).where(table.c.id == bindparam("request"), table.c.rank == bindparam("place"))


class Intents:
    """The table of intents. Every method raises RecordsUnavailable when the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._chain = ChainWriter(database)
        self._write, self._renew = database.prepare(_WRITE), database.prepare(_RENEW)
        self._left, self._oldest = database.prepare(_LEFT), database.prepare(_OLDEST)
        self._forget = database.prepare(_FORGET)

    def declare(self, intent_id: str, traces: Sequence[Trace], *, now: datetime, first: int = 0) -> None:
        """Keep what one request is about to do, beside the ``first`` intents it has; durable when this returns."""
        acts = [{**columns_of(trace), "outcome": UNKNOWN, "outcome_code": ""} for trace in traces]

        def write(cursor: Cursor) -> None:
            for rank, act in enumerate(acts, first):
                self._write.execute(cursor, {**act, "id": intent_id, "rank": rank, "since": now})

        self._database.together(write)

    def renew(self, intent_id: str, *, now: datetime) -> None:
        """The process of this request is alive."""
        # In a transaction of its own: the row must not be held while one waits for the end of the chain (``settle``).
        with self._database.writing_prepared() as cursor:
            self._renew.execute(cursor, {"request": intent_id, "seen": now})

    def settle(self, before: datetime) -> int:
        """Make a trace of every intent whose process was not heard of since ``before``; return how many.

        Whoever comes second waits for the end of the chain and finds none left, on whatever host it is.
        """
        settled = 0
        # Asked without a lock: there is nothing nearly always.
        while self._database.rows(self._left, {"before": before})[0][0]:
            with self._database.writing_prepared() as cursor:
                head = self._chain.take_head(cursor)
                found = self._oldest.rows(cursor, {"before": before})
                if not found:
                    break
                self._chain.append(cursor, head, (dict(zip(_NAMES, row[2:], strict=True)) for row in found))
                for intent_id, rank, *_ in found:
                    self._forget.execute(cursor, {"request": intent_id, "place": rank})
            settled += len(found)
        return settled

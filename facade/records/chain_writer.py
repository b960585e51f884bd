"""The one way onto the end of the chain of traces, inside a transaction that its caller began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from facade.records.chain import ChainHead, Content, link_hash
from facade.records.engine import Database
from facade.records.prepared import Cursor
from facade.records.schema import trace_head, traces

# Built once: a trace is written for every request.
_WRITE = insert(traces)
_ADVANCE = update(trace_head).where(trace_head.c.id == 1).values(seq=bindparam("last"), hash=bindparam("digest"))
HEAD = select(trace_head.c.seq, trace_head.c.hash).where(trace_head.c.id == 1)
# FOR UPDATE makes PostgreSQL's writers queue here; SQLite has none and needs none after BEGIN IMMEDIATE.
LOCKED_HEAD = HEAD.with_for_update()


class ChainWriter:
    """Appends traces. Whoever has taken the head lets no other writer in until its transaction ends."""

    def __init__(self, database: Database) -> None:
        self._head = database.prepare(LOCKED_HEAD)
        self._write = database.prepare(_WRITE)
        self._advance = database.prepare(_ADVANCE)

    def take_head(self, cursor: Cursor) -> ChainHead:
        """The end of the chain, held until the transaction ends."""
        return ChainHead(*self._head.rows(cursor, {})[0])

    def append(self, cursor: Cursor, head: ChainHead, acts: Iterable[Mapping[str, Any]]) -> int:
        """Write these acts, given as columns, after a head that was taken; the number of the last one."""
        for columns in acts:
            seq = head.seq + 1
            digest = link_hash(head.hash, content(seq, columns))
            self._write.execute(cursor, {**columns, "seq": seq, "previous": head.hash, "hash": digest})
            head = ChainHead(seq, digest)
        self._advance.execute(cursor, {"last": head.seq, "digest": head.hash})
        return head.seq


def content(seq: int, columns: Mapping[str, Any]) -> Content:
    """What is hashed of a trace: its columns and its number."""
    return {"seq": seq, **columns, "time": columns["time"].isoformat(timespec="microseconds")}

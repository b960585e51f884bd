"""The use of the database, seen from outside: connections in use, and a span for each transaction."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import QueuePool

from facade.observability import metrics, spans

_SPAN = "dmp_facade.span"


def watch(engine: Engine) -> None:
    """Show the use of an engine's pool; make spans of its transactions where spans are exported."""
    pool = engine.pool
    if isinstance(pool, QueuePool):
        # As many again may be opened when all are in use: ``facade.records.dialects``.
        metrics.show_database_limit(pool.size() * 2)
        event.listen(pool, "checkout", lambda *_: metrics.connection_taken())
        event.listen(pool, "checkin", lambda *_: metrics.connection_given_back())
    if spans.exporting():
        event.listen(engine, "begin", _begin)
        event.listen(engine, "commit", _end)
        event.listen(engine, "rollback", _end)


def _begin(connection: Connection) -> None:
    opened: AbstractContextManager[Any] = spans.span("database transaction", "CLIENT")
    opened.__enter__().tell("db.system.name", connection.dialect.name)
    connection.info[_SPAN] = opened


def _end(connection: Connection) -> None:
    opened = connection.info.pop(_SPAN, None)
    if opened is not None:
        opened.__exit__(None, None, None)

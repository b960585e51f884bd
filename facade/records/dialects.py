"""What differs between SQLite and PostgreSQL, and nothing else: connecting, beginning, and taking the one lock.

SQLite: WAL, synchronous=FULL (an acknowledged trace survives a power cut), foreign keys, BEGIN IMMEDIATE for writers.
PostgreSQL: psycopg 3 (optional dependency), READ COMMITTED, an advisory lock held until the transaction ends.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import QueuePool

from facade.records.prepared import Cursor

_IMMEDIATE = "facade_immediate"
_BEGIN_IMMEDIATE = "BEGIN IMMEDIATE"
_MIGRATION_LOCK = 0x646D70666163  # any constant no other application of the same PostgreSQL database uses
_WAL_ATTEMPTS = 100
_POOL_WAIT = 10.0


class Dialect(Protocol):
    """One database product: how it is connected to and how its transactions begin."""

    engine: Engine
    file: Path | None

    def turn(self) -> threading.Lock | None:
        """The lock that lets this process's writers in one by one, None where the database queues them itself."""

    def writer(self, connection: Connection) -> Connection:
        """The connection, set so that its next transaction is one that writes."""

    def begin_writing(self, cursor: Cursor) -> None:
        """The same for a cursor of the driver: begin a transaction that writes."""

    def snapshot(self, connection: Connection) -> Connection:
        """The connection, set so that its next transaction sees one state of the database throughout."""

    def lock_migrations(self, connection: Connection) -> None:
        """Wait, inside a writing transaction, until no other process is migrating."""


def connect(url: str, *, pool_size: int, busy_timeout: float) -> Dialect:
    """The dialect of a database URL (``sqlite:///path`` or ``postgresql://...``). Raises ValueError for any other."""
    parsed = make_url(url)
    product = parsed.get_backend_name()
    if product == "sqlite":
        return _Sqlite(parsed, pool_size, busy_timeout)
    if product in ("postgresql", "postgres"):
        return _Postgresql(parsed, pool_size, busy_timeout)
    raise ValueError(f"the database must be SQLite or PostgreSQL, not {product}")


class _Sqlite:
    def __init__(self, url: URL, pool_size: int, busy_timeout: float) -> None:
        if not url.database or url.database == ":memory:":
            raise ValueError("a SQLite database is a file: an in-memory one cannot be shared between threads")
        self._busy_timeout = busy_timeout
        self._turn = threading.Lock()
        self.file: Path | None = Path(url.database).absolute()
        _create_private(self.file)
        self.engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_POOL_WAIT,
            connect_args={"timeout": busy_timeout, "check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)

    def turn(self) -> threading.Lock | None:
        return self._turn

    def writer(self, connection: Connection) -> Connection:
        return connection.execution_options(**{_IMMEDIATE: True})

    def begin_writing(self, cursor: Cursor) -> None:
        cursor.execute(_BEGIN_IMMEDIATE)

    def snapshot(self, connection: Connection) -> Connection:
        return connection

    def lock_migrations(self, connection: Connection) -> None:
        """Nothing to do: BEGIN IMMEDIATE already let nobody else write."""

    def _prepare(self, raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None  # the driver must not begin transactions on its own: ``_begin`` does
        raw.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        _switch_to_wal(raw)
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")


def _create_private(path: Path) -> None:
    # The file holds identities: only its owner may read it. WAL and shared-memory files inherit its mode.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        return  # the first connection reports it, as every other trouble with the file


def _switch_to_wal(raw: sqlite3.Connection) -> None:
    # SQLite does not wait for its busy timeout while the journal mode changes, so several processes that open
    # a new file at once are told SQLITE_BUSY; once changed, the mode stays with the file.
    for _ in range(_WAL_ATTEMPTS):
        try:
            if raw.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        time.sleep(0.05)
    raise sqlite3.OperationalError("the SQLite file could not be switched to WAL")


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql(_BEGIN_IMMEDIATE if immediate else "BEGIN")


class _Postgresql:
    def __init__(self, url: URL, pool_size: int, busy_timeout: float) -> None:
        self.file: Path | None = None
        milliseconds = int(busy_timeout * 1000)
        options: dict[str, Any] = {"options": f"-c lock_timeout={milliseconds} -c timezone=UTC"}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_POOL_WAIT,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, **options},
            hide_parameters=True,
        )

    def turn(self) -> threading.Lock | None:
        return None

    def writer(self, connection: Connection) -> Connection:
        return connection

    def begin_writing(self, cursor: Cursor) -> None:
        """Nothing to do: the driver begins a transaction with its first statement."""

    def snapshot(self, connection: Connection) -> Connection:
        return connection.execution_options(isolation_level="REPEATABLE READ")

    def lock_migrations(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})


@contextmanager
def in_turn(dialect: Dialect, patience: float) -> Iterator[None]:
    """Hold this process's place among its own writers. Raises TimeoutError when it does not come in time."""
    turn = dialect.turn()
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=patience):
        raise TimeoutError("the writers before this one did not finish in time")
    try:
        yield
    finally:
        turn.release()

"""What differs between SQLite and PostgreSQL, and nothing else: connecting, beginning, and who may go alone.

SQLite: WAL, synchronous=FULL (an acknowledged trace survives a power cut), foreign keys, BEGIN IMMEDIATE for writers.
PostgreSQL: psycopg 3 (optional dependency), READ COMMITTED, advisory locks held until the transaction ends. A host that
vanishes with a lock loses it: the server drops a silent or idle transaction, and the kernel a silent connection.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import QueuePool

from facade.records.prepared import Cursor

_IMMEDIATE = "facade_immediate"
_BEGIN_IMMEDIATE = "BEGIN IMMEDIATE"
_WAL_ATTEMPTS = 100
# Dead peers are noticed after about a minute, on both sides.
_IDLE, _INTERVAL, _COUNT = 30, 10, 3


class Lock(IntEnum):
    """What one process does alone; values no other application of the same PostgreSQL database uses."""

    MIGRATION = 0x646D70666163
    PAIRINGS = 0x646D70666164


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

    def alone(self, connection: Connection, lock: Lock) -> None:
        """Wait, inside a writing transaction and as long as it takes, until no other process holds this lock."""

    def lock(self, connection: Connection, name: str) -> None:
        """Wait, inside a writing transaction, for the one lock of this name; it is held until the transaction ends."""

    def wipe(self) -> None:
        """Overwrite what was deleted, as far as the product lets its client do that."""


def connect(url: str, *, pool_size: int, busy_timeout: float, statement_timeout: float) -> Dialect:
    """The dialect of a database URL (``sqlite:///path`` or ``postgresql://...``). Raises ValueError for any other."""
    parsed = make_url(url)
    product = parsed.get_backend_name()
    if product == "sqlite":
        return _Sqlite(parsed, pool_size, busy_timeout)
    if product in ("postgresql", "postgres"):
        return _Postgresql(parsed, pool_size, busy_timeout, statement_timeout)
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
            max_overflow=0,
            pool_timeout=busy_timeout,
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

    def alone(self, connection: Connection, lock: Lock) -> None:
        """Nothing to do: BEGIN IMMEDIATE already let nobody else write."""

    def lock(self, connection: Connection, name: str) -> None:
        """Nothing to do, for the same reason."""

    def wipe(self) -> None:
        """Empty the write-ahead log, where deleted pages would otherwise stay until it comes round again.

        While somebody reads it cannot be cut: the next time will do, nobody waits for it.
        """
        raw = self.engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
            cursor.close()
        finally:
            raw.close()

    def _prepare(self, raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None  # the driver must not begin transactions on its own: ``_begin`` does
        raw.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        _switch_to_wal(raw)
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten with zeros, not only unlinked.
        raw.execute("PRAGMA secure_delete = ON")


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
    def __init__(self, url: URL, pool_size: int, busy_timeout: float, statement_timeout: float) -> None:
        self.file: Path | None = None
        session = {
            "timezone": "UTC",
            "lock_timeout": int(busy_timeout * 1000),
            "statement_timeout": int(statement_timeout * 1000),
            "idle_in_transaction_session_timeout": int(statement_timeout * 1000),
            "tcp_keepalives_idle": _IDLE,
            "tcp_keepalives_interval": _INTERVAL,
            "tcp_keepalives_count": _COUNT,
        }
        connecting: dict[str, Any] = {
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
            "connect_timeout": 5,
            "keepalives_idle": _IDLE,
            "keepalives_interval": _INTERVAL,
            "keepalives_count": _COUNT,
            "tcp_user_timeout": (_IDLE + _INTERVAL * _COUNT) * 1000,
        }
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=busy_timeout,
            pool_pre_ping=True,
            connect_args=connecting,
            hide_parameters=True,
        )
        event.listen(self.engine, "connect", _durable)

    def turn(self) -> threading.Lock | None:
        return None

    def writer(self, connection: Connection) -> Connection:
        return connection

    def begin_writing(self, cursor: Cursor) -> None:
        """Nothing to do: the driver begins a transaction with its first statement."""

    def snapshot(self, connection: Connection) -> Connection:
        return connection.execution_options(isolation_level="REPEATABLE READ")

    def alone(self, connection: Connection, lock: Lock) -> None:
        for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock.value})

    def lock(self, connection: Connection, name: str) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def wipe(self) -> None:
        """Nothing a client can do inside its rights: VACUUM frees the rows, and what is in them is sealed."""


def _durable(raw: Any, _record: object) -> None:
    # A trace that was acknowledged survives the server's end, whatever the server does for others; a setting that
    # waits for more than the server's own disk (remote_apply) is left as it is.
    with raw.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
    raw.commit()


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

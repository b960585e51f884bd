"""Opening, migrating and closing the database, and the three kinds of transaction the other modules use."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Connection, Engine, select, text
from sqlalchemy.engine.interfaces import DBAPIModule
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from facade.domain.errors import FacadeError, Problem
from facade.records.dialects import Dialect, Lock, connect, in_turn
from facade.records.prepared import Cursor, Prepared, Values
from facade.records.schema import trace_head
from facade.records.together import OneAtFault, Together

Result = TypeVar("Result")

_MIGRATIONS = Path(__file__).parent / "migrations"
# The files are named after their revisions: rev_0001_what_it_does.py.
_REVISIONS = sorted(path.name.split("_")[1] for path in (_MIGRATIONS / "versions").glob("rev_*.py"))
_EARLIER = frozenset({None, *_REVISIONS[:-1]})
_RETRY_AFTER = 5
_LOOK_AGAIN = 0.5
# serialization_failure and deadlock_detected (PostgreSQL, appendix A).
_COLLISIONS = ("40001", "40P01")


class RecordsUnavailable(FacadeError):
    """The database cannot be used now: nothing was written. ``cause`` is the driver's code, never a value."""

    def __init__(self, cause: str) -> None:
        super().__init__(Problem("records.unavailable"), retry_after=_RETRY_AFTER)
        self.cause = cause


class Collided(RecordsUnavailable, OneAtFault):
    """Two transactions were in each other's way and this one was undone: it may be tried again at once."""


class Unwritable(RecordsUnavailable, OneAtFault):
    """A value that the database does not take: what PostgreSQL says of a NUL or of a text that is too long."""


class Database:
    """The facade's own database. Open it after forking: connections do not cross a fork."""

    def __init__(self, dialect: Dialect, *, patience: float) -> None:
        self._dialect = dialect
        self._patience = patience
        self._driver = dialect.engine.dialect.loaded_dbapi
        self._together = Together(self.writing_prepared)

    @property
    def engine(self) -> Engine:
        """To watch how the database is used from outside; transactions are made by the methods below."""
        return self._dialect.engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises RecordsUnavailable."""
        with _trouble_named(self._driver), self._dialect.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that reads one state of the database throughout. Raises RecordsUnavailable."""
        dialect = self._dialect
        with (
            _trouble_named(self._driver),
            dialect.engine.connect() as connection,
            dialect.snapshot(connection).begin(),
        ):
            yield connection

    @contextmanager
    def writing(self, lock: Lock | None = None) -> Iterator[Connection]:
        """A transaction that writes: durable when the block is left, undone when it raises.

        ``lock``: as the only process that holds it. Raises RecordsUnavailable (Collided where another transaction was
        preferred); a violated unique constraint (IntegrityError) is left to the caller.
        """
        dialect = self._dialect
        with (
            _trouble_named(self._driver),
            in_turn(dialect, self._patience),
            dialect.engine.connect() as connection,
            dialect.writer(connection).begin(),
        ):
            if lock is not None:
                dialect.alone(connection, lock)
            yield connection

    def lock(self, connection: Connection, name: str) -> None:
        """Inside ``writing``: let in one transaction at a time among those that take the lock of this name."""
        self._dialect.lock(connection, name)

    def wipe(self) -> None:
        """Overwrite what was deleted as far as the database product can. Raises RecordsUnavailable."""
        with _trouble_named(self._driver):
            self._dialect.wipe()

    def prepare(self, statement: ClauseElement) -> Prepared:
        """A statement that every request makes, compiled for this database."""
        return Prepared(statement, self._dialect.engine.dialect)

    def rows(self, statement: Prepared, values: Values) -> list[tuple[Any, ...]]:
        """What one prepared SELECT finds, in a transaction of its own. Raises RecordsUnavailable."""
        with _trouble_named(self._driver), closing(self._dialect.engine.raw_connection()) as raw:
            return statement.rows(raw.cursor(), values)

    @contextmanager
    def writing_prepared(self) -> Iterator[Cursor]:
        """As ``writing``, for prepared statements: durable when the block is left.

        Raises RecordsUnavailable (Collided also where another transaction wrote the unique row first).
        """
        dialect = self._dialect
        with (
            _trouble_named(self._driver),
            in_turn(dialect, self._patience),
            closing(dialect.engine.raw_connection()) as raw,
        ):
            cursor = raw.cursor()
            dialect.begin_writing(cursor)
            yield cursor
            raw.commit()  # otherwise the pool rolls back what it gets back

    def together(self, write: Callable[[Cursor], Result]) -> Result:
        """What ``write`` returns, durable, in one transaction with the writes of other threads that came meanwhile.

        It runs prepared statements on its cursor and does nothing else: it may be run twice. Raises RecordsUnavailable.
        """
        with _trouble_named(self._driver):
            return self._together.run(write, patience=self._patience)

    def ping(self) -> str | None:
        """Whether the database answers and its tables are those of this program: None when so, else why not, in words.

        Tables of a later revision are taken: while installations are renewed, one by one, old and new ones serve.
        """
        try:
            with self.reading() as connection:
                connection.execute(select(trace_head.c.seq)).scalar_one()
                revision = _revision(connection)
        except RecordsUnavailable as error:
            return f"the database cannot be used: {error.cause}"
        return "its tables are of an earlier revision: migrate it" if revision in _EARLIER else None

    def free_bytes(self) -> int | None:
        """Room left beside a database that is a file; None for one that is not, or where nobody can tell."""
        file = self._dialect.file
        try:
            return None if file is None else shutil.disk_usage(file.parent).free
        except OSError:
            return None

    def migrate(self) -> None:
        """Bring the tables to the newest revision, one process at a time, all of it or nothing."""
        if self._is_current():
            return
        # Imported here: a start that finds its tables as they should be does without, and no worker needs it.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self.writing(Lock.MIGRATION) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _is_current(self) -> bool:
        """Whether the newest revision is noted in the database; not where that cannot be read."""
        try:
            with self.reading() as connection:
                return _revision(connection) == _REVISIONS[-1]
        except RecordsUnavailable:
            return False

    def close(self) -> None:
        """Give back every connection."""
        self._dialect.engine.dispose()


def open_database(
    url: str, *, pool_size: int = 16, busy_timeout: float = 10.0, statement_timeout: float = 30.0
) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://...`` (psycopg 3); connections are made when first needed.

    ``pool_size`` is how many there are at most. ``busy_timeout`` is how many seconds a writer waits for another, or
    anybody for a connection; ``statement_timeout`` how many one statement may take (PostgreSQL only).
    Raises ValueError for another product.
    """
    dialect = connect(url, pool_size=pool_size, busy_timeout=busy_timeout, statement_timeout=statement_timeout)
    return Database(dialect, patience=busy_timeout)


def migrate(url: str, *, patience: float = 0.0) -> None:
    """Create or upgrade the tables of a database. Safe when several processes start at once.

    ``patience`` is how many seconds a database that is not there yet is waited for. Raises RecordsUnavailable.
    """
    until = time.monotonic() + patience
    while True:
        database = open_database(url, pool_size=1, busy_timeout=60.0)
        try:
            return database.migrate()
        except RecordsUnavailable:
            if time.monotonic() >= until:
                raise
        finally:
            database.close()
        time.sleep(_LOOK_AGAIN)


def _revision(connection: Connection) -> str | None:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return found[0] if len(found) == 1 else None


@contextmanager
def _trouble_named(driver: DBAPIModule) -> Iterator[None]:
    # Driver messages may quote values (identities, ids): only their code goes further, and no chained exception.
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        kind = Collided if getattr(error.orig, "sqlstate", None) in _COLLISIONS else RecordsUnavailable
        raise kind(_code_of(error.orig)) from None
    except driver.IntegrityError as error:
        # A unique row that another transaction wrote between the look and the insert of a prepared one.
        raise Collided(_code_of(error)) from None
    except driver.DataError as error:
        raise Unwritable(_code_of(error)) from None
    except driver.Error as error:
        kind = Collided if getattr(error, "sqlstate", None) in _COLLISIONS else RecordsUnavailable
        raise kind(_code_of(error)) from None
    except StatementError:
        raise  # a value of the wrong kind: a mistake in this program, not trouble with the database
    except (SQLAlchemyError, TimeoutError) as error:
        raise RecordsUnavailable(type(error).__name__) from None


def _code_of(original: BaseException | None) -> str:
    detail = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return f"{type(original).__name__} {detail}" if detail else type(original).__name__

"""Opening, migrating, failing: what the operator and the other modules rely on."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from facade.records import engine
from facade.records.engine import Database, RecordsUnavailable, migrate, open_database
from facade.records.schema import metadata, trace_anchors, trace_head
from facade.records.traces import Traces
from tests.support.records import NOW, ins, migrate_once, trace


def test_an_empty_database_is_not_usable_and_says_so(empty_url: str) -> None:
    database = open_database(empty_url)
    reason = database.ping()
    database.close()
    assert reason is not None
    assert "cannot be used" in reason


def test_migrating_makes_it_usable_and_may_be_repeated(url: str, database: Database) -> None:
    migrate(url)
    assert database.ping() is None


def test_the_migrations_make_exactly_the_tables_the_code_uses(database: Database) -> None:
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    assert found == []


def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        assert list(pool.map(migrate_once, [empty_url] * 3)) == [None] * 3
    database = open_database(empty_url)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM trace_head")).scalar_one() == 1
    database.close()


really_upgrade = command.upgrade


def stopped_half_way(config: Config, revision: str) -> None:
    really_upgrade(config, revision)
    raise ZeroDivisionError


def test_a_migration_that_fails_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(empty_url)
    with monkeypatch.context() as patched:
        patched.setattr("alembic.command.upgrade", stopped_half_way)
        with pytest.raises(ZeroDivisionError):
            database.migrate()
    assert database.ping() is not None
    database.migrate()
    assert database.ping() is None
    database.close()


def write_and_fail(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(trace_anchors), {"seq": 1, "hash": "x", "removed": 1, "time": NOW})
        raise LookupError


def test_a_transaction_that_raises_is_undone(database: Database) -> None:
    with pytest.raises(LookupError):
        write_and_fail(database)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM trace_anchors")).scalar_one() == 0


def test_a_time_without_zone_is_a_mistake_of_the_program(database: Database) -> None:
    naive = {"seq": 1, "hash": "x", "removed": 1, "time": NOW.replace(tzinfo=None)}
    with pytest.raises(StatementError, match="timezone-aware"), database.writing() as connection:
        connection.execute(insert(trace_anchors), naive)


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_other_products_and_memory_are_refused(url: str) -> None:
    with pytest.raises((ValueError, ModuleNotFoundError)):
        open_database(url)


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    file = tmp_path / "facade.db"
    migrate(f"sqlite:///{file}")
    database = open_database(f"sqlite:///{file}", busy_timeout=3)
    with database.writing() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in _PRAGMAS]
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("facade.db*")}
    database.close()
    assert pragmas == ["wal", 2, 1, 3000]
    assert modes == {0o600}


_PRAGMAS = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")


def test_a_folder_that_is_missing_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'nowhere' / 'facade.db'}")
    assert database.ping() == "the database cannot be used: OperationalError SQLITE_CANTOPEN"
    database.close()


def test_a_database_that_is_not_there_yet_is_waited_for_and_private_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "mounted-later"
    later = threading.Timer(0.3, folder.mkdir)
    later.start()
    migrate(f"sqlite:///{folder / 'facade.db'}", patience=30)
    later.join()
    assert stat.S_IMODE((folder / "facade.db").stat().st_mode) == 0o600
    with pytest.raises(RecordsUnavailable):
        migrate(f"sqlite:///{tmp_path / 'never' / 'facade.db'}", patience=0.1)


def test_a_locked_database_is_unavailable_and_nothing_of_the_row_shows(tmp_path: Path) -> None:
    file = tmp_path / "facade.db"
    migrate(f"sqlite:///{file}")
    database = open_database(f"sqlite:///{file}", busy_timeout=0.1)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordsUnavailable) as caught:
        Traces(database).append(trace(patient=ins(7)))
    other.close()
    assert caught.value.cause == "OperationalError SQLITE_BUSY"
    assert caught.value.retry_after == 5
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert Traces(database).append(trace()) == 1
    database.close()


def test_a_writer_that_hangs_does_not_hang_the_others_for_ever(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'facade.db'}")
    database = open_database(f"sqlite:///{tmp_path / 'facade.db'}", busy_timeout=0.2)
    inside, leave = threading.Event(), threading.Event()

    def hang() -> None:
        with database.writing():
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=hang)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(RecordsUnavailable, match=r"records\.unavailable"):
        Traces(database).append(trace())
    leave.set()
    thread.join()
    database.close()


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(update(trace_head).values(seq=5))
        assert Traces(database).head().seq == 0


def test_every_table_can_be_made_on_both_products() -> None:
    for table in metadata.sorted_tables:
        for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
            assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
            for index in table.indexes:
                assert "CREATE INDEX" in str(CreateIndex(index).compile(dialect=dialect))


def test_only_one_module_knows_the_products() -> None:
    folder = Path(__file__).parents[2] / "facade" / "records"
    words = ("PRAGMA", "pg_advisory", "BEGIN IMMEDIATE", "psycopg", "ON CONFLICT", "AUTOINCREMENT")
    knowing = {path.name for path in folder.rglob("*.py") for word in words if f"{word} " in _code(path)}
    assert knowing <= {"dialects.py"}


def _code(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith(("#", '"""')))


def test_the_newest_revision_is_the_one_the_file_names_say() -> None:
    head = ScriptDirectory(str(Path(engine.__file__).parent / "migrations")).get_current_head()
    assert head == engine._REVISIONS[-1]

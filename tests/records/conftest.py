"""Every test of this folder runs on SQLite, and on PostgreSQL where the machine has it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from facade.records.engine import Database, migrate, open_database
from tests.support.records import postgresql, why_no_postgresql


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    reason = why_no_postgresql()
    if reason:
        pytest.skip(reason)
    # Not below pytest's folder: the server's own account cannot enter it.
    with tempfile.TemporaryDirectory(prefix="facade-pg-", ignore_cleanup_errors=True) as above:
        Path(above).chmod(0o755)
        with postgresql(Path(above) / "server") as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'facade.db'}"
        return
    server: str = request.getfixturevalue("postgresql_server")
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS facade WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE facade"))
    engine.dispose()
    yield server.replace("/postgres", "/facade")


@pytest.fixture
def url(empty_url: str) -> str:
    migrate(empty_url)
    return empty_url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()

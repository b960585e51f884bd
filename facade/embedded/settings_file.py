"""What a facade on the sample world is told: its settings as TOML lines, and the pairings of the sample citizens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from facade.domain.caller import Pairing, Relation
from facade.domain.ins import INS
from facade.embedded import sample

_REALMS = (("psc", "professional"), ("structures", "structure"), ("mes", "citizen"))


def lines(
    data: Path, *, port: int, issuer: str, dmp: str, database: str, console: Path | None = None, mail_port: int = 0
) -> Iterator[str]:
    """The same settings a real installation would have. The seal secret of a data folder survives a restart.

    ``issuer`` is the base URL of the token issuer, ``dmp`` that of the DMP's services, ``database`` a SQLAlchemy URL,
    ``console`` the file of who can be chosen on the console, None for none; ``mail_port`` that of a mail server, or 0.
    """
    pki, today = data / "pki", datetime.now(UTC).date()
    yield f'public_url = "http://127.0.0.1:{port}"'
    yield 'host = "127.0.0.1"'
    yield f"port = {port}"
    yield "workers = 1"
    yield f'database_url = "{database}"'
    yield f'seal_secrets = ["{_seal_secret(data)}"]'
    yield f'own_structure = "{sample.LEGAL_ENTITY.id}"'
    yield 'oid_root = "1.2.250.1.999.1.1"'
    yield "test_identities = true"
    if console is not None:
        yield f'console = "{console}"'
    yield "citizens = true"
    yield "bound_structure_tokens = false"
    for realm, kind in _REALMS:
        yield f'[[issuers]]\nissuer = "{issuer}/realms/{realm}"\nkind = "{kind}"'
    yield f'[[applications]]\nid = "{sample.APPLICATION}"\nname = "CARNET DE SANTE"'
    yield 'editor = "EDITEUR EXEMPLE"\noid = "1.2.250.1.999.2.1"'
    for structure in sample.STRUCTURES:
        if structure is not sample.STRANGER:
            yield _structure(structure, today)
    yield "[supervision]"
    yield "every_seconds = 2"
    yield f'readers = ["{sample.AUTHOR_DOCTOR.id}"]'
    yield "[dmp]"
    yield "read_timeout = 10"
    yield f'base_url = "{dmp}"'
    yield f'ca = "{pki / "ca.pem"}"'
    yield f'auth_certificate = "{pki / "auth_cli.pem"}"'
    yield f'auth_key = "{pki / "auth_cli.key"}"'
    yield f'sign_certificate = "{pki / "sign.pem"}"'
    yield f'sign_key = "{pki / "sign.key"}"'
    if mail_port:
        yield from _mail(pki, mail_port)


def _mail(pki: Path, port: int) -> Iterator[str]:
    yield '[mail]\nhost = "127.0.0.1"'
    yield f"port = {port}"
    yield f'ca = "{pki / "ca.pem"}"'
    yield f'certificate = "{pki / "auth_cli.pem"}"'
    yield f'key = "{pki / "auth_cli.key"}"'
    yield 'sender = "messagerie@rocheval.mssante.fr"\nproduct = "DEMONSTRATION"'
    yield "retry_first = 1\nretry_longest = 2\nlease_seconds = 5\ndata_timeout = 10"


def pair(database: str) -> None:
    """Make the tables of a database, unless they are there, and write the sample pairings into it."""
    # Imported here, once the parts of a demonstration have started.
    from facade.records.engine import migrate, open_database  # noqa: PLC0415
    from facade.records.pairings import Pairings  # noqa: PLC0415

    migrate(database)
    opened = open_database(database)
    pairings = Pairings(opened)
    for row in sample.PAIRINGS:
        patient = INS.of(sample.INS_TEST_OID, row.ins)
        pairing = Pairing(patient, Relation(row.relation), may_feed=row.may_feed, may_read=row.may_read)
        pairings.add((row.application, row.external_id, pairing))
    opened.close()


def _seal_secret(data: Path) -> str:
    file = data / "seal.secret"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def _structure(structure: sample.SampleStructure, today: date) -> str:
    until = today.replace(year=today.year + 2, day=1)
    return (
        f'[[structures]]\nid = "{structure.id}"\nname = "{structure.name}"\nsector = "{structure.sector}"\n'
        f"homologated_on = {today.isoformat()}\nhomologated_until = {until.isoformat()}"
    )

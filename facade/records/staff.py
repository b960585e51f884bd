"""Whose records are those of colleagues: per structure, a keyed mark of the matricule of each who works there.

The marks tell only whether a matricule one has is among them; without the key they tell nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, insert, select

from facade.domain.ins import INS
from facade.records.engine import Database
from facade.records.schema import staff as table


class Staff:
    """The table of marks, made with the first secret and looked up with all. Every method raises RecordsUnavailable."""

    def __init__(self, database: Database, secrets: Sequence[bytes]) -> None:
        self._database = database
        self._keys = tuple(_key(secret) for secret in secrets)

    def replace(self, structure: str, matricules: Iterable[INS]) -> int:
        """These are now all who work in a structure; how many."""
        marks = {self._marks(patient)[0] for patient in matricules}
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.structure_id == structure))
            if marks:
                rows = [{"structure_id": structure, "mark": mark} for mark in sorted(marks)]
                connection.execute(insert(table), rows)
        return len(marks)

    def marks(self, structure: str) -> frozenset[str]:
        """The marks of all who work in a structure."""
        with self._database.reading() as connection:
            return frozenset(
                connection.execute(select(table.c.mark).where(table.c.structure_id == structure)).scalars()
            )

    def among(self, marks: frozenset[str], patient: INS) -> bool:
        """Whether somebody is among those of ``marks``."""
        return bool(marks) and not marks.isdisjoint(self._marks(patient))

    def _marks(self, patient: INS) -> list[str]:
        told = f"staff|{patient.kind.value}|{patient.value}".encode()
        return [hmac.digest(key, told, "sha256").hex() for key in self._keys]


def _key(secret: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"dmp-facade staff").derive(secret)

"""What the embedded DMP really holds, read from its store: for tests that compare it with what a client was told."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from facade.embedded import store
from facade.embedded.world import DATABASE


class StoredDocument(NamedTuple):
    """A document of the DMP: ``sha1`` of its bytes, ``patient`` the INS, ``status`` the last part of the URN."""

    unique_id: str
    sha1: str
    patient: str
    status: str


def stored_documents(data_dir: Path) -> list[StoredDocument]:
    """The documents of a data folder in their order of arrival, those that sign a lot left out; one row each.

    The status is that of the last metadata version. Nothing is written, and a running DMP is not disturbed.
    """
    records = store.Store(data_dir / DATABASE)
    with records.reading() as db:
        db.execute(sa.text("PRAGMA query_only=ON"))
        entries, documents = store.entries, store.documents
        query = (
            sa.select(entries.c.unique_id, documents.c.content, entries.c.ins, entries.c.status)
            .outerjoin(documents, documents.c.unique_id == entries.c.unique_id)
            .where(entries.c.is_signature.is_(False))
            .order_by(entries.c.logical_id, entries.c.version)
        )
        # Later versions of a document come after earlier ones and take their place.
        arrival = {
            unique_id: place
            for place, (unique_id,) in enumerate(
                db.execute(sa.select(entries.c.unique_id).where(entries.c.version == 1).order_by(sa.text("rowid")))
            )
        }
        last = {row.unique_id: row for row in db.execute(query)}
    records.close()
    return [
        StoredDocument(
            row.unique_id,
            sha1(row.content or b"", usedforsecurity=False).hexdigest(),
            row.ins,
            row.status.rsplit(":", 1)[-1],
        )
        for row in sorted(last.values(), key=lambda row: arrival[row.unique_id])
    ]

"""A preload: data of the DMP kept here for a time to prepare an appointment (référentiel DMP 5.1, EXI 11, EXI 12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from facade.domain.caller import Caller
from facade.domain.document import Coded, DocumentEntry, XdsTime
from facade.domain.dossier import Dossier
from facade.domain.ins import INS


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which documents: of these types, created from (included) and up to (excluded), by this author (IdNat_PS).

    Nothing in an element leaves it open. ``content`` asks for the bytes too, of ``most`` documents, newest first.
    """

    types: tuple[Coded, ...] = ()
    created_from: XdsTime | None = None
    created_to: XdsTime | None = None
    author: str = ""
    content: bool = False
    most: int = 0

    def match(self, entry: DocumentEntry) -> bool:
        """Whether a document is one of these."""
        created = entry.creation_time.start
        return (
            (not self.types or entry.type_code in self.types)
            and (self.created_from is None or created >= self.created_from.start)
            and (self.created_to is None or created < self.created_to.start)
            and (not self.author or entry.has_author(self.author))
        )


@dataclass(frozen=True, slots=True)
class PreloadOrder:
    """What a professional ordered. ``start`` is the appointment, ``end`` the end of the episode where it is known.

    ``caller`` is the professional as logged in with two factors when ordering; ``secret`` a connexion secrète.
    """

    caller: Caller
    patient: INS
    start: datetime
    end: datetime | None = None
    criteria: Criteria = Criteria()
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One preloaded document: its metadata and what the DMP said of the record, as they were when it was fetched."""

    dossier: Dossier
    entry: DocumentEntry
    mime_type: str = ""
    content: bytes | None = field(default=None, repr=False)

"""The nouns of the preloads at rest: how far one got, who is fetching it, how much room there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from facade.domain.preload import PreloadOrder


class State(StrEnum):
    """How far a preload got. The last three hold no document."""

    WAITING = "waiting"
    FETCHING = "fetching"
    READY = "ready"
    ENDED = "ended"
    EXPIRED = "expired"
    FAILED = "failed"


OPEN = (State.WAITING, State.FETCHING, State.READY)


@dataclass(frozen=True, slots=True)
class Preload:
    """One order as it stands. ``outcome`` is the code of what stopped it, or of what delays it; empty otherwise.

    ``due`` is when it is fetched by itself, None when it waits to be asked for; ``closes`` when it is too late.
    """

    id: str
    order: PreloadOrder
    state: State
    due: datetime | None
    closes: datetime
    recorded: datetime
    fetched: datetime | None
    expires: datetime | None
    settled: datetime | None
    matched: int | None
    outcome: str
    attempts: int
    held: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to fetch one order, until the lease ends."""

    preload: Preload
    holder: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Patients in 24 hours, and documents of one patient, of one professional at most (EXI 12)."""

    patients: int
    documents: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a fetch was counted as: patients of the last 24 hours and documents of this patient, it included.

    ``documents`` are those of the wanted ones that may be kept; nothing was counted when ``patients`` is too many.
    """

    patients: int
    already: int
    documents: tuple[str, ...]

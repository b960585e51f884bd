"""What was lost: what clients were told, against the DMP's own store and the facade's database, once all is quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from acts import Book, Document
from world import World

from facade.embedded import ebrim, store
from facade.records.engine import open_database
from facade.records.intents import Intents
from facade.records.schema import consents

_MASK = "MASQUE_PS"


def losses(world: World, books: Iterable[Book]) -> list[str]:
    """Every loss, one line each; empty when there is none."""
    found: list[str] = []
    everyone = list(books)
    for book in everyone:
        found += [f"an answer nobody expects: {each}" for each in book.wrong]
        found += [f"given up after its patience: {each}" for each in book.given_up]
    _settle(world)
    return [
        *found,
        *_documents(world, everyone),
        *_consents(world, everyone),
        *_traces(world, everyone),
        *_effects(world, everyone),
    ]


def held_titles(world: World) -> Counter[str]:
    """How many documents the DMP has, by title."""
    return Counter({title: len({row.logical_id for row in rows}) for title, rows in _held(world).items()})


def _held(world: World) -> dict[str, list[store.Row]]:
    """Every version of every document of the DMP, oldest first, by title."""
    held: dict[str, list[store.Row]] = {}
    records = store.Store(world.data / "dmp.sqlite")
    with records.reading() as db:
        query = sa.select(store.entries).where(store.entries.c.is_signature.is_(False))
        for row in db.execute(query.order_by(store.entries.c.version)):
            held.setdefault(row.facets["title"], []).append(row)
    records.close()
    return held


def _documents(world: World, books: list[Book]) -> list[str]:
    held = _held(world)
    found: list[str] = []
    for document in (each for book in books for each in book.documents):
        rows = held.get(document.title, [])
        copies = len({row.logical_id for row in rows})
        if copies > 1:
            found.append(f"{document.title} is in the DMP {copies} times")
        elif document.id and not copies:
            found.append(f"{document.title} was told to be stored and is not in the DMP")
        elif document.id and _state(rows[-1]) not in document.states:
            found.append(f"{document.title} was told to be {_words(document)} and is {_state(rows[-1])}")
    return found


def _state(row: store.Row) -> str:
    if row.status == ebrim.DELETED:
        return "deleted"
    if row.status == ebrim.ARCHIVED:
        return "archived"
    return "masked" if any(_MASK in code for code in row.facets["confidentiality"]) else "visible"


def _words(document: Document) -> str:
    return " or ".join(sorted(document.states))


def _consents(world: World, books: list[Book]) -> list[str]:
    database = open_database(world.database_url)
    with database.reading() as connection:
        rows = connection.execute(sa.select(consents.c.professional_id, consents.c.id).where(consents.c.version == 1))
        held = Counter(row.professional_id for row in rows)
    database.close()
    found: list[str] = []
    for consent in (each for book in books for each in book.consents):
        count = held[consent.professional]
        if count > 1:
            found.append(f"the opposition to {consent.professional} is recorded {count} times")
        elif consent.id and not count:
            found.append(f"the opposition to {consent.professional} was told to be recorded and is not")
    return found


def _traces(world: World, books: list[Book]) -> list[str]:
    traces = world.traces()
    found = [f"the chain of traces: {problem.text}" for problem in traces.verify()]
    written = Counter(trace.correlation_id for trace in traces.export() if trace.outcome == "success")
    every = [told for book in books for told in book.told]
    odd = [told for told in every if written[told.correlation] != 1]
    return found + [
        f"{told.act} {told.correlation} was told and left {written[told.correlation]} traces" for told in odd
    ]


def _settle(world: World) -> None:
    """Make traces of what killed processes left, as any facade does once it is old: nothing is under way any more."""
    database = open_database(world.database_url)
    Intents(database).settle(datetime.now(UTC))
    database.close()


def _effects(world: World, books: list[Book]) -> list[str]:
    """Every change of a document of the DMP that no trace tells of, whatever its client was told."""
    held = _held(world)
    traced = Counter(
        (trace.act, trace.document_unique_id) for trace in world.traces().export() if trace.outcome != "refused"
    )
    everything = [row for book in books for document in book.documents for row in held.get(document.title, [])]
    return [
        f"{rows[0].facets['title']} was changed and no trace tells of it: {act}"
        for rows in _by_unique_id(everything)
        for act, least in _changes(rows)
        if sum(traced[name, rows[0].unique_id] for name in act.split(" or ")) < least
    ]


def _by_unique_id(rows: Sequence[store.Row]) -> Iterator[list[store.Row]]:
    for unique_id in dict.fromkeys(row.unique_id for row in rows):
        yield [row for row in rows if row.unique_id == unique_id]


def _changes(rows: Sequence[store.Row]) -> Iterator[tuple[str, int]]:
    """The acts a document was changed by, as far as it shows, and how often at least."""
    yield "publish", 1
    yield "mask or unmask", len(rows) - 1
    yield "archive", int(_state(rows[-1]) == "archived")
    yield "withdraw", int(_state(rows[-1]) == "deleted")

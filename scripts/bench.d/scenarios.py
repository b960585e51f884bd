"""What is asked of the facade, and what each is compared with.

A new class of request is one more ``Scenario``; a new comparison, one more ``Against`` and its operation in ``floor``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stand import AUTHOR, READER, Stand

Request = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Against:
    """A comparison: the operation of ``floor.py``, how often it is repeated in a round, what it is in words."""

    operation: str
    kind: str
    batch: int
    text: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One class of request.

    ``prepare`` gives so many requests, each to be sent to a FHIR base: making them is not measured.
    """

    name: str
    batch: int
    prepare: Callable[[int], Iterator[Request]]
    against: tuple[Against, ...]


def scenarios(stand: Stand) -> tuple[Scenario, ...]:
    """All of them, for the sizes of this stand."""
    sizes = stand.sizes
    return (
        Scenario(
            f"search of {sizes.results} documents",
            4,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.search_path) for _ in range(count)),
            (
                Against(
                    "search-floor", "floor", 6, "parse + map + orjson of the same ITI-18 answer, one VIHF signature"
                ),
                Against("search-naive", "naive", 1, "the floor, and fhir.resources validates and writes the Bundle"),
            ),
        ),
        Scenario(
            "read of one document",
            12,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.read) for _ in range(count)),
            (Against("read-floor", "floor", 40, "parse + map + orjson of the same answer, one VIHF signature"),),
        ),
        Scenario(
            f"publish {_size(sizes.published)}",
            4,
            lambda count: _publications(stand, count),
            (
                Against("publish-raw", "raw", 8, "the same MTOM bytes POSTed over mutual TLS with requests"),
                Against("publish-parts", "parts", 6, "JSON, base64, hashes, CDA, two RSA signatures, the same send"),
            ),
        ),
        Scenario(
            f"retrieve {_size(sizes.retrieved)}",
            4,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.retrieved) for _ in range(count)),
            (
                Against("retrieve-raw", "raw", 6, "the same MTOM bytes streamed over mutual TLS with requests"),
                Against("retrieve-parts", "parts", 6, "the same received whole, SHA-1, the file unwrapped from base64"),
            ),
        ),
    )


def _publications(stand: Stand, count: int) -> Iterator[Request]:
    """Each with another file: the same content twice is refused."""
    return iter([_publication(stand, stand.publication(stand.sizes.published)) for _ in range(count)])


def _publication(stand: Stand, body: bytes) -> Request:
    return lambda base: stand.call(base, AUTHOR, "POST", "/DocumentReference", body)


def _size(count: int) -> str:
    return f"{count // 1024 // 1024} MB" if count >= 1024 * 1024 else f"{count // 1024} KB"

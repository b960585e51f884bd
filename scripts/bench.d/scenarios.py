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
    """A comparison: the operation of ``floor.py``, how often it is repeated in a round, what it is in words.

    With ``path``, ``operation`` is the name of a program that serves HTTP, and what is repeated is the scenario's own
    request, sent to that path of it.
    """

    operation: str
    kind: str
    batch: int
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One class of request.

    ``prepare`` gives so many requests, each to be sent to a FHIR base: making them is not measured.
    """

    name: str
    batch: int
    prepare: Callable[[int], Iterator[Request]]
    against: tuple[Against, ...]


_BEST = "over HTTP: token, one exchange over mutual TLS"
_DUTIES = "the same with TD0.2{more} and one durable trace"


def _floors(batch: int, what: str, more: str = "", part: str = "") -> tuple[Against, Against]:
    """The floor server: with one exchange, and with what the law asks for."""
    return (
        Against("floor-server", "best", batch, f"{_BEST}, {what}", f"/best{part}"),
        Against("floor-server", "duties", batch, _DUTIES.format(more=more), f"/duties{part}"),
    )


def fhirstarter() -> Against:
    """The peer, for the search."""
    return Against("fhirstarter", "fhirstarter", 2, "the same Bundle from memory through fhirstarter's models", "")


def scenarios(stand: Stand, *more: Against) -> tuple[Scenario, ...]:
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
                Against("search-models", "models", 1, "the floor, and fhir.resources validates and writes the Bundle"),
                Against("search-naive", "naive", 1, "PEM key, connection, XPath and models anew for everything"),
                *_floors(4, "parse + map + orjson, one VIHF signature"),
                *more,
            ),
        ),
        Scenario(
            "read of one document",
            12,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.read) for _ in range(count)),
            (
                Against("read-floor", "floor", 40, "parse + map + orjson of the same answer, one VIHF signature"),
                *_floors(20, "parse + map + orjson, VIHF reused"),
            ),
        ),
        Scenario(
            f"publish {_size(sizes.published)}",
            4,
            lambda count: _publications(stand, count),
            (
                Against("publish-raw", "raw", 8, "the same MTOM bytes POSTed over mutual TLS with requests"),
                Against("publish-parts", "parts", 6, "JSON, base64, hashes, CDA, two RSA signatures, the same send"),
                *_floors(6, "JSON, base64, hashes, CDA, two RSA signatures"),
            ),
        ),
        Scenario(
            f"retrieve {_size(sizes.published)}",
            6,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.small) for _ in range(count)),
            _floors(8, "SHA-1, the file unwrapped from base64", " and TD3.1", "/small"),
        ),
        Scenario(
            f"retrieve {_size(sizes.retrieved)}",
            4,
            lambda count: (lambda base: stand.call(base, READER, "GET", stand.retrieved) for _ in range(count)),
            (
                Against("retrieve-raw", "raw", 6, "the same MTOM bytes streamed over mutual TLS with requests"),
                Against("retrieve-parts", "parts", 6, "the same received whole, SHA-1, the file unwrapped from base64"),
                *_floors(6, "SHA-1, the file unwrapped from base64", " and TD3.1"),
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

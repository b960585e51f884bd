"""The bytes of a document in pieces: a large one is hashed and sent without ever being joined."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Content:
    """A document's bytes: its ``pieces`` one after the other.

    A document in several pieces is XML whose markup and long base64 texts alternate, beginning and ending with
    markup; each text stands between two tags. Anything else is one piece.
    """

    pieces: tuple[Buffer, ...] = field(repr=False)

    @classmethod
    def of(cls, data: Buffer) -> Content:
        """The content in one piece."""
        return cls((data,))

    def __len__(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    def __iter__(self) -> Iterator[Buffer]:
        return iter(self.pieces)

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)

    def digest(self, name: str) -> bytes:
        """The digest of all bytes, ``name`` as hashlib names it."""
        return digest_of(self.pieces, name)


def digest_of(pieces: Iterable[Buffer], name: str) -> bytes:
    """The digest of buffers taken one after the other, ``name`` as hashlib names it."""
    made = hashlib.new(name, usedforsecurity=name != "sha1")
    for piece in pieces:
        made.update(piece)
    return made.digest()

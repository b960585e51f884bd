"""A file as the base64 text it came in: checked, measured and handed on without being decoded whole.

A PDF arrives as base64 in JSON or in a CDA, and leaves as base64 in a CDA or as bytes: neither form is kept twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pybase64

from facade.domain.content import Buffer, digest_of

_BLOCK = 256 * 1024  # characters of text decoded at once: a multiple of a quantum
_QUANTUM, _QUANTUM_BYTES = 4, 3


@dataclass(frozen=True, slots=True)
class Base64File:
    """A file of ``size`` bytes. ``text`` is its one canonical base64 text, without blanks (RFC 4648, 3.5).

    ``sha1`` is that of the bytes where it was made while they were checked.
    """

    text: Buffer = field(repr=False)
    size: int
    sha1: bytes | None = field(default=None, repr=False, compare=False)

    @classmethod
    def read(cls, text: str | Buffer, *, hashed: bool = False) -> Base64File:
        """The file of a base64 text. Raises ValueError for anything else, folded text included.

        ``hashed``: its SHA-1 will be asked for, and is made in the same pass.
        """
        made = hashlib.sha1(usedforsecurity=False) if hashed else None
        encoded = text.encode("ascii") if isinstance(text, str) else text
        last = _last_quantum(encoded)
        whole = max(len(encoded) - _QUANTUM, 0)
        size = 0
        for start in range(0, whole, _BLOCK):
            block = encoded[start : min(start + _BLOCK, whole)]
            found = pybase64.b64decode(block, validate=True)
            if len(found) * _QUANTUM != len(block) * _QUANTUM_BYTES:
                raise ValueError("padding before the end")
            size += len(found)
            if made is not None:
                made.update(found)
        end = pybase64.b64decode(last, validate=True)
        canonical = pybase64.b64encode(end)
        if canonical != bytes(last):
            encoded = bytes(encoded[:whole]) + canonical
        if made is not None:
            made.update(end)
        return cls(encoded, size + len(end), made.digest() if made is not None else None)

    @classmethod
    def of(cls, data: Buffer) -> Base64File:
        """The file of these bytes."""
        return cls(pybase64.b64encode(data), len(data))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in blocks, decoded one at a time."""
        for start in range(0, len(self.text), _BLOCK):
            yield pybase64.b64decode(self.text[start : start + _BLOCK])

    def __bytes__(self) -> bytes:
        return pybase64.b64decode(self.text)

    def head(self) -> bytes:
        """The first bytes, enough to tell what the file is."""
        return next(iter(self), b"")

    def digest(self, name: str) -> bytes:
        """The digest of the bytes, ``name`` as hashlib names it."""
        if name == "sha1" and self.sha1 is not None:
            return self.sha1
        return digest_of(self, name)


def _last_quantum(text: Buffer) -> Buffer:
    if len(text) % _QUANTUM:
        raise ValueError("not whole quanta")
    return text[-_QUANTUM:]

"""Contents at rest: AES-256-SIV (RFC 5297) under keys derived from the configured secrets.

The first key seals, every key opens: a secret may be replaced while something sealed with the old one waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Unreadable(ValueError):
    """Nothing that was sealed under one of these keys for this place."""


class Sealer:
    """Seals bytes for one place: what is moved to another row or column does not open there."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Keys of 64 bytes. Raises ValueError for none."""
        if not keys:
            raise ValueError("a sealer needs one key or more")
        self._keys = [AESSIV(key) for key in keys]

    def seal(self, plain: bytes, *place: str) -> bytes:
        """The sealed bytes: 16 more than there were."""
        return self._keys[0].encrypt(plain, [each.encode() for each in place])

    def open(self, sealed: bytes, *place: str) -> bytes:
        """The bytes that were sealed for this place. Raises Unreadable."""
        for key in self._keys:
            try:
                return key.decrypt(sealed, [each.encode() for each in place])
            except (InvalidTag, ValueError):
                continue
        raise Unreadable("sealed under a key that is no longer configured, or changed")

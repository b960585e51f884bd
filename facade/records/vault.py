"""What may not be readable at rest: AES-256-GCM, and keyed names to look things up by.

The keys are derived from the seal secrets (HKDF-SHA256) in a context of their own: what opens a sealed id opens
nothing here. The first secret seals, every one opens, so that secrets can be rotated. The nonce is random (96 bits,
NIST SP 800-38D 8.2.2): far fewer than 2^32 values are ever sealed under one key.

Layout: four bytes that number the key, twelve of nonce, ciphertext and tag. What it is about is associated data: a
value moved to another row does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SEAL, _NAME, _NUMBER = b"dmp-facade preload seal", b"dmp-facade preload name", b"dmp-facade preload key number"
_NUMBER_BYTES, _NONCE_BYTES, _KEY_BYTES = 4, 12, 32


class Vault:
    """Seals with the first secret, opens and finds with any."""

    def __init__(self, secret_values: Sequence[bytes]) -> None:
        """The seal secrets, newest first. Raises ValueError for none."""
        if not secret_values:
            raise ValueError("a vault needs a secret")
        self._keys = [(_derive(each, _NUMBER, _NUMBER_BYTES), AESGCM(_derive(each, _SEAL))) for each in secret_values]
        self._namers = [_derive(each, _NAME) for each in secret_values]

    def seal(self, plain: bytes, about: str) -> bytes:
        """Encrypt ``plain``; it opens under the same ``about`` only."""
        number, key = self._keys[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return number + nonce + key.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes | None:
        """The plain bytes, None for what none of the secrets sealed about this."""
        head = _NUMBER_BYTES + _NONCE_BYTES
        number, nonce, rest = sealed[:_NUMBER_BYTES], sealed[_NUMBER_BYTES:head], sealed[head:]
        for known, key in self._keys:
            if known == number:
                try:
                    return key.decrypt(nonce, rest, about.encode())
                except (InvalidTag, ValueError):
                    continue
        return None

    def name(self, *parts: str) -> str:
        """A keyed digest to store in the place of what ``parts`` say: 64 hexadecimal digits."""
        return _digest(self._namers[0], parts)

    def names(self, *parts: str) -> list[str]:
        """Every digest under which the same parts may have been stored."""
        return [_digest(namer, parts) for namer in self._namers]


def _derive(secret: bytes, context: bytes, length: int = _KEY_BYTES) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=context).derive(secret)


def _digest(key: bytes, parts: Sequence[str]) -> str:
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()

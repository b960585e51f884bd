"""Sealed ids: the FHIR logical ids of this facade, AES-SIV (RFC 5297) over the INS and the DMP's own id.

A sealed id says nothing, is always the same for the same document, carries the INS that every VIHF needs, and cannot
be made up, changed or moved to another patient. No table is needed to open it. It fits FHIR's ``id`` (R4 datatypes:
1 to 64 letters, digits, ``-`` and ``.``).

Layout: two characters that number the key, then base64url (``.`` for ``_``) of SIV and ciphertext. The plaintext is
the INS in 7 bytes, followed by the 16 bytes of a UUID, or of a digest of what the DMP states, where there is one. The
kind of id is associated data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from facade.domain.ins import INS, InsKind

_DOCUMENT, _PATIENT, _LOT, _STATEMENT = b"document", b"patient", b"lot", b"statement"
_KEY_BYTES = 64
_SECRET_BYTES = 32
_INS_BYTES = 7
_DIGEST_BYTES = 16
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHAPE = re.compile(r"[0-9a-z]{2}[A-Za-z0-9.-]{20,62}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ALTCHARS = b"-."
_KINDS = (InsKind.NIR, InsKind.NIA, InsKind.TEST, InsKind.DEMO)
_DEPARTMENTS = ("", "2A", "2B")


def derive_key(secret: bytes, purpose: bytes = b"sealed id") -> bytes:
    """A key of AES-256-SIV from the configured secret (HKDF-SHA256), another for each ``purpose``.

    Raises ValueError under 32 bytes.
    """
    if len(secret) < _SECRET_BYTES:
        raise ValueError("the secret of the sealed ids must have at least 32 bytes")
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"dmp-facade " + purpose).derive(secret)


def statement_digest(about: str) -> bytes:
    """What a sealed statement id carries of ``about``: 16 bytes, whatever the length of a national identifier."""
    return hashlib.sha256(about.encode()).digest()[:_DIGEST_BYTES]


class SealedIds:
    """Seals with the first key, opens with any. A key is numbered by itself, not by its place in the list."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Keys as ``derive_key`` makes them. Raises ValueError for none, or for one of another length."""
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError("sealed ids need one key or more of 64 bytes")
        self._number = _number(keys[0])
        self._sealer = AESSIV(keys[0])
        self._openers: dict[str, list[AESSIV]] = {}
        for key in keys:
            self._openers.setdefault(_number(key), []).append(AESSIV(key))

    def seal_document(self, ins: INS, logical_id: str) -> str:
        """The id of a document, from its logicalId (a bare lower-case UUID, else ValueError)."""
        return self._seal(_DOCUMENT, _pack(ins) + _uuid_bytes(logical_id))

    def open_document(self, text: str) -> tuple[INS, str] | None:
        """INS and logicalId, None for anything this facade did not seal as a document."""
        return self._open_pair(_DOCUMENT, text)

    def seal_lot(self, ins: INS, entry_uuid: str) -> str:
        """The id of a submission set, from its entryUUID (a bare lower-case UUID, else ValueError)."""
        return self._seal(_LOT, _pack(ins) + _uuid_bytes(entry_uuid))

    def open_lot(self, text: str) -> tuple[INS, str] | None:
        """INS and entryUUID, None for anything this facade did not seal as a lot."""
        return self._open_pair(_LOT, text)

    def seal_patient(self, ins: INS) -> str:
        """The id of a patient."""
        return self._seal(_PATIENT, _pack(ins))

    def open_patient(self, text: str) -> INS | None:
        """The INS, None for anything this facade did not seal as a patient."""
        plain = self._open(_PATIENT, text)
        return None if plain is None or len(plain) != _INS_BYTES else _unpack(plain)

    def seal_statement(self, ins: INS, about: str) -> str:
        """The id of what the DMP states of a patient ``about`` a person or a kind of access (a Consent it holds)."""
        return self._seal(_STATEMENT, _pack(ins) + statement_digest(about))

    def open_statement(self, text: str) -> tuple[INS, bytes] | None:
        """INS and ``statement_digest``, None for anything this facade did not seal as a statement."""
        plain = self._open(_STATEMENT, text)
        if plain is None or len(plain) != _INS_BYTES + _DIGEST_BYTES:
            return None
        ins = _unpack(plain[:_INS_BYTES])
        return None if ins is None else (ins, plain[_INS_BYTES:])

    def _seal(self, kind: bytes, plain: bytes) -> str:
        return self._number + _encode(self._sealer.encrypt(plain, [kind]))

    def _open_pair(self, kind: bytes, text: str) -> tuple[INS, str] | None:
        plain = self._open(kind, text)
        if plain is None or len(plain) != _INS_BYTES + 16:
            return None
        ins = _unpack(plain[:_INS_BYTES])
        return None if ins is None else (ins, str(uuid.UUID(bytes=plain[_INS_BYTES:])))

    def _open(self, kind: bytes, text: str) -> bytes | None:
        sealed = _decode(text[2:]) if _SHAPE.fullmatch(text) else None
        if sealed is None:
            return None
        for opener in self._openers.get(text[:2], ()):
            try:
                return opener.decrypt(sealed, [kind])
            except (InvalidTag, ValueError):
                continue
        return None


def _number(key: bytes) -> str:
    raw = HKDF(algorithm=SHA256(), length=4, salt=None, info=b"dmp-facade key number").derive(key)
    high, low = divmod(int.from_bytes(raw) % 1296, 36)
    return _DIGITS[high] + _DIGITS[low]


def _encode(sealed: bytes) -> str:
    return base64.b64encode(sealed, altchars=_ALTCHARS).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=_ALTCHARS, validate=True)
    except binascii.Error:
        return None
    # Bits of the last character that mean nothing must be zero: one id has one spelling.
    return sealed if _encode(sealed) == text else None


def _uuid_bytes(text: str) -> bytes:
    if not _UUID.fullmatch(text):
        raise ValueError("an id of the DMP is a bare lower-case UUID")
    return bytes.fromhex(text.replace("-", ""))


def _pack(ins: INS) -> bytes:
    # 15 digits take 50 bits, the two Corsican departments (written as a letter) and the kind two bits each.
    department = ins.value[5:7]
    letters = _DEPARTMENTS.index(department) if department in _DEPARTMENTS else 0
    digits = ins.value[:5] + ("00" if letters else department) + ins.value[7:]
    return (((_KINDS.index(ins.kind) << 2 | letters) << 50) | int(digits)).to_bytes(_INS_BYTES)


def _unpack(packed: bytes) -> INS | None:
    number = int.from_bytes(packed)
    digits, letters, kind = f"{number & ((1 << 50) - 1):015d}", number >> 50 & 3, number >> 52
    if letters:
        digits = digits[:5] + _DEPARTMENTS[letters] + digits[7:]
    try:
        return INS(_KINDS[kind], digits)
    except (IndexError, ValueError):
        return None

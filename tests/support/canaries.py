"""Looking for values that must be nowhere: as they are, and in the disguises a program gives them by chance."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_DIGESTS = ("md5", "sha1", "sha256", "sha512")


def forms(value: str) -> set[bytes]:
    """Every form of a value that is looked for: raw, escaped, encoded in base64 at any offset, hexadecimal, hashed."""
    raw = value.encode()
    escaped = (quote(value), quote_plus(value), json.dumps(value)[1:-1], raw.hex())
    found = {raw, *(form.encode() for form in escaped)}
    found |= {form for offset in range(3) for form in _base64_inside(raw, offset)}
    for name in _DIGESTS:
        digest = hashlib.new(name, raw, usedforsecurity=False).digest()
        found |= {digest.hex().encode(), *_base64_inside(digest, 0)}
    return found | {form.lower() for form in found} | {form.upper() for form in found}


def leaked(values: Iterable[str], places: dict[str, bytes]) -> list[tuple[str, str]]:
    """(place, value) of every value that is in a place in any of its forms."""
    return sorted(
        (place, value)
        for value in set(values)
        for place, written in places.items()
        if any(form in written for form in forms(value))
    )


def _base64_inside(raw: bytes, offset: int) -> set[bytes]:
    """What is in the base64 of any text with the value at this offset modulo three: its first and last groups vary."""
    padded = bytes(offset) + raw
    whole = padded[: len(padded) // 3 * 3]
    skipped = 4 if offset else 0
    return {encode(whole)[skipped:] for encode in (base64.b64encode, base64.urlsafe_b64encode)}

"""Public keys of an issuer, from its JWKS: which of them may verify, and how each is made, once.

Keys are constructed from JWK parameters, never from DER: python-jose takes DER bytes for an HMAC secret.
Sources: RFC 7517, RFC 7518 (3.3: RSA keys of 2048 bits or more; 3.4: one curve per ES algorithm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PSS_HASHES: dict[str, hashes.HashAlgorithm] = {
    "PS256": hashes.SHA256(),
    "PS384": hashes.SHA384(),
    "PS512": hashes.SHA512(),
}
_MIN_RSA_BITS = 2048

KeyName = tuple[str, str]


class PssKey(Key):
    """RSASSA-PSS for python-jose, which has none: salt as long as the hash (RFC 7518 section 3.5)."""

    def __init__(self, public_key: RSAPublicKey, algorithm: str) -> None:
        self._public_key = public_key
        self._hash = _PSS_HASHES[algorithm]

    def verify(self, msg: bytes, sig: bytes) -> bool:
        """Whether the signature is right."""
        scheme = padding.PSS(mgf=padding.MGF1(self._hash), salt_length=self._hash.digest_size)
        try:
            self._public_key.verify(sig, msg, scheme, self._hash)
        except InvalidSignature:
            return False
        return True


def signing_keys(jwks: object, algorithms: Sequence[str]) -> dict[KeyName, Key]:
    """The usable keys of a JWKS document, by (kid, algorithm); a key without kid has the empty one.

    Left out: encryption keys, symmetric keys, private keys, weak or malformed ones, algorithms not listed.
    Raises ValueError when it is not a JWKS at all.
    """
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(entries, list):
        raise ValueError("not a JWKS")  # noqa: TRY004 - the document is wrong, not the program
    keys: dict[KeyName, Key] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not _is_for_verifying(entry):
            continue
        for algorithm in algorithms:
            key = _construct(entry, algorithm) if _fits(entry, algorithm) else None
            if key is not None:
                keys.setdefault((str(entry.get("kid", "")), algorithm), key)
    return keys


def _is_for_verifying(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry  # a private key that was published is nobody's any more
    )


def _fits(entry: Mapping[str, Any], algorithm: str) -> bool:
    if entry.get("alg", algorithm) != algorithm:
        return False
    if algorithm in _CURVES:
        return entry.get("kty") == "EC" and entry.get("crv") == _CURVES[algorithm]
    return entry.get("kty") == "RSA"


def _construct(entry: dict[str, Any], algorithm: str) -> Key | None:
    try:
        if algorithm in _CURVES:
            return jwk.construct(entry, algorithm)
        rsa = jwk.construct(entry, "RS256" if algorithm in _PSS_HASHES else algorithm)
        public_key = getattr(rsa, "prepared_key", None)
        if not isinstance(public_key, RSAPublicKey) or public_key.key_size < _MIN_RSA_BITS:
            return None
        return PssKey(public_key, algorithm) if algorithm in _PSS_HASHES else rsa
    except (JOSEError, ValueError, TypeError, KeyError):
        return None

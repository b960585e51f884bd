"""A token issuer with three realms (professionals, structures, citizens), each with a key of its own.

Discovery and keys over plain HTTP on the loopback interface; access tokens are JWS signed with RS256 (RFC 7515, 9068).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask, Response

from facade.embedded.personas import PERSONAS, REALMS
from facade.embedded.pki import new_key, write_key

AUDIENCE = "dmp-facade"
_URL_FILE = "issuer.url"
TWELVE_HOURS = 12 * 3600
_JSON = "application/json"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def base_url(port: int) -> str:
    """Where the issuer of a port is: the start of every ``iss``."""
    return f"http://127.0.0.1:{port}"


def make_keys(folder: Path) -> None:
    """Make the three signing keys in ``folder`` unless they are there."""
    missing = [realm for realm in REALMS if not (folder / f"{realm}.key").exists()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor(len(missing)) as pool:
        for realm, key in zip(missing, pool.map(lambda _: new_key(), missing), strict=True):
            write_key(folder / f"{realm}.key", key)


class Issuer:
    """The three realms behind one base URL. Raises FileNotFoundError when the keys were not made before."""

    def __init__(self, folder: Path, url: str) -> None:
        self._url = url.rstrip("/")
        self._keys = {realm: _load(folder / f"{realm}.key") for realm in REALMS}
        self._kids = {realm: _thumbprint(key) for realm, key in self._keys.items()}

    def iss(self, realm: str) -> str:
        """The issuer identifier of a realm."""
        return f"{self._url}/realms/{realm}"

    def jwks(self, realm: str) -> dict[str, object]:
        """The public key of a realm as a JWK set. Raises KeyError for an unknown realm."""
        public = _public_jwk(self._keys[realm])
        return {"keys": [{**public, "kid": self._kids[realm], "use": "sig", "alg": "RS256"}]}

    def discovery(self, realm: str) -> dict[str, object]:
        """The discovery document of a realm. Raises KeyError for an unknown realm."""
        if realm not in self._keys:
            raise KeyError(realm)
        iss = self.iss(realm)
        return {
            "issuer": iss,
            "jwks_uri": f"{iss}/protocol/openid-connect/certs",
            "authorization_endpoint": f"{iss}/protocol/openid-connect/auth",
            "token_endpoint": f"{iss}/protocol/openid-connect/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def mint(
        self,
        persona: str,
        *,
        lifetime: int = TWELVE_HOURS,
        audience: str | None = AUDIENCE,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """An access token for a persona of the sample world.

        ``lifetime`` in seconds may be negative (a token already expired); ``audience`` None leaves ``aud`` out;
        ``claims`` replaces or adds claims, a value of None removes one. Raises KeyError for an unknown persona.
        """
        who = PERSONAS[persona]
        now = int(datetime.now(UTC).timestamp())
        issued = now + min(lifetime, 0) - 1
        payload: dict[str, object] = {
            "iss": self.iss(who.realm),
            "aud": audience,
            "auth_time": issued,
            "iat": issued,
            "nbf": issued,
            "exp": now + lifetime,
            "jti": secrets.token_hex(16),
            **who.claims,
            **(claims or {}),
        }
        return self._sign(who.realm, {name: value for name, value in payload.items() if value is not None})

    def _sign(self, realm: str, payload: Mapping[str, object]) -> str:
        header = {"alg": "RS256", "typ": "at+jwt", "kid": self._kids[realm]}
        signed = f"{_b64(orjson.dumps(header))}.{_b64(orjson.dumps(payload))}"
        signature = self._keys[realm].sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_b64(signature)}"


def leave_address(data: Path, port: int) -> None:
    """Say in a data directory where its issuer answers, for those who mint tokens there."""
    (data / _URL_FILE).write_text(base_url(port), encoding="utf-8")


def issuer_of(data: Path) -> Issuer:
    """The token issuer of a demonstration's folder. Raises FileNotFoundError when it holds none."""
    return Issuer(data / "issuer", (data / _URL_FILE).read_text(encoding="utf-8").strip())


@lru_cache(maxsize=16)
def _load(path: Path) -> rsa.RSAPrivateKey:
    # Whether its numbers are prime is not proven anew each time: the key was made here.
    key = load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key of a realm is an RSA key")
    return key


def _public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def _thumbprint(key: rsa.RSAPrivateKey) -> str:
    """RFC 7638: SHA-256 over the required members in lexical order."""
    return _b64(sha256(orjson.dumps(_public_jwk(key), option=orjson.OPT_SORT_KEYS)).digest())


def create_issuer(issuer: Issuer) -> Flask:
    """The WSGI application that publishes discovery and keys of the three realms."""
    app = Flask("dmp-issuer")

    @app.get("/realms/<realm>/.well-known/openid-configuration")
    def discovery(realm: str) -> Response:
        return _answer(issuer.discovery(realm))

    @app.get("/realms/<realm>/protocol/openid-connect/certs")
    def certs(realm: str) -> Response:
        return _answer(issuer.jwks(realm))

    @app.errorhandler(KeyError)
    def unknown(_error: KeyError) -> Response:
        return _answer({"error": "unknown realm"}, 404)

    return app


def _answer(document: Mapping[str, object], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, content_type=_JSON, headers={"Cache-Control": "max-age=300"})

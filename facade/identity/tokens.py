"""A token, from the Authorization header to claims that may be believed.

Sources: RFC 7515, RFC 7519, RFC 8725 (best practices), RFC 9068 (access tokens), RFC 8705 (binding to a certificate).
No error text ever carries the token or one of its values.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from facade.domain.errors import Unauthenticated
from facade.identity.config import IssuerConfig

MAX_TOKEN = 16 * 1024
_BEARER = re.compile(r"bearer +", re.IGNORECASE)
_SEGMENT = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_SEGMENTS = 3
_HEADER_TYPES = {"jwt", "at+jwt", "application/at+jwt", "application/jwt"}
_CLAIM_TYPES = {"bearer", "jwt", "at+jwt"}

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawToken:
    """A token taken apart; nothing of it is believed yet."""

    text: str = field(repr=False)
    header: Claims = field(repr=False)
    claims: Claims = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The algorithm it says it was signed with, empty when it does not say."""
        algorithm = self.header.get("alg")
        return algorithm if isinstance(algorithm, str) else ""


def read(authorization_header: str | None) -> RawToken:
    """Take the bearer token out of the header and apart.

    Raises Unauthenticated: ``token.missing``, ``token.too-large``, ``token.malformed``.
    """
    header = authorization_header or ""
    scheme = _BEARER.match(header)
    if scheme is None:
        raise Unauthenticated.of("token.missing")
    text = header[scheme.end() :].strip(" ")
    if not text:
        raise Unauthenticated.of("token.missing")
    if len(text) > MAX_TOKEN:
        raise Unauthenticated.of("token.too-large", limit=str(MAX_TOKEN))
    segments = text.split(".")
    if len(segments) != _SEGMENTS or not all(map(_SEGMENT.fullmatch, segments)):
        raise Unauthenticated.of("token.malformed")
    return RawToken(text, _json(segments[0]), _json(segments[1]))


def check_header(token: RawToken, issuer: IssuerConfig) -> str | None:
    """Compare the header with what the issuer may sign with; return the kid. ``jku``, ``x5u``, ``jwk`` mean nothing.

    Raises Unauthenticated: ``token.algorithm``, ``token.critical-header``, ``token.type``, ``token.malformed``.
    """
    if token.algorithm not in issuer.algorithms:
        raise Unauthenticated.of("token.algorithm", allowed=", ".join(issuer.algorithms))
    if "crit" in token.header:
        raise Unauthenticated.of("token.critical-header")
    kind = token.header.get("typ")
    if kind is not None and not (isinstance(kind, str) and kind.lower() in _HEADER_TYPES):
        raise Unauthenticated.of("token.type")
    kid = token.header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise Unauthenticated.of("token.malformed")
    return kid


def check_claims(claims: Claims, issuer: IssuerConfig, now: datetime) -> None:
    """Times, audience, subject and type of a token whose signature is right.

    Raises Unauthenticated: ``token.claims``, ``token.expired``, ``token.not-yet-valid``, ``token.audience``,
    ``token.type``.
    """
    moment = now.timestamp()
    expiry, issued = _time(claims, "exp"), _time(claims, "iat")
    if not text_claim(claims, "sub"):
        raise Unauthenticated.of("token.claims", claim="sub")
    if moment >= expiry + issuer.leeway:
        raise Unauthenticated.of("token.expired")
    starts = max(issued, _time(claims, "nbf") if "nbf" in claims else issued)
    if moment + issuer.leeway < starts:
        raise Unauthenticated.of("token.not-yet-valid")
    if "aud" not in claims:
        raise Unauthenticated.of("token.claims", claim="aud")
    audience = claims["aud"]
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise Unauthenticated.of("token.audience", audience=issuer.audience)
    kind = claims.get("typ", "Bearer")
    if not isinstance(kind, str) or kind.lower() not in _CLAIM_TYPES:
        raise Unauthenticated.of("token.type")


def check_binding(claims: Claims, client_certificate_sha256: str | None, *, enforced: bool, required: bool) -> None:
    """Compare ``cnf.x5t#S256`` with the certificate presented. A confirmation that cannot be checked is not one.

    ``enforced``: a bound token needs its certificate; otherwise it is compared only where one was presented.
    ``required``: a token that is not bound at all is refused.
    Raises Unauthenticated ``token.not-bound``.
    """
    confirmation = claims.get("cnf")
    if confirmation is None and not required:
        return
    thumbprint = confirmation.get("x5t#S256") if isinstance(confirmation, Mapping) else None
    if not isinstance(thumbprint, str) or not thumbprint:
        raise Unauthenticated.of("token.not-bound")
    if client_certificate_sha256 is None:
        if enforced:
            raise Unauthenticated.of("token.not-bound")
        return
    presented = client_certificate_sha256.rstrip("=")
    if not hmac.compare_digest(thumbprint.rstrip("=").encode("utf-8", "replace"), presented.encode("utf-8", "replace")):
        raise Unauthenticated.of("token.not-bound")


def thumbprint(certificate: bytes) -> str:
    """``x5t#S256`` of a certificate given as DER: base64url of its SHA-256, without padding (RFC 8705 section 3.1)."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).rstrip(b"=").decode()


def login_time(claims: Claims, now: datetime) -> datetime | None:
    """When the person logged in (``auth_time``, OpenID Connect Core 2), in UTC; None where nothing credible says it."""
    stated = claims.get("auth_time")
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0 < stated <= now.timestamp():
        return None
    return datetime.fromtimestamp(stated, UTC)


def text_claim(claims: Claims, name: str) -> str:
    """A claim that is text, stripped; empty when it is missing or something else."""
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, bool) and isinstance(value, int | float):
        try:
            moment = float(value)
        except OverflowError:
            moment = math.inf
        if math.isfinite(moment):
            return moment
    raise Unauthenticated.of("token.claims", claim=name)


def _json(segment: str) -> Claims:
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        raise Unauthenticated.of("token.malformed") from None
    if not isinstance(value, dict):
        raise Unauthenticated.of("token.malformed")
    return value

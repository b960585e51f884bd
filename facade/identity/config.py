"""What the operator says about token issuers, structures and levels of authentication. Wrong settings do not start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from facade.domain.caller import Application, Structure

# Signature algorithms that may be allowed: asymmetric only. A list with HS* lets a public key be used as a secret
# (CVE-2024-33663), ``none`` is no signature at all.
ALLOWED_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
MAX_LEEWAY = 30


class IssuerKind(StrEnum):
    """What the tokens of an issuer stand for."""

    PROFESSIONAL = "professional"
    STRUCTURE = "structure"
    CITIZEN = "citizen"


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """One issuer. Its keys come from exactly one of ``jwks_uri``, ``discovery_uri`` (full URL), ``jwks_file``.

    ``issuer`` is compared exactly with ``iss``; ``leeway`` is in seconds; ``ca_bundle`` a PEM file for the JWKS server.
    Raises ValueError for anything that would make verification weaker than it must be.
    """

    issuer: str
    kind: IssuerKind
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: str = ""
    discovery_uri: str = ""
    jwks_file: Path | None = None
    leeway: int = 30
    ca_bundle: str = ""

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ValueError("an issuer needs its URL and its audience")
        if not self.algorithms or not ALLOWED_ALGORITHMS.issuperset(self.algorithms):
            raise ValueError(f"the algorithms of an issuer must be among {', '.join(sorted(ALLOWED_ALGORITHMS))}")
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"the leeway of an issuer is at most {MAX_LEEWAY} seconds")
        if sum(map(bool, (self.jwks_uri, self.discovery_uri, self.jwks_file))) != 1:
            raise ValueError("an issuer has its keys from one place: jwks_uri, discovery_uri or jwks_file")
        for uri in filter(None, (self.jwks_uri, self.discovery_uri)):
            require_safe_url(uri)


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """Everything the verifier needs to know.

    ``structures``              the white list, by Struct_IdNat (EXI 29).
    ``own_structure``           the structure that answers for patients, representatives and applications.
    ``applications``            the applications of the catalogue, by client id.
    ``accepted_acr``            two-factor levels of authentication.
    ``bound_structure_tokens``  structure tokens must be bound to the client certificate (RFC 8705).
    ``citizens_enabled``        patients, representatives and applications are served at all.
    ``refresh_interval``        least seconds between two fetches of one issuer's keys.
    ``keys_max_age``            after so many seconds keys are fetched again in the background.
    """

    issuers: tuple[IssuerConfig, ...]
    structures: Mapping[str, Structure]
    own_structure: Structure
    applications: Mapping[str, Application] = field(default_factory=dict)
    accepted_acr: tuple[str, ...] = ("eidas1",)
    bound_structure_tokens: bool = False
    citizens_enabled: bool = True
    refresh_interval: float = 30.0
    keys_max_age: float = 900.0

    def __post_init__(self) -> None:
        if len({issuer.issuer for issuer in self.issuers}) != len(self.issuers):
            raise ValueError("two issuers have the same URL")


def require_safe_url(url: str) -> None:
    """Raise ValueError unless the URL is https, or http to this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not _is_loopback(parts.hostname or ""):
        raise ValueError("keys are fetched over https only (http only from the local machine)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

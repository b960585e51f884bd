"""Where messages are submitted, and how the facade makes itself known there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where an access token is asked for: OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class MailConfig:
    """One submission server (RFC 6409).

    ``tls``   ``starttls`` on the submission port, or ``implicit`` (RFC 8314). There is no third way.
    ``auth``  ``xoauth2`` with a token of ``token`` for the box ``user``, or ``certificate``: that of the TLS client.
    ``name``  what the facade calls itself (EHLO); ``timeout`` and ``data_timeout`` in seconds (RFC 5321, 4.5.3.2).
    """

    host: str
    port: int
    tls: Literal["starttls", "implicit"]
    auth: Literal["xoauth2", "certificate"]
    name: str
    user: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str | None = field(default=None, repr=False)
    token: TokenSource | None = None
    timeout: float = 30.0
    data_timeout: float = 600.0

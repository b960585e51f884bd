"""Which web pages may call this API: those of the origins of the setting ``cors_origins``, none by default.

Pages send a bearer token themselves; no cookie is ever accepted, so credentials are never allowed. Source: Fetch
standard, CORS protocol; SMART App Launch 2.1 (a server for browser apps needs CORS).
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

_SECONDS = 600
_SENT = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Connexion-Secrete",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Exist",
    "If-None-Match",
    "Masking-On-Behalf-Of-Holder",
    "Prefer",
    "Purpose-Of-Use",
    "Purpose-Of-Use-Reason",
    "traceparent",
    "X-Request-Id",
    "X-Worksituation",
)
_READ = (
    "Being-Sent",
    "Content-Disposition",
    "Document-Provenance",
    "ETag",
    "Last-Modified",
    "Link",
    "Location",
    "Retry-After",
    "Still-Owed",
    "WWW-Authenticate",
    "X-Request-Id",
)


def allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """Answer the preflight of these origins and let their pages read what FHIR routes answer."""
    if not origins:
        return
    CORS(
        app,
        resources=r"/fhir(?:/.*)?$",
        origins=list(origins),
        methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=list(_SENT),
        expose_headers=list(_READ),
        max_age=_SECONDS,
        always_send=False,
        supports_credentials=False,
    )

"""Every FHIR request passes here first: correlation id, token, caller. What is public is listed, not forgotten.

RFC 6750 (Bearer), RFC 9440 (Client-Cert from a trusted proxy), W3C Trace Context.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid

from flask import Response, g, request

from facade.api.exchange import services, traceparent

PUBLIC = {
    "conformance.code_system",
    "conformance.code_systems",
    "conformance.information_notice",
    "conformance.operation_definition",
    "conformance.search_parameter",
    "conformance.served_operations",
    "conformance.served_search_parameters",
    "conformance.structure_definition",
    "conformance.structure_definitions",
    "conformance.value_set",
    "conformance.value_sets",
    "metadata.metadata",
    "metadata.smart_configuration",
    "health.alive",
    "health.ready",
    "health.metrics",
    "docs.page",
    "docs.asset",
    "docs.document",
}
_CORRELATION = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def identify() -> None:
    """Give the request its correlation id and, unless its route is public, its verified caller.

    Raises Unauthenticated for a missing or wrong token, before the body is read or anything else is done.
    """
    given = request.headers.get("X-Request-Id", "")
    g.correlation_id = given if _CORRELATION.match(given) else str(uuid.uuid4())
    g.traceparent = traceparent()
    if request.endpoint in PUBLIC or request.method == "OPTIONS":
        return
    g.caller = services().verifier.verify(
        request.headers.get("Authorization"),
        activity=request.headers.get("X-Worksituation"),
        client_certificate_sha256=_certificate(),
        now=services().clock(),
    )


def add_headers(response: Response) -> Response:
    """Headers every answer carries: correlation id, no caching of health data, no sniffing."""
    response.headers["X-Request-Id"] = g.get("correlation_id", "")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.status_code == 401:  # noqa: PLR2004 - RFC 6750 section 3
        response.headers["WWW-Authenticate"] = 'Bearer realm="dmp-facade"'
    return response


def _certificate() -> str | None:
    """The client certificate's x5t#S256 as a trusted proxy hands it over; anybody else's header is ignored."""
    header = request.headers.get("Client-Cert", "")
    if not header or request.remote_addr not in services().settings.trusted_proxies:
        return None
    try:
        der = base64.b64decode(header.strip().strip(":"), validate=True)
    except binascii.Error:
        return None
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()

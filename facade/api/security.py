"""Every FHIR request passes here first: token, caller. What is public is listed, not forgotten.

RFC 6750 (Bearer), RFC 8705 (certificate-bound tokens), RFC 9440 (Client-Cert from a trusted proxy).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from flask import Response, g, request

from facade.api.exchange import services
from facade.identity.tokens import thumbprint

# Where the server leaves the client certificate of a TLS connection, as DER. No header can have this name.
CLIENT_CERTIFICATE = "dmp_facade.client_certificate"
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
    "obligations.what_is_owed",
    "health.alive",
    "health.ready",
    "health.metrics",
    "docs.page",
    "docs.asset",
    "docs.document",
}
CONSOLE = "console"


def identify() -> None:
    """Give the request, unless its route is public, its verified caller.

    Raises Unauthenticated for a missing or wrong token, before the body is read or anything else is done.
    """
    # The console gives no token of its own: it is a client of the API, and shows what the API answers.
    if request.endpoint in PUBLIC or request.blueprint == CONSOLE or request.method == "OPTIONS":
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
    """``x5t#S256`` of the client's certificate, None when it presented none.

    A trusted proxy hands it over in a header, and its own certificate is not its client's; of anybody else it is the
    certificate of the TLS connection, and the header is ignored.
    """
    der = _handed_over() if comes_from(services().settings.trusted_proxies) else request.environ.get(CLIENT_CERTIFICATE)
    return thumbprint(der) if der else None


def comes_from(networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the connection of the request comes from one of these networks."""
    try:
        peer = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in network for network in networks)


def _handed_over() -> bytes | None:
    try:
        return base64.b64decode(request.headers.get("Client-Cert", "").strip().strip(":"), validate=True)
    except ValueError:
        return None

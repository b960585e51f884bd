"""The facade's own TLS: the certificate it serves with, and the authorities of its clients' certificates.

A client certificate is asked for and never demanded: what a structure's token is bound to is compared for each request
(RFC 8705), while a professional's application presents none. TLS 1.2 at least (RFC 9325).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from facade.settings import Settings

_LONG_ENOUGH = timedelta(days=7)
# What OpenSSL says of a file, in words. Its own text names neither the setting nor what to do.
_REASONS = {
    "KEY_VALUES_MISMATCH": "tls_key is not the key of the first certificate of tls_certificate",
    "EE_KEY_TOO_SMALL": "the key of tls_certificate is too short (RSA: 2048 bits at least)",
    "CA_MD_TOO_WEAK": "tls_certificate is signed with a digest that is no longer accepted",
}


class TlsUnusable(ValueError):
    """The server cannot speak TLS with these settings; the message names the one that is wrong, and no content."""


def server_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context of the server. Raises TlsUnusable."""
    certificate, key, authorities = settings.tls_certificate, settings.tls_key, settings.tls_client_ca
    if certificate is None or key is None:
        raise TlsUnusable("tls_certificate and tls_key go together: one of them is not set")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    password = settings.tls_password.get_secret_value() if settings.tls_password else ""
    _readable("tls_certificate", certificate)
    _readable("tls_key", key)
    try:
        # Without a password given here OpenSSL would ask for it on the terminal.
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        raise TlsUnusable(_REASONS.get(error.reason, _no_pair(certificate))) from None
    if authorities is not None:
        _readable("tls_client_ca", authorities)
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError:
            raise TlsUnusable("tls_client_ca holds no certificate in PEM") from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def problems(settings: Settings, now: datetime) -> list[str]:
    """What is wrong with the TLS settings, in words for the operator; empty when nothing is."""
    given = [name for name in ("tls_key", "tls_password", "tls_client_ca") if getattr(settings, name)]
    if settings.tls_certificate is None:
        unused = [f"tls: {', '.join(given)} without tls_certificate: nothing is served over TLS"] if given else []
        return [*unused, *_unreachable(settings)]
    try:
        server_context(settings)
    except TlsUnusable as error:
        return [f"tls: {error}"]
    return [f"tls: {problem}" for problem in _weaknesses(settings, settings.tls_certificate, now)] + _unreachable(
        settings
    )


def _weaknesses(settings: Settings, certificate: Path, now: datetime) -> Iterator[str]:
    if not settings.public_url.startswith("https://"):
        yield "public_url does not begin with https://, the addresses in answers would lead nowhere"
    yield from _out_of_time("tls_certificate", _certificates(certificate)[:1], now)
    if settings.tls_client_ca is not None:
        authorities = _certificates(settings.tls_client_ca)
        yield from _out_of_time("tls_client_ca", authorities, now)
        if not all(map(_is_authority, authorities)):
            yield "tls_client_ca holds a certificate that is not an authority's: no client certificate comes from it"


def _unreachable(settings: Settings) -> list[str]:
    """A structure is believed with its certificate only: there has to be a way for one to come in."""
    machines = any(issuer.kind == "structure" for issuer in settings.issuers)
    way = settings.trusted_proxies or (settings.tls_certificate and settings.tls_client_ca)
    if not machines or not settings.bound_structure_tokens or way:
        return []
    return [
        "tls: structures' tokens must be bound to a client certificate (bound_structure_tokens), and none can reach "
        "the facade: set tls_certificate, tls_key and tls_client_ca, or trusted_proxies"
    ]


def _out_of_time(name: str, certificates: list[x509.Certificate], now: datetime) -> Iterator[str]:
    for certificate in certificates:
        if certificate.not_valid_before_utc > now:
            yield f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only: is the clock right?"
        elif certificate.not_valid_after_utc <= now + _LONG_ENOUGH:
            yield f"{name} expires on {certificate.not_valid_after_utc:%Y-%m-%d}"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise TlsUnusable(f"{name} cannot be read: {error.strerror}") from None


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        return []


def _no_pair(certificate: Path) -> str:
    if not _certificates(certificate):
        return "tls_certificate holds no certificate in PEM"
    return "tls_key is no private key in PEM, or tls_password is not its password"

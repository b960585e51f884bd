"""Private keys and certificates: read once at start, checked against each other and the calendar.

Reading an RSA key costs tens of milliseconds, therefore nothing here is called while a request is served.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12

from facade.dmp.config import DmpConfig, KeyFiles

_TRIAL = b"trial"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BadKeyMaterial(ValueError):
    """A key or certificate file is missing, unreadable, expired, or does not belong to the other."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key, its certificate, and the certificates that lead to the root."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def subject(self) -> str:
        """The subject DN, most specific part first (RFC 2253 order)."""
        return self.certificate.subject.rfc4514_string()

    @property
    def is_rsa(self) -> bool:
        """RSA, or else elliptic curve."""
        return isinstance(self.key, rsa.RSAPrivateKey)

    def sign(self, data: bytes, hash_name: str) -> bytes:
        """Sign as XML signatures want it: PKCS#1 v1.5 for RSA, ``r || s`` for ECDSA."""
        algorithm = hashes.SHA1() if hash_name == "sha1" else hashes.SHA256()  # noqa: S303 - a setting for old peers
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), algorithm)
        size = (self.key.key_size + 7) // 8
        first, second = decode_dss_signature(self.key.sign(data, ec.ECDSA(algorithm)))
        return first.to_bytes(size, "big") + second.to_bytes(size, "big")


def load(files: KeyFiles, what: str, now: datetime | None = None) -> Credential:
    """Read a key pair. ``what`` names it in the error (``AUTH_CLI``, ``SIGN``).

    Raises BadKeyMaterial when a file is missing or unreadable, the key is not the certificate's, or the certificate is
    not valid now.
    """
    try:
        key, certificates = _read_pkcs12(files) if files.is_pkcs12 else _read_pem(files)
    except OSError as error:
        raise BadKeyMaterial(f"{what}: cannot read {error.filename}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise BadKeyMaterial(
            f"{what}: {files.certificate} or its key cannot be understood, or the password is wrong"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BadKeyMaterial(f"{what}: the private key is neither RSA nor elliptic curve")
    credential = Credential(certificates[0], tuple(certificates[1:]), key)
    if not _signs_for_its_certificate(credential):
        raise BadKeyMaterial(f"{what}: the private key is not that of {files.certificate}")
    _check_dates(credential.certificate, what, files.certificate, now or datetime.now(UTC))
    return credential


def _signs_for_its_certificate(credential: Credential) -> bool:
    """Whether what the key signs is what its certificate vouches for.

    Of an RSA key this is looked at, and not how its numbers hang together: that takes OpenSSL 45 ms for each key.
    """
    public, key = credential.certificate.public_key(), credential.key
    if public != key.public_key():
        return False
    if not isinstance(key, rsa.RSAPrivateKey) or not isinstance(public, rsa.RSAPublicKey):
        return True
    try:
        public.verify(
            key.sign(_TRIAL, padding.PKCS1v15(), hashes.SHA256()), _TRIAL, padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def tls_context(config: DmpConfig) -> ssl.SSLContext:
    """The client side of TLS: at least 1.2, the documented suites, our certificate, our authorities and no others.

    Raises BadKeyMaterial when a file does not serve.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(config.tls_suites)
    except ssl.SSLError as error:
        raise BadKeyMaterial(f"TLS suites {config.tls_suites}: none of them is known here") from error
    try:
        context.load_verify_locations(cafile=str(config.ca))
    except (OSError, ssl.SSLError) as error:
        raise BadKeyMaterial(f"CA {config.ca} cannot be used: is it there, and PEM?") from error
    try:
        if config.auth.is_pkcs12:
            _load_pkcs12_chain(context, config.auth)
        else:
            context.load_cert_chain(config.auth.certificate, config.auth.key, config.auth.password or "")
    except (OSError, ssl.SSLError) as error:
        raise BadKeyMaterial(f"AUTH_CLI: {config.auth.certificate} cannot be used for TLS") from error
    return context


def _check_dates(certificate: x509.Certificate, what: str, path: Path, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise BadKeyMaterial(
            f"{what}: {path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )
    if now > certificate.not_valid_after_utc:
        raise BadKeyMaterial(f"{what}: {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def _password(files: KeyFiles) -> bytes | None:
    return files.password.encode() if files.password else None


def _read_pem(files: KeyFiles) -> tuple[object, list[x509.Certificate]]:
    certificates = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    pem = (files.key or files.certificate).read_bytes()
    key = serialization.load_pem_private_key(pem, _password(files), unsafe_skip_rsa_key_validation=True)
    return key, certificates


def _read_pkcs12(files: KeyFiles) -> tuple[object, list[x509.Certificate]]:
    key, certificate, others = pkcs12.load_key_and_certificates(files.certificate.read_bytes(), _password(files))
    if certificate is None:
        raise ValueError("no certificate")
    return key, [certificate, *others]


def _load_pkcs12_chain(context: ssl.SSLContext, files: KeyFiles) -> None:
    """``ssl`` reads keys from PEM files only: one that only we can read, gone as soon as it was read."""
    credential = load(files, "AUTH_CLI")
    pem = credential.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for certificate in (credential.certificate, *credential.chain):
        pem += certificate.public_bytes(serialization.Encoding.PEM)
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()

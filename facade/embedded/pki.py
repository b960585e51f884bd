"""A test IGC-Santé: one authority, the server's certificate and the two certificates of a care organisation.

``ORG AUTH_CLI`` opens the TLS connection, ``ORG SIGN`` signs: two certificates of the same legal entity that may not
stand in for one another (IGC-Santé, domaine Organisations). Their OU is ``1`` + FINESS of the legal entity.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=825)
_NAMES = ("ca", "server", "auth_cli", "sign")


@dataclass(frozen=True, slots=True)
class Pki:
    """Where the PEM files are. The private key of the authority is in no file: nothing more can be issued from them."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Certificate of the test authority."""
        return self.folder / "ca.pem"

    @property
    def server(self) -> Path:
        """Certificate of the embedded DMP (localhost, 127.0.0.1)."""
        return self.folder / "server.pem"

    @property
    def server_key(self) -> Path:
        """Private key of the embedded DMP."""
        return self.folder / "server.key"

    @property
    def auth_cli(self) -> Path:
        """ORG AUTH_CLI: the certificate a client opens the TLS connection with."""
        return self.folder / "auth_cli.pem"

    @property
    def auth_cli_key(self) -> Path:
        """Private key of ORG AUTH_CLI."""
        return self.folder / "auth_cli.key"

    @property
    def sign(self) -> Path:
        """ORG SIGN: the certificate ("cachet") VIHF and lots are signed with."""
        return self.folder / "sign.pem"

    @property
    def sign_key(self) -> Path:
        """Private key of ORG SIGN."""
        return self.folder / "sign.key"


def new_key() -> rsa.RSAPrivateKey:
    """A fresh RSA-2048 key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def write_key(path: Path, key: rsa.RSAPrivateKey) -> None:
    """Write a private key as PKCS #8 PEM that only its owner can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def make_pki(folder: Path, organisation_unit: str, organisation: str) -> Pki:
    """Make the test certificates in ``folder`` unless they are there, and return where they are.

    ``organisation_unit`` is the OU of both ORG certificates (``1`` + FINESS of the legal entity).
    """
    pki = Pki(folder)
    if pki.sign.exists():
        return pki
    Authority(folder, organisation_unit, organisation)
    return pki


class Authority:
    """The test authority: makes all certificates of ``folder``, and new ones for as long as it is in memory."""

    def __init__(self, folder: Path, organisation_unit: str, organisation: str) -> None:
        self._folder = folder
        self._subjects = {
            "server": _subject("localhost", "DMP", "DMP embarque de test"),
            "auth_cli": _subject("ORG AUTH_CLI test", organisation_unit, organisation),
            "sign": _subject("ORG SIGN test", organisation_unit, organisation),
        }
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ThreadPoolExecutor(len(_NAMES)) as pool:
            self._keys = dict(zip(_NAMES, pool.map(lambda _: new_key(), _NAMES), strict=True))
        self._certificate = _authority(self._keys["ca"])
        (folder / "ca.pem").write_bytes(self._certificate.public_bytes(Encoding.PEM))
        for name in self._subjects:
            self.issue(name)

    def issue(self, name: str, ends: datetime | None = None) -> None:
        """Write the certificate ``server``, ``auth_cli`` or ``sign`` and its key; valid until ``ends`` (UTC)."""
        subject, key = self._subjects[name], self._keys[name]
        certificate = _issue(name, subject, key, self._certificate, self._keys["ca"], ends)
        write_key(self._folder / f"{name}.key", key)
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _subject(common_name: str, unit: str, organisation: str) -> x509.Name:
    """C, ST, O, OU, CN: read backwards (RFC 2253) this is the Issuer of a VIHF."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Paris (75)"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, signs_certificates: bool = False, non_repudiation: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=non_repudiation,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, ends: datetime | None = None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    end = ends or now + _LIFE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - timedelta(hours=1))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(key: rsa.RSAPrivateKey) -> x509.Certificate:
    subject = _subject("AC ORGANISATIONS de test", "IGC TEST", "DMP embarque de test")
    return (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _issue(
    name: str,
    subject: x509.Name,
    key: rsa.RSAPrivateKey,
    authority: x509.Certificate,
    authority_key: rsa.RSAPrivateKey,
    ends: datetime | None,
) -> x509.Certificate:
    """One end-entity certificate: key usage and extended key usage are what tells the three apart."""
    builder = _builder(subject, authority.subject, key, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(non_repudiation=name == "sign"), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
    )
    if name == "server":
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    if name == "auth_cli":
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(authority_key, hashes.SHA256())

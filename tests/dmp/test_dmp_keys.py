from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from facade.dmp.config import DmpConfig, KeyFiles, VihfOptions
from facade.dmp.gateway import SoapGateway
from facade.dmp.http import HttpClient
from facade.dmp.keys import BadKeyMaterial, load, tls_context
from tests.support.dmp_server import DmpServer, Issued, Pki


def files(issued: Issued) -> KeyFiles:
    return KeyFiles(issued.certificate_file, issued.key_file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadKeyMaterial, match=r"SIGN: cannot read .*nowhere\.pem"):
        load(KeyFiles(tmp_path / "nowhere.pem"), "SIGN")


def test_a_key_of_another_certificate(auth: Issued, sign: Issued) -> None:
    with pytest.raises(BadKeyMaterial, match="not that of"):
        load(KeyFiles(auth.certificate_file, sign.key_file), "AUTH_CLI")


def test_an_rsa_key_whose_numbers_do_not_hang_together(sign: Issued, tmp_path: Path) -> None:
    """A damaged file: its public half is that of the certificate, what it signs nobody can verify."""
    assert isinstance(sign.key, rsa.RSAPrivateKey)
    numbers = sign.key.private_numbers()
    damaged = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d + 2, numbers.dmp1 + 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    file = tmp_path / "damaged.key"
    file.write_bytes(
        damaged.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    with pytest.raises(BadKeyMaterial, match="not that of"):
        load(replace(files(sign), key=file), "SIGN")


@pytest.mark.parametrize(("start", "days", "text"), [(-3, -1, "expired on"), (1, 2, "not valid before")])
def test_a_certificate_outside_its_dates(pki: Pki, start: int, days: int, text: str) -> None:
    with pytest.raises(BadKeyMaterial, match=text):
        load(files(pki.issue(f"dated {days}", start=start, days=days)), "SIGN")


def test_garbage(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("not a certificate")
    with pytest.raises(BadKeyMaterial, match="cannot be understood"):
        load(KeyFiles(tmp_path / "x.pem"), "SIGN")


def test_an_encrypted_key_needs_its_password(sign: Issued, tmp_path: Path) -> None:
    encrypted = sign.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "k.pem").write_bytes(encrypted)
    assert load(KeyFiles(sign.certificate_file, tmp_path / "k.pem", "secret"), "SIGN").subject.startswith("CN=SIGN")
    for password in (None, "wrong"):
        with pytest.raises(BadKeyMaterial):
            load(KeyFiles(sign.certificate_file, tmp_path / "k.pem", password), "SIGN")


def test_pkcs12_serves_for_signing_and_for_tls(
    auth: Issued, pki: Pki, tmp_path: Path, config: DmpConfig, server: DmpServer
) -> None:
    packed = pkcs12.serialize_key_and_certificates(
        b"x", auth.key, auth.certificate, [pki.ca.certificate], serialization.BestAvailableEncryption(b"pw")
    )
    (tmp_path / "auth.p12").write_bytes(packed)
    both = KeyFiles(tmp_path / "auth.p12", password="pw")
    credential = load(both, "AUTH_CLI")
    assert (credential.certificate, credential.chain) == (auth.certificate, (pki.ca.certificate,))
    client = HttpClient(replace(config, auth=both))
    assert client.probe() is None
    client.close()


def test_no_secret_in_a_repr(config: DmpConfig) -> None:
    shown = repr(replace(config, auth=replace(config.auth, password="hush")))
    assert "hush" not in shown
    assert "SECRET-HOMOLOGATION" not in shown
    assert "PrivateKey" not in repr(load(config.sign, "SIGN"))


def test_tls_at_least_1_2_our_authority_only_and_the_host_checked(config: DmpConfig) -> None:
    context = tls_context(config)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 1
    suites = {each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"}
    assert suites == {
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES256-SHA384",
    }


@pytest.mark.parametrize("field", ["ca", "auth", "sign"])
def test_the_gateway_does_not_start_with_a_missing_file(config: DmpConfig, field: str, tmp_path: Path) -> None:
    nothing = tmp_path / "none.pem"
    broken = replace(config, ca=nothing) if field == "ca" else replace(config, **{field: KeyFiles(nothing)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="none"):
        SoapGateway(broken)


def test_certificate_expiry(make_gateway: Callable[..., SoapGateway], auth: Issued, sign: Issued) -> None:
    expiry = make_gateway().certificate_expiry()
    assert expiry == {"auth": auth.certificate.not_valid_after_utc, "sign": sign.certificate.not_valid_after_utc}
    assert expiry["sign"] > datetime.now(UTC) + timedelta(days=20)


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "http://dmp.example"},
        {"vihf": VihfOptions(hash="md5")},
        {"lot_signature_hash": "md5"},
        {"services": {"registery": "r"}},
        {"read_attempts": 0},
        {"pool_size": 0},
    ],
)
def test_a_configuration_that_makes_no_sense(config: DmpConfig, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"https|sha256|services|at least 1"):
        replace(config, **changes)  # type: ignore[arg-type]

"""TLS settings that cannot work are named before anything is served."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from facade.embedded.pki import Pki, make_pki, new_key
from facade.settings import Settings
from facade.settings_parts import StructureSettings
from facade.tls import problems
from tests.support.demo import RunningDemo
from tests.support.serving import write_settings

PASSWORD = "un mot de passe"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("check") / "pki", "1750000000", "HOPITAL")


def settings(pki: Pki, **changes: Any) -> Settings:
    values = {
        "public_url": "https://facade.example",
        "tls_certificate": pki.server,
        "tls_key": pki.server_key,
        "tls_client_ca": pki.ca,
        "issuers": ({"issuer": "https://i.example", "kind": "structure"},),
        **changes,
    }
    return Settings(**{name: value for name, value in values.items() if value is not None})


def told(pki: Pki, after: timedelta = timedelta(0), **changes: Any) -> list[str]:
    return problems(settings(pki, **changes), datetime.now(UTC) + after)


@pytest.fixture(scope="module")
def files(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What an operator may name by mistake."""
    folder = tmp_path_factory.mktemp("files")
    key = load_pem_private_key(pki.server_key.read_bytes(), None)
    contents = {
        "empty": b"",
        "locked": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())),
        "strange": new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    made = {name: folder / name for name in contents}
    return {**made, "server": pki.server, "client": pki.auth_cli, "nowhere": folder / "nowhere", "folder": folder}


def test_right_settings_raise_no_question(pki: Pki, files: dict[str, Path]) -> None:
    assert told(pki) == []
    assert told(pki, tls_key=files["locked"], tls_password=PASSWORD) == []
    assert told(pki, tls_client_ca=None, bound_structure_tokens=False) == []
    assert told(pki, tls_client_ca=None, trusted_proxies=("10.0.0.0/8",)) == []
    nothing: dict[str, Any] = {"tls_certificate": None, "tls_key": None, "tls_client_ca": None}
    assert told(pki, **nothing, public_url="http://facade.example", issuers=()) == []


@pytest.mark.parametrize(
    ("setting", "file", "words"),
    [
        ("tls_key", None, "tls_certificate and tls_key go together"),
        ("tls_certificate", None, "tls_key, tls_client_ca without tls_certificate"),
        ("tls_certificate", "nowhere", "tls_certificate cannot be read: No such file"),
        ("tls_key", "nowhere", "tls_key cannot be read: No such file"),
        ("tls_client_ca", "nowhere", "tls_client_ca cannot be read: No such file"),
        ("tls_client_ca", "folder", "tls_client_ca cannot be read: Is a directory"),
        ("tls_key", "strange", "tls_key is not the key of the first certificate"),
        ("tls_key", "locked", "tls_password is not its password"),
        ("tls_key", "server", "tls_key is no private key in PEM"),
        ("tls_certificate", "empty", "tls_certificate holds no certificate in PEM"),
        ("tls_client_ca", "empty", "tls_client_ca holds no certificate in PEM"),
        ("tls_client_ca", "client", "tls_client_ca holds a certificate that is not an authority's"),
        ("tls_client_ca", None, "none can reach the facade: set tls_certificate"),
    ],
)
def test_a_file_that_is_wrong_is_named_by_its_setting(
    pki: Pki, files: dict[str, Path], setting: str, file: str | None, words: str
) -> None:
    change: dict[str, Any] = {setting: files[file] if file else None}
    found = told(pki, **change)
    assert any(words in problem for problem in found), found
    assert all(str(files["folder"]) not in problem for problem in found)


def test_a_wrong_password_and_a_wrong_address_are_named(pki: Pki, files: dict[str, Path]) -> None:
    (wrong,) = told(pki, tls_key=files["locked"], tls_password="not-the-one")
    assert "tls_password is not its password" in wrong
    assert "not-the-one" not in wrong
    assert told(pki, public_url="http://facade.example")[0].startswith("tls: public_url does not begin with https://")


@pytest.mark.parametrize(
    ("days", "words"),
    [(-2, "is valid from"), (817, None), (819, "expires on"), (900, "expires on")],
)
def test_certificates_out_of_their_time(pki: Pki, days: int, words: str | None) -> None:
    found = told(pki, timedelta(days=days))
    expected = [f"tls: {name} {words}" for name in ("tls_certificate", "tls_client_ca")] if words else []
    assert len(found) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(found, expected, strict=True))


def test_check_and_serve_tell_the_operator(demo: RunningDemo, tmp_path: Path) -> None:
    pki = Pki(demo.data / "pki")
    tls = {"tls_certificate": pki.server, "tls_key": pki.sign_key}
    config = write_settings(demo, tmp_path, {"bound_structure_tokens": True, **tls})
    checked, refused = _run("check", config), _run("serve", config)
    assert checked.returncode == 1
    assert "not usable: tls: tls_key is not the key" in checked.stdout
    assert (refused.returncode, refused.stderr) == (
        1,
        "Error: tls_key is not the key of the first certificate of tls_certificate\n",
    )
    write_settings(demo, tmp_path, {"bound_structure_tokens": True})
    assert "not usable: tls: structures' tokens must be bound" in _run("check", config).stdout


def test_a_setting_that_is_wrong_is_not_quoted(tmp_path: Path) -> None:
    config = tmp_path / "facade.toml"
    config.write_text('seal_secrets = ["too-short-to-seal"]\ntrusted_proxies = ["front.example"]\n', encoding="utf-8")
    for command in ("check", "serve"):
        done = _run(command, config)
        told = done.stdout + done.stderr
        assert done.returncode == 1
        assert "seal_secrets" in told
        assert "trusted_proxies" in told
        assert "too-short" not in told
        assert "Traceback" not in told


def _run(command: str, config: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "facade.cli", command, "--config", str(config)]
    return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        ("2025-01-01", "2028-01-01", True),
        ("2025-01-01", "2028-01-02", False),
        ("2024-02-29", "2027-02-28", True),
        ("2024-02-29", "2027-03-01", False),
        ("2025-01-01", "2024-12-31", False),
        ("2025-01-01", None, False),
        (None, "2025-01-01", False),
        (None, None, True),
    ],
)
def test_a_homologation_is_for_three_years_at_most(start: str | None, end: str | None, accepted: bool) -> None:
    values = {"id": "1750000018", "name": "CHU", "sector": "SA01", "homologated_on": start, "homologated_until": end}
    if accepted:
        assert StructureSettings.model_validate(values).id == "1750000018"
    else:
        with pytest.raises(ValueError, match="EXI 29"):
            StructureSettings.model_validate(values)

"""``dmp-facade check``: each wrong certificate, address or setting in words, and the end of a certificate in time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from facade.embedded import pki, sample
from tests.support.demo import RunningDemo, running_demo

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "the TLS certificate signs": (
        {"SIGN_CERTIFICATE": "{pki}/auth_cli.pem", "SIGN_KEY": "{pki}/auth_cli.key"},
        "SIGN: our certificate is not meant for signing",
    ),
    "the signature certificate opens the connection": (
        {"AUTH_CERTIFICATE": "{pki}/sign.pem", "AUTH_KEY": "{pki}/sign.key"},
        "AUTH_CLI: our certificate is not meant for TLS clients",
    ),
    "the key of another": ({"SIGN_KEY": "{pki}/auth_cli.key"}, "SIGN: the private key is not that of"),
    "no such file": ({"AUTH_CERTIFICATE": "{pki}/no.pem"}, "AUTH_CLI: cannot read"),
    "another authority": ({"CA": "{pki}/sign.pem"}, "is it of the same environment?"),
    "no authority": ({"CA": "{pki}/no.pem"}, "is it there, and PEM?"),
    "no suite": ({"TLS_SUITES": "nonsense"}, "none of them is known here"),
    "nobody there": ({"BASE_URL": "https://127.0.0.1:9/services"}, "nothing listens on this port"),
    "another version": ({"BASE_URL": "{dmp}/v9"}, "registry: HTTP 404"),
    "one service elsewhere": ({"SERVICES": '{{"registry":"elsewhere"}}'}, "services/elsewhere"),
    "a service of its own, not there": (
        {"SERVICES": '{{"repository":"https://127.0.0.1:9/repository"}}'},
        "repository: the connection is refused",
    ),
    "a setting that is misspelt": ({"REPOSITERY_OID": "1.2.3"}, "repositery_oid"),
}


def check(demo: RunningDemo, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    named = {
        f"DMP_FACADE_DMP__{name}": value.format(pki=demo.data / "pki", dmp=demo.dmp) for name, value in settings.items()
    }
    command = [sys.executable, "-m", "facade.cli", "check", "--config", str(demo.data / "facade.toml")]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=os.environ | named)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_words(demo: RunningDemo, wrong: str) -> None:
    settings, words = WRONG[wrong]
    done = check(demo, settings)
    assert done.returncode == 1
    assert "not usable" in done.stdout
    assert words in done.stdout
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def aging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration whose certificates end in twenty days."""
    data = tmp_path_factory.mktemp("aging")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pki, "_LIFE", timedelta(days=20))
        pki.make_pki(data / "pki", sample.LEGAL_ENTITY.id, sample.LEGAL_ENTITY.name)
    with running_demo(data) as running:
        yield running


def test_the_end_of_a_certificate_is_told_weeks_before(aging: RunningDemo) -> None:
    ready = requests.get(f"{aging.root}/readyz", timeout=20)
    assert ready.status_code == 200
    told = [each for each in ready.json()["warnings"] if each.startswith("certificate")]
    assert [each.split()[1] for each in told] == ["auth", "sign"]
    assert "soon: certificate sign ends on" in check(aging, {}).stdout
    metrics = requests.get(f"{aging.root}/metrics", timeout=20).text
    ends = dict(re.findall(r'dmp_facade_certificate_end_seconds\{certificate="(\w+)"\} (\S+)', metrics))
    assert set(ends) == {"auth", "sign"}
    assert all(19 < (float(end) - time.time()) / 86400 < 20 for end in ends.values())

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from facade.dmp.config import DmpConfig, Editor, KeyFiles
from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import DmpSession
from facade.domain.ins import INS

from tests.support.dmp_server import DmpServer, Issued, Pki

HOSPITAL = Structure("1750712184", "HOPITAL TEST", "SA01")
PATIENT = INS.of("1.2.250.1.213.1.4.10", "279035121518989")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def auth(pki: Pki) -> Issued:
    return pki.issue("AUTH_CLI")


@pytest.fixture(scope="session")
def sign(pki: Pki) -> Issued:
    return pki.issue("SIGN", key=rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="session")
def server_key(pki: Pki) -> Issued:
    return pki.issue("server")


@pytest.fixture
def server(pki: Pki, server_key: Issued) -> Iterator[DmpServer]:
    running = DmpServer(pki, server_key)
    yield running
    running.close()


@pytest.fixture
def config(server: DmpServer, pki: Pki, auth: Issued, sign: Issued) -> DmpConfig:
    return make_config(server.base_url, pki.ca_file, auth, sign)


def make_config(base_url: str, ca: Path, auth: Issued, sign: Issued) -> DmpConfig:
    return DmpConfig(
        base_url=base_url,
        auth=KeyFiles(auth.certificate_file, auth.key_file),
        sign=KeyFiles(sign.certificate_file, sign.key_file),
        ca=ca,
        structure=Structure("1990000001", "FACADE", "SA07"),
        editor=Editor("dmp-facade", "1.0", "LPS1", "SECRET-HOMOLOGATION"),
        oid_root="1.2.250.1.999.1",
        read_timeout=2.0,
        read_timeouts={},
        retry_seconds=3.0,
    )


@pytest.fixture
def gateway(config: DmpConfig) -> Iterator[SoapGateway]:
    made = SoapGateway(config)
    yield made
    made.close()


@pytest.fixture
def make_gateway(config: DmpConfig) -> Iterator[Callable[..., SoapGateway]]:
    """A gateway with some fields of the configuration changed."""
    made: list[SoapGateway] = []

    def make(observer: Callable[[str, float, str], None] | None = None, **changes: object) -> SoapGateway:
        made.append(SoapGateway(replace(config, **changes), observer=observer))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


def caller(kind: CallerKind = CallerKind.PROFESSIONAL, **changes: object) -> Caller:
    base = Caller(
        kind,
        "899700000015",
        "MARTIN ALICE",
        HOSPITAL,
        family="MARTIN",
        given="ALICE",
        profession="10",
        specialty="SM26",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def session(
    kind: CallerKind = CallerKind.PROFESSIONAL, purpose: Purpose = Purpose.NORMAL, **changes: object
) -> DmpSession:
    return DmpSession(caller(kind, **changes), PATIENT, purpose)

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from facade.dmp.channel import Observer
from facade.dmp.config import DmpConfig
from facade.dmp.gateway import SoapGateway
from tests.support.dmp_callers import make_config
from tests.support.dmp_server import DmpServer, Issued, Pki


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


@pytest.fixture
def gateway(config: DmpConfig) -> Iterator[SoapGateway]:
    made = SoapGateway(config)
    yield made
    made.close()


@pytest.fixture
def make_gateway(config: DmpConfig) -> Iterator[Callable[..., SoapGateway]]:
    """A gateway with some fields of the configuration changed."""
    made: list[SoapGateway] = []

    def make(observer: Observer | None = None, **changes: object) -> SoapGateway:
        made.append(SoapGateway(replace(config, **changes), observer=observer))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.caller import Structure
from facade.settings import Settings
from facade.wiring import dmp_config
from tests.support.demo import RunningDemo


@pytest.fixture
def gateway(demo: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoapGateway]:
    """The gateway of the demonstration's own settings, speaking to its embedded DMP over mutual TLS."""
    monkeypatch.setenv("DMP_FACADE_CONFIG", str(demo.data / "facade.toml"))
    settings = Settings()
    own = next(each for each in settings.structures if each.id == settings.own_structure)
    found = SoapGateway(dmp_config(settings, Structure(own.id, own.name, own.sector)))
    yield found
    found.close()

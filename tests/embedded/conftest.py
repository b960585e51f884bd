"""One embedded DMP and one issuer for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facade.embedded.world import World, prepare
from tests.support.embedded import RawClient, free_port, running


@pytest.fixture(scope="session")
def embedded_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return prepare(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def _embedded_dmp(embedded_world: World) -> Iterator[tuple[int, Path]]:
    port, log = free_port(), embedded_world.data / "dmp-log.jsonl"
    with running(embedded_world.data, "dmp", port, "--log", str(log)):
        yield port, log


@pytest.fixture
def raw(embedded_world: World, _embedded_dmp: tuple[int, Path]) -> Iterator[RawClient]:
    client = RawClient(embedded_world, *_embedded_dmp)
    yield client
    client.close()

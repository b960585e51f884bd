"""A demonstration of the console's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("console")) as running:
        yield running

"""A demonstration whose DMP fails on order: what its clients noted of failures is no other test's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="session")
def failing_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("failing")) as running:
        yield running

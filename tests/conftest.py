"""Fixtures of all tests. The demonstration is started once: tests use documents of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A running demonstration, shared by all tests that do not stop a part of it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def fresh_demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demonstration of one's own, for tests that stop a part of it or change a record for everybody."""
    with running_demo(tmp_path / "demo") as running:
        yield running

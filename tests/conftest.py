"""Fixtures of all tests. One demonstration is started; each module has records of its own on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import RunningDemo, running_demo
from tests.support.own_records import own_records


@pytest.fixture(scope="session")
def shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A running demonstration, shared by all tests that do not stop a part of it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def demo(shared_demo: RunningDemo) -> Iterator[RunningDemo]:
    """The shared demonstration with records of the module's own: what others fed is not read again by each search."""
    with own_records(shared_demo) as running:
        yield running


@pytest.fixture
def untouched(demo: RunningDemo) -> Iterator[RunningDemo]:
    """The shared demonstration with records of the test's own, for tests that change one for everybody."""
    with own_records(demo) as running:
        yield running


@pytest.fixture
def fresh_demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demonstration of one's own, for tests that stop a part of it."""
    with running_demo(tmp_path / "demo") as running:
        yield running

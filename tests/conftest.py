"""Fixtures of all tests. One demonstration is started; each module has records of its own on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import RunningDemo, running_demo
from tests.support.own_records import own_records

# What takes minutes begins first: a processor must not stand idle at the end while the other is in the middle of it.
LONGEST = (
    "serving/test_serving_stop.py",
    "clients/test_clients_schemathesis.py",
    "faults/test_faults_writes.py",
    "policy/test_policy_enumeration.py",
    "leaks/test_leaks_routes.py",
    "mail/test_mail_outages.py",
    "preload/test_preload_life.py",
    "supervision/test_supervision_http.py",
    "scripts/test_scripts_bench.py",
    "cli/test_cli_homologation.py",
    "observability/test_observability_canaries.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were found."""
    here = Path(__file__).parent
    order = {here / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


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

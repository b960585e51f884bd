"""A demonstration whose processes look for what is due every half second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.demo import RunningDemo, running_demo
from tests.support.own_records import own_records


@pytest.fixture(scope="session")
def quick_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_PRELOAD__SWEEP_SECONDS", "0.5")
        patch.setenv("DMP_FACADE_PRELOAD__LEASE_SECONDS", "1")
        patch.setenv("DMP_FACADE_PRELOAD__RETRY_SECONDS", "1")
        with running_demo(tmp_path_factory.mktemp("quick")) as running:
            yield running


@pytest.fixture(scope="module")
def quick(quick_demo: RunningDemo) -> Iterator[RunningDemo]:
    """With records of the module's own."""
    with own_records(quick_demo) as running:
        yield running

"""Whoever visits the console chooses among the records the demonstration began with."""

from __future__ import annotations

import pytest

from tests.support.demo import RunningDemo


@pytest.fixture
def shown(shared_demo: RunningDemo) -> RunningDemo:
    """The shared demonstration with the records its console offers."""
    return shared_demo

"""Says at the end how many decisions were compared with the second reading."""

from __future__ import annotations

import pytest

from tests.support.policy import COUNTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, count in COUNTED.items():
        terminalreporter.write_line(f"policy: {count} decisions {what} agree with the second reading")

"""The codes of a Task that preloads: mappings/tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, str]

TASK_SYSTEM = "urn:dmp-facade:task-code"
INPUT_SYSTEM = "urn:dmp-facade:preload-input"
OUTPUT_SYSTEM = "urn:dmp-facade:preload-output"
STATE_SYSTEM = "urn:dmp-facade:preload-state"
PRELOAD = "preload"


@dataclass(frozen=True, slots=True)
class PreloadTables:
    """``inputs``: the type of each input's value, and which may be repeated. ``states``: the Task.status of each."""

    inputs: Mapping[str, str]
    repeating: frozenset[str]
    states: Mapping[str, str]

    @classmethod
    def from_rows(cls, rows: Callable[[str], Iterable[Row]]) -> PreloadTables:
        """``rows`` gives the rows of a table by its path under mappings."""
        inputs = list(rows("tasks/preload_inputs.csv"))
        return cls(
            {row["code"]: f"value{row['value']}" for row in inputs},
            frozenset(row["code"] for row in inputs if row["repeats"] == "yes"),
            {row["code"]: row["status"] for row in rows("tasks/preload_states.csv")},
        )

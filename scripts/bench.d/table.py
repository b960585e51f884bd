"""The table a reader sees, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

Row = dict[str, Any]
_LIBRARIES = ("granian", "flask", "lxml", "orjson", "requests", "signxml", "fhir.resources", "cryptography")
_COLUMNS = ("", "against", "facade", "other", "ratio", "(quartiles)", "wall", "peak", "other's", "what the other is")


def machine() -> dict[str, Any]:
    """Where this was measured: a ratio travels, a millisecond does not."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": psutil.virtual_memory().total // 1024 // 1024,
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def render(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [_COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in cells)


def _cells(row: Row) -> tuple[str, ...]:
    if row["ratio"] is None:
        return (row["name"], "", "", "", "", "", "", f"{row['peak_mb']:.0f} MB", "", row["floor"])
    return (
        row["name"],
        row["against"],
        f"{row['facade_ms']:.1f} ms",
        f"{row['floor_ms']:.1f} ms",
        f"{row['ratio']:.2f}x",
        f"({row['ratio_low']:.2f}-{row['ratio_high']:.2f})",
        f"{row['wall_ms']:.0f} ms",
        f"{row['peak_mb']:.0f} MB (+{row['peak_mb'] - row['rest_mb']:.0f})",
        f"{row['floor_peak_mb']:.0f} MB",
        row["floor"],
    )


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    left = (0, 1, len(_COLUMNS) - 1)
    return [
        text.ljust(width) if column in left else text.rjust(width)
        for column, (text, width) in enumerate(zip(line, widths, strict=True))
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

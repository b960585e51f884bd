"""Reads the tables of ``mappings/``: in a checkout from the folder itself, in a wheel from where it was packed.

The rooms that use a table (policy, translation) do no I/O: they are given rows, and build their own typed tables.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

Row = dict[str, str]


@cache
def folder() -> Path:
    """The folder of the tables. Raises FileNotFoundError when the installation has none."""
    here = Path(__file__).parent
    for candidate in (here / "_mappings", here.parent / "mappings"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("the mappings/ tables are not installed beside the facade package")


@cache
def rows(table: str) -> tuple[Row, ...]:
    """The rows of one CSV table (UTF-8, header line), e.g. ``rows("access/rules.csv")``."""
    with (folder() / table).open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))

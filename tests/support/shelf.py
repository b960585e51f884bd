"""The shelf of reference texts and schemas that may lie beside this repository, and is no part of it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def on_the_shelf(path: str) -> Path | None:
    """A file or folder of the shelf: below ``DMP_SHELF``, or in ``shared`` beside a folder above; None without it."""
    shelves = [Path(os.environ["DMP_SHELF"])] if "DMP_SHELF" in os.environ else [up / "shared" for up in ROOT.parents]
    return next((shelf / path for shelf in shelves if (shelf / path).exists()), None)

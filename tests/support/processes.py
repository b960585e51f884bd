"""What a program has left of itself once it ended."""

from __future__ import annotations

from pathlib import Path

import psutil


def left_behind(folder: Path) -> list[object]:
    """Temporary files of ours in a folder, and processes started with a file of it."""
    processes = [
        (process.info["pid"], process.info["cmdline"])
        for process in psutil.process_iter(["pid", "cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or ())
    ]
    return [*processes, *folder.glob("dmp-facade-*")]

"""Reads a guide's fenced blocks, types its shell blocks into one bash, and compares what they print with the guide."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = "…"
# A block that is typed elsewhere (in a terminal that stays busy, as another user) says so after its language.
_TYPED = "sh"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what follows its fence, its text, the line it starts at, and whether it follows the last one."""

    info: str
    text: str
    line: int
    follows: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A shell block and what the guide says it prints (None where it says nothing)."""

    text: str
    line: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class Typed:
    """What a command printed, output and errors together; ``status`` is that of the shell it ended, else 0."""

    command: Command
    printed: str
    status: int


def blocks(guide: Path) -> list[Block]:
    """Every fenced block of a guide, in order."""
    text, found, end = guide.read_text(encoding="utf-8"), [], 0
    for match in _FENCE.finditer(text):
        follows = not text[end : match.start()].strip()
        found.append(Block(match["info"].strip(), match["text"], text.count("\n", 0, match.start()) + 1, follows))
        end = match.end()
    return found


def commands(guide: Path) -> list[Command]:
    """The shell blocks of a guide that are typed into one terminal, each with the answer block that follows it."""
    every = [*blocks(guide), Block("", "", 0, follows=False)]
    return [
        Command(block.text, block.line, after.text if after.follows and not after.info.startswith("sh") else None)
        for block, after in pairwise(every)
        if block.info == _TYPED
    ]


def type_in(
    typed: Sequence[Command],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    enter: Sequence[str] = (),
    system: Path = Path("/"),
) -> list[Typed]:
    """Type the commands into one bash that ends at the first failure; ``folder`` gets what each of them prints.

    ``enter`` is the command that enters another ``system``, a tree in which the folder is.
    Raises subprocess.TimeoutExpired when they are not done in time.
    """
    inside = Path("/") / folder.relative_to(system)
    lines = ["set -eu -o pipefail", f"cd '{ROOT}'"]
    for number, command in enumerate(typed):
        lines += [f"exec > '{inside / str(number)}' 2>&1", command.text]
    (folder / "typed.sh").write_text("\n".join(lines), encoding="utf-8")
    shell = [*enter, "/bin/bash", str(inside / "typed.sh")]
    status = subprocess.run(
        shell, env=dict(environment), stdin=subprocess.DEVNULL, timeout=seconds, check=False
    ).returncode
    reached = [file for number in range(len(typed)) if (file := folder / str(number)).exists()]
    return [
        Typed(command, _printed(output), status if output == reached[-1] else 0)
        for command, output in zip(typed, reached, strict=False)
    ]


def says(answer: str, printed: str) -> bool:
    """Whether what was printed is what the guide says, in which ``…`` stands for whatever was left out.

    The names of headers may be written in capitals or not: servers differ.
    """
    pieces = [re.escape(piece.strip("\n")) for piece in answer.strip().split(_LEFT_OUT)]
    return re.fullmatch(rf"\s*{'.*?'.join(pieces)}\s*", printed, re.DOTALL | re.IGNORECASE) is not None


def _printed(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")

"""What the mutants came to: the figure, and each one that no test noticed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

_EQUIVALENTS = Path(__file__).with_name("equivalents.csv")
Change = tuple[str, str, str]
_NOTICED = (TestOutcome.KILLED, TestOutcome.INCOMPETENT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``survived`` are changes (module, line before, line after); ``wrong`` is what makes the figure worth nothing.

    ``modules`` gives what became of the mutants of each: killed, survived, equivalent.
    """

    killed: int
    endless: int
    survived: tuple[Change, ...]
    modules: Mapping[str, tuple[int, int, int]]
    wrong: tuple[str, ...]

    @classmethod
    def of(cls, mutants: WorkDB, modules: Collection[Path], root: Path) -> Verdict:
        """Count. An equivalent that no mutant of these modules is, or that a test does notice, is wrong."""
        tried = [
            (str(item.mutations[0].module_path), result)
            for item, result in mutants.completed_work_items
            if result.worker_outcome is not WorkerOutcome.SKIPPED
        ]
        known = {(row["module"], row["line"], row["mutant"]) for row in _equivalents()}
        survived = [_change(module, result) for module, result in tried if result.test_outcome is TestOutcome.SURVIVED]
        left = tuple(sorted(change for change in survived if change not in known))
        killed = Counter(module for module, result in tried if result.test_outcome in _NOTICED)
        wrong = [f"{module}: {result.diff}" for module, result in tried if result.test_outcome is None]
        wrong += _stale(known, set(survived), set(map(str, modules)), root)
        return cls(
            killed.total(),
            sum(result.test_outcome is TestOutcome.INCOMPETENT for _, result in tried),
            left,
            _by_module(killed, left, survived),
            tuple(wrong),
        )

    @property
    def figure(self) -> float:
        """The share of the mutants, without the equivalent ones, that a test noticed: in per cent, rounded down."""
        mutants = self.killed + len(self.survived)
        return self.killed * 1000 // mutants / 10 if mutants else 0.0

    @property
    def trustworthy(self) -> bool:
        """Whether every mutant was tried and every listed equivalent is one."""
        return not self.wrong


def _stale(known: Set[Change], survived: Set[Change], modules: Set[str], root: Path) -> list[str]:
    """The rows of equivalents.csv that are none: of the modules tried by the mutants, of the others by their lines."""
    rows = sorted(known - survived)
    tried = [f"no surviving mutant is the equivalent {row}" for row in rows if row[0] in modules]
    return tried + [
        f"no line is that of the equivalent {row}" for row in rows if row[0] not in modules and not _stands(row, root)
    ]


def _stands(row: Change, root: Path) -> bool:
    module, line, _ = row
    path = root / module
    said = " ".join(path.read_text(encoding="utf-8").split()) if path.is_file() else ""
    return " ".join(line.split()) in said


def _by_module(
    killed: Counter[str], left: Collection[Change], survived: Collection[Change]
) -> dict[str, tuple[int, int, int]]:
    alive, surviving = Counter(module for module, *_ in left), Counter(module for module, *_ in survived)
    return {
        module: (killed[module], alive[module], surviving[module] - alive[module])
        for module in sorted(killed | surviving)
    }


def _equivalents() -> Sequence[dict[str, str]]:
    with _EQUIVALENTS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _change(module: Path, result: WorkResult) -> Change:
    before, _, after = (result.diff or "").partition("\n")
    return str(module), before, after


def render(verdict: Verdict) -> str:
    """The survivors as changes, what went wrong, a line of figures for each module and one for all."""
    lines = [f"survived: {module}\n  - {before}\n  + {after}" for module, before, after in verdict.survived]
    lines += [f"wrong: {what}" for what in verdict.wrong]
    lines += [
        f"{module}: killed {killed} of {killed + survived}, {equivalent} more change nothing"
        for module, (killed, survived, equivalent) in verdict.modules.items()
    ]
    lines.append(
        f"mutants {verdict.killed + len(verdict.survived)}, killed {verdict.killed}"
        f" ({verdict.endless} by a time-out), survived {len(verdict.survived)}: {verdict.figure} % killed"
        f" ({sum(each[2] for each in verdict.modules.values())} more change nothing:"
        " scripts/mutation.d/equivalents.csv)"
    )
    return "\n".join(lines)

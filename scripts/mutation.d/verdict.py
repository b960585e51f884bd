"""What the mutants came to: the figure, and each one that no test noticed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

_EQUIVALENTS = Path(__file__).with_name("equivalents.csv")
Change = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``survived`` are changes (module, line before, line after); ``wrong`` is what makes the figure worth nothing."""

    killed: int
    endless: int
    survived: tuple[Change, ...]
    equivalent: int
    wrong: tuple[str, ...]

    @classmethod
    def of(cls, mutants: WorkDB, *, whole: bool) -> Verdict:
        """Count. Of the whole policy, an equivalent that no mutant is, or that a test does notice, is wrong."""
        tried = [
            (item.mutations[0].module_path, result)
            for item, result in mutants.completed_work_items
            if result.worker_outcome is not WorkerOutcome.SKIPPED
        ]
        outcomes = Counter(result.test_outcome for _, result in tried)
        survived = [_change(module, result) for module, result in tried if result.test_outcome is TestOutcome.SURVIVED]
        known = {(row["module"], row["line"], row["mutant"]) for row in _equivalents()}
        left = tuple(sorted(change for change in survived if change not in known))
        wrong = [f"{module}: {result.diff}" for module, result in tried if result.test_outcome is None]
        wrong += [
            f"no surviving mutant is the equivalent {change}" for change in sorted(known - set(survived)) if whole
        ]
        return cls(
            outcomes[TestOutcome.KILLED] + outcomes[TestOutcome.INCOMPETENT],
            outcomes[TestOutcome.INCOMPETENT],
            left,
            len(survived) - len(left),
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


def _equivalents() -> Sequence[dict[str, str]]:
    with _EQUIVALENTS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _change(module: Path, result: WorkResult) -> Change:
    before, _, after = (result.diff or "").partition("\n")
    return str(module), before, after


def render(verdict: Verdict) -> str:
    """The survivors as changes, what went wrong, and one line of figures."""
    lines = [f"survived: {module}\n  - {before}\n  + {after}" for module, before, after in verdict.survived]
    lines += [f"wrong: {what}" for what in verdict.wrong]
    lines.append(
        f"mutants {verdict.killed + len(verdict.survived)}, killed {verdict.killed}"
        f" ({verdict.endless} by a time-out), survived {len(verdict.survived)}: {verdict.figure} % killed"
        f" ({verdict.equivalent} more change nothing: scripts/mutation.d/equivalents.csv)"
    )
    return "\n".join(lines)

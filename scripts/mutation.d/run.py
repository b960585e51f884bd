"""``scripts/mutation``: how many small faults, put into ``facade/policy`` one at a time, the policy's tests notice.

Works in ``.mutation`` (ignored by git) on copies of the source, one for each worker; the checkout is never touched.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from judge import judged, prepared
from mutants import session
from verdict import Verdict, render

ROOT = Path(__file__).parents[2]
POLICY = Path("facade/policy")
LEAST = 95.0


def main() -> int:
    options = _options()
    modules = options.modules or sorted(path.relative_to(ROOT) for path in (ROOT / POLICY).glob("*.py"))
    work = ROOT / ".mutation"
    copies = prepared(ROOT, work, options.workers)
    try:
        with session(ROOT, work, modules) as mutants:
            judged(mutants, copies)
            verdict = Verdict.of(mutants, modules, ROOT)
    except BrokenProcessPool:
        print(f"mutation: the tests fail without any mutant, see {copies[0]}/tests.log", file=sys.stderr)
        return 2
    print(render(verdict))
    return 0 if verdict.trustworthy and verdict.figure >= LEAST else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutation", description="Mutation testing of the access policy.")
    parser.add_argument("modules", nargs="*", type=Path, help="only these modules, e.g. facade/policy/days.py")
    parser.add_argument("--workers", type=int, default=2, help="mutants tried at the same time (default 2)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

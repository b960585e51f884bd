"""``scripts/drill``: which drills are run, in which order, and what is answered to the shell."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from certificates import certificates
from clock import clock_jump
from disk import disk_full
from keys import issuer_down
from kills import kill_dmp, kill_facade, kill_postgresql, kill_worker
from parts import DrillFailed
from report import Report

DRILLS: dict[str, Callable[[Report], None]] = {
    "kill-worker": kill_worker,
    "kill-facade": kill_facade,
    "kill-postgresql": kill_postgresql,
    "kill-dmp": kill_dmp,
    "disk-full": disk_full,
    "issuer-down": issuer_down,
    "clock-jump": clock_jump,
    "certificates": certificates,
}
SHORT = tuple(DRILLS)
_ALL_REQUESTS, _SHORT_REQUESTS = 2000, 300


def main() -> int:
    """Run the drills asked for. 0: nothing was lost; 1: something was; 2: a part of a drill did not start."""
    asked = _arguments()
    names = asked.names or (tuple(DRILLS) if asked.all else SHORT)
    requests = asked.requests or (_ALL_REQUESTS if asked.all else _SHORT_REQUESTS)
    reports: list[Report] = []
    for name in names:
        began = time.monotonic()
        doc = (DRILLS[name].__doc__ or "").strip().splitlines()[0]
        print(f"{name}: {doc}", flush=True)
        report = Report(name, requests, asked.seed)
        try:
            DRILLS[name](report)
        except DrillFailed as error:
            print(f"  the drill could not be held: {error}", file=sys.stderr)
            return 2
        print(
            f"  {'LOST ' + str(len(report.losses)) if report.losses else 'nothing lost'}, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
        reports.append(report)
    lost = [report.name for report in reports if report.losses]
    print(
        f"verdict: {'something was lost in ' + ', '.join(lost) if lost else 'nothing was lost, nothing is there twice'}"
    )
    return 1 if lost else 0


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {name:16} {(drill.__doc__ or '').strip().splitlines()[0]}" for name, drill in DRILLS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/drill",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__import__("inspect").cleandoc(_ABOUT),
        epilog=f"drills:\n{listed}",
    )
    parser.add_argument("names", nargs="*", choices=[*DRILLS, []], metavar="drill", help="only these")
    parser.add_argument(
        "--all", action="store_true", help=f"every drill, {_ALL_REQUESTS} acts in each that counts acts"
    )
    parser.add_argument("--requests", type=int, default=0, help="how many acts instead")
    parser.add_argument("--seed", type=int, default=1, help="of what clients do (default 1)")
    return parser.parse_args()


_ABOUT = """
Breaks a part of the facade's world while clients work, lets it recover, and says what was lost.
"""

if __name__ == "__main__":
    sys.exit(main())

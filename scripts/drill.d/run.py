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
from parts import DrillFailed, end_tidily
from report import Report

DRILLS: dict[str, Callable[[Report], None]] = {
    "kill-facade": kill_facade,
    "kill-postgresql": kill_postgresql,
    "kill-dmp": kill_dmp,
    "kill-worker": kill_worker,
    "disk-full": disk_full,
    "issuer-down": issuer_down,
    "clock-jump": clock_jump,
    "certificates": certificates,
}
SHORT = ("kill-facade", "kill-postgresql", "kill-dmp", "disk-full")
# The four kills together do 2,000 acts.
_ALL_REQUESTS, _SHORT_REQUESTS = 500, 120
_ABOUT = """
Breaks a part of the facade's world while clients work, lets it recover, and says what was lost. Six clients publish,
search, read, retrieve, mask, archive, withdraw and record oppositions in a seeded order, each on documents of its own;
whoever is cut off, or told to come back, repeats the request with its Idempotency-Key.

Lost is: an act a client was told succeeded and that is not in the embedded DMP's store (or, for an opposition, in the
facade's database); a document or an opposition that is there twice; an act told without exactly one trace; a change in
the DMP's store, told or not, that no trace tells of; a chain of traces that does not verify; an act that is still
refused a minute after the part is back; any unexpected answer.

Everything is on the loopback interface, in a temporary folder, and gone afterwards. Needs for kill-postgresql:
apt-get install postgresql-15; for clock-jump: apt-get install faketime. disk-full mounts a tmpfs where it may (root)
and limits the size of the facade's files (RLIMIT_FSIZE) where it may not.

Answers 0 when nothing was lost, 1 when something was, 2 when a drill could not be held.
"""


def main() -> int:
    """Run the drills asked for."""
    asked = _arguments()
    end_tidily()
    names = asked.names or (tuple(DRILLS) if asked.all else SHORT)
    requests = asked.requests or (_ALL_REQUESTS if asked.all else _SHORT_REQUESTS)
    lost: list[str] = []
    for name in names:
        try:
            if _held(name, Report(name, requests, asked.seed)):
                lost.append(name)
        except DrillFailed as error:
            print(f"  {name} could not be held: {error}", file=sys.stderr)
            return 2
    print(
        f"verdict: {'something was lost in ' + ', '.join(lost) if lost else 'nothing was lost, nothing is there twice'}"
    )
    return 1 if lost else 0


def _held(name: str, report: Report) -> int:
    """Hold one drill; how much was lost."""
    began = time.monotonic()
    print(f"{name}: {_about(name)}", flush=True)
    DRILLS[name](report)
    found = f"LOST {len(report.losses)}" if report.losses else "nothing lost"
    print(f"  {found}, {time.monotonic() - began:.0f} s", flush=True)
    return len(report.losses)


def _about(name: str) -> str:
    return (DRILLS[name].__doc__ or "").strip()


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {name:16} {_about(name)}" for name in DRILLS)
    parser = argparse.ArgumentParser(
        prog="scripts/drill",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_ABOUT,
        epilog=f"drills:\n{listed}\nwithout names: {', '.join(SHORT)}",
    )
    parser.add_argument("names", nargs="*", metavar="drill", help="only these")
    parser.add_argument("--all", action="store_true", help=f"every drill, {_ALL_REQUESTS} acts in each")
    parser.add_argument("--requests", type=int, default=0, help=f"how many acts in each (default {_SHORT_REQUESTS})")
    parser.add_argument("--seed", type=int, default=1, help="of what clients do (default 1)")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(DRILLS):
        parser.error(f"no drill named {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

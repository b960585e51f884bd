"""``scripts/load``: what the facade holds when many clients ask at once and the DMP takes its time.

Each client asks again as soon as it is answered. ``share`` is the processor time the facade used, of its own and what
nobody used: where it is 85 % or more, the processor is what limits it and not the waiting.
Nothing is judged here: times are never a test.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench.d"))

import processes
import psutil
from load_stand import Loaded, Stand
from processes import BenchFailed

_MIXES = {
    "mixed": {"read": 70, "search": 10, "publish": 10, "retrieve": 10},
    **{name: {name: 1} for name in ("read", "search", "publish", "retrieve")},
}
# The prototypes have no queue: what waits, waits in a thread or greenlet, with its connections to the DMP.
_PROTOTYPES = {
    "granian": {},
    "gthread": {"DMP_FACADE_THREADS": "64"},
    "gevent": {"DMP_FACADE_THREADS": "1000", "DMP_FACADE_DMP__POOL_SIZE": "2000"},
}
_COLUMNS = ("server", "mix", "clients", "answers/s", "errors", "p50 s", "p99 s", "p99/p50", "ms/req", "share", "PSS MB")


@dataclass(frozen=True, slots=True)
class Row:
    """One server under one load."""

    server: str
    mix: str
    clients: int
    per_second: float
    errors: dict[str, int]
    p50: float
    p99: float
    cpu_ms: float
    share: float
    pss_mb: float
    by_name: dict[str, Any]

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        ratio = self.p99 / self.p50 if self.p50 else 0
        return (
            self.server,
            self.mix,
            str(self.clients),
            f"{self.per_second:.0f}",
            str(sum(self.errors.values())),
            f"{self.p50:.2f}",
            f"{self.p99:.2f}",
            f"{ratio:.1f}",
            f"{self.cpu_ms:.1f}",
            f"{100 * self.share:.0f} %",
            f"{self.pss_mb:.0f}",
        )


def main() -> int:
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    rows: list[Row] = []
    try:
        with Stand(options.delay, options.seed) as stand:
            print(_line(_COLUMNS), flush=True)
            for mix in options.mix:
                for clients in options.clients:
                    for server in options.server:
                        rows.append(_measure(stand, server, mix, clients, options))
                        print(_line(rows[-1].cells()), rows[-1].errors or "", flush=True)
    except BenchFailed as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("load: interrupted", file=sys.stderr)
        return 130
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/load", description="Many clients at once and a slow DMP.")
    parser.add_argument("--server", nargs="+", choices=list(_PROTOTYPES), default=["granian"], help="(granian)")
    parser.add_argument("--mix", nargs="+", choices=list(_MIXES), default=["mixed"], help="(mixed)")
    parser.add_argument("--clients", nargs="+", type=int, default=[50, 200, 800], help="(50 200 800)")
    parser.add_argument("--seconds", type=float, default=15, help="measured, after a warm-up (15)")
    parser.add_argument("--warm-up", type=float, default=8, help="seconds before anything counts (8)")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds an answer of the DMP takes (0.3)")
    parser.add_argument("--seed", type=int, default=1, help="of what each client asks for (1)")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings, e.g. THREADS=100")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table to FILE as JSON")
    return parser.parse_args()


def _measure(stand: Stand, server: str, mix: str, clients: int, options: argparse.Namespace) -> Row:
    given = dict(each.split("=", 1) for each in options.set)
    facade = stand.facade(server, _PROTOTYPES[server] | {f"DMP_FACADE_{name}": value for name, value in given.items()})
    try:
        facade.warm(stand.requests)
        return _load(stand, facade, Row(server, mix, clients, 0, {}, 0, 0, 0, 0, 0, {}), options)
    finally:
        facade.close()


def _load(stand: Stand, facade: Loaded, row: Row, options: argparse.Namespace) -> Row:
    driver = stand.clients()
    task = {
        "port": facade.port,
        "clients": row.clients,
        "warm_up": options.warm_up,
        "seconds": options.seconds,
        "seed": options.seed,
        "mix": _MIXES[row.mix],
        "requests": stand.requests,
    }
    driver.say(json.dumps(task))
    driver.hear(options.warm_up + 30)
    tree = processes.tree(facade.pid)
    cpu, idle = processes.cpu_seconds(tree), psutil.cpu_times().idle
    report = json.loads(driver.hear(options.seconds + 60))
    spent, unused = processes.cpu_seconds(tree) - cpu, psutil.cpu_times().idle - idle
    pss = sum(processes.pss_mb(pid) for pid in tree)
    driver.close()
    answers = max(1, report["answers"])
    return Row(
        row.server,
        row.mix,
        row.clients,
        report["answers"] / options.seconds,
        report["errors"],
        report["all"].get("p50", 0),
        report["all"].get("p99", 0),
        1000 * spent / answers,
        spent / (spent + unused),
        pss,
        report["by_name"],
    )


def _line(cells: tuple[str, ...]) -> str:
    return "".join(cell.ljust(9) if column < 2 else cell.rjust(10) for column, cell in enumerate(cells))


if __name__ == "__main__":
    sys.exit(main())

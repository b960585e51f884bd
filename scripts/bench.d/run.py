"""``scripts/bench``: what a request costs the facade, as a multiple of what it must cost at least, measured in one run.

Milliseconds are processor time (user and system) of all processes of the facade, per request; the embedded DMP, the
token issuer and the client are other processes and not counted. They do share the machine: ``wall`` includes them.
Nothing is judged here: times are never a test.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from behaviour import behaviour_of, described
from measure import Bench
from processes import BenchFailed
from scenarios import fhirstarter, scenarios
from stand import Sizes, Stand
from table import machine, render

_MEGABYTE = 1024 * 1024
_FULL = Sizes(results=100, published=_MEGABYTE, retrieved=5 * _MEGABYTE, large=50 * _MEGABYTE)
_QUICK = Sizes(results=5, published=50 * 1024, retrieved=100 * 1024, large=1024 * 1024)
_SECONDS = 150.0
_FHIRSTARTER = ("fhirstarter==4.2.0", "fhir.resources==8.3.0", "uvicorn")
_NOTES = """
facade, other: processor time (user + system) per request, median of {rounds} interleaved rounds. wall: until the answer
is there, the embedded DMP's own work included. peak: resident memory of a fresh worker that served nothing else (+ over
what it held before). The facade serves HTTP, speaks to the DMP over mutual TLS, judges and traces; it signs a reader's
VIHF once and reuses it for two minutes. A floor, raw or parts runs in memory or, where bytes are moved, against a sink
over mutual TLS. best and duties are served by a bare Flask in granian, to the same client, with the same sink."""


def main() -> int:
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        result = _measure(options)
    except BenchFailed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    print(render(result["rows"]))
    print(described(result["behaviour"]))
    print(_NOTES.format(rounds=result["rounds"]))
    if not result["same_answer"]:
        print("Beware: the floor of the search does not give the facade's answer; its ratio means little.")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the facade against its floor.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table to FILE as JSON")
    parser.add_argument("--rounds", type=int, default=9, help="interleaved repetitions (default 9)")
    parser.add_argument("--quick", action="store_true", help="one round with tiny sizes: shows that it runs, no more")
    parser.add_argument(
        "--fhirstarter",
        nargs="?",
        const="",
        metavar="PYTHON",
        help="compare the search with fhirstarter too: that of PYTHON, else one pip installs for the run",
    )
    options = parser.parse_args()
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    return options


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    about = machine()
    _progress("starting the facade and an embedded DMP, publishing documents")
    with Stand(_QUICK if options.quick else _FULL) as stand:
        served = {"floor-server": stand.floor_server()}
        more = ()
        if options.fhirstarter is not None:
            _progress("starting fhirstarter")
            python = options.fhirstarter or _environment_of_fhirstarter(stand.folder)
            served["fhirstarter"] = stand.fhirstarter(python)
            more = (fhirstarter(),)
        bench = Bench(stand, scenarios(stand, *more), smallest=options.quick)
        bench.measure_memory()
        bench.measure_large()
        bench.warm_up(served)
        rounds = bench.run(1 if options.quick else max(1, options.rounds), _SECONDS, _progress)
        _progress("how a search grows, what waits for what")
        behaviour = behaviour_of(stand, smallest=options.quick)
        _progress("")
        return {
            "behaviour": behaviour,
            "machine": about,
            "rounds": rounds,
            "same_answer": bench.same_answer,
            "rows": bench.rows(),
        }


def _environment_of_fhirstarter(folder: Path) -> str:
    """A Python with fhirstarter, in a folder that is removed with the stand."""
    environment = folder / "fhirstarter"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *_FHIRSTARTER], check=True)
    return python


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Rounds: in each, every scenario and everything it is compared with is run in turn, so that all see the same noise.

Of each the median over the rounds is kept. A ratio is that of two medians; its spread is that of the rounds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median
from typing import Any

import processes
import requests
from processes import Child
from scenarios import Against, Scenario
from stand import AUTHOR, READER, Served, Stand

_FLOOR_SECONDS = 240.0
_FEWEST_ROUNDS = 3
_MEMORY_REQUESTS = 5
Row = dict[str, Any]


@dataclass(slots=True)
class Samples:
    """What the repetitions of one thing cost, in milliseconds per request."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def add(self, count: int, cpu: float, wall: float) -> None:
        """One batch, in seconds."""
        self.cpu.append(1000 * cpu / count)
        self.wall.append(1000 * wall / count)


class Bench:
    """All scenarios of a stand, measured in rounds."""

    def __init__(self, stand: Stand, scenarios: tuple[Scenario, ...], *, smallest: bool) -> None:
        self._stand = stand
        self._scenarios = scenarios
        self._smallest = smallest
        self._facade = {scenario.name: Samples() for scenario in scenarios}
        self._memory: dict[str, tuple[float, float]] = {}
        self._compared: dict[str, Samples] = {}
        self._peaks: dict[str, float] = {}
        self._large_rows: list[Row] = []
        self._ready: list[float] = []
        self._floors: dict[str, Child] = {}
        self._served: dict[str, Served] = {}
        self.same_answer = True

    def warm_up(self, served: Mapping[str, Served]) -> None:
        """Start the floors; let the facade fill its caches. ``served`` are the programs that serve HTTP, by name."""
        self._served = dict(served)
        for scenario in self._scenarios:
            for against in scenario.against:
                self._compared[_key(scenario, against)] = Samples()
                if against.path is None:
                    self._floors[against.operation] = self._stand.floor(against.operation)
        for floor in self._floors.values():
            self.same_answer &= bool(json.loads(floor.hear(_FLOOR_SECONDS))["same_answer"])
        for scenario in self._scenarios:
            for request in scenario.prepare(1 if self._smallest else 3):
                request(self._stand.fhir)

    def measure_memory(self) -> None:
        """What a worker holds before it served anything, and at most while it serves one class of request."""
        # Starting is most of the work: where only a run is to be shown, one facade stands for all.
        number = 1 if self._smallest else len(self._scenarios)
        fresh = [self._stand.fresh(f"scenario {each}") for each in range(number)]
        for facade, scenario in zip(cycle(fresh), self._scenarios, strict=False):
            facade.wait()
            worker = facade.worker
            at_rest = processes.rss_mb(worker)
            for request in scenario.prepare(_MEMORY_REQUESTS):
                request(facade.fhir)
            self._memory[scenario.name] = at_rest, processes.peak_mb(worker)
        for facade in fresh:
            facade.close()

    def measure_large(self) -> None:
        """What a worker at rest needs more to publish one large document, and another to retrieve it."""
        stand = self._stand
        body = stand.publication(stand.sizes.large)
        published = self._large("publish", lambda base: stand.call(base, AUTHOR, "POST", "/DocumentReference", body))
        path = f"/Binary/{published.json()['id']}"
        self._large("retrieve", lambda base: stand.call(base, READER, "GET", path))

    def run(self, rounds: int, seconds: float, progress: Callable[[str], None]) -> int:
        """Measure for so many rounds, or until the time is over; return how many there were."""
        end = time.monotonic() + seconds
        for number in range(1, rounds + 1):
            if number > _FEWEST_ROUNDS and time.monotonic() > end:
                return number - 1
            progress(f"round {number} of {rounds}")
            for scenario in self._scenarios:
                self._measure_facade(scenario)
                for against in scenario.against:
                    if against.path is None:
                        self._measure_floor(scenario, against)
                    else:
                        self._measure_served(scenario, against)
        return rounds

    def rows(self) -> list[Row]:
        """One row for each comparison, and one for the facade at rest."""
        compared = [self._row(scenario, against) for scenario in self._scenarios for against in scenario.against]
        return [*compared, *self._large_rows, self._idle()]

    def _measure_facade(self, scenario: Scenario) -> None:
        count = 1 if self._smallest else scenario.batch
        requests = list(scenario.prepare(count))
        pids = self._stand.tree
        cpu, began = processes.settle(pids), time.perf_counter()
        for request in requests:
            request(self._stand.fhir)
        wall = time.perf_counter() - began
        spent = processes.settle(pids) - cpu
        self._facade[scenario.name].add(count, spent, wall)

    def _measure_served(self, scenario: Scenario, against: Against) -> None:
        served, count = self._served[against.operation], 1 if self._smallest else against.batch
        requests = list(scenario.prepare(count))
        base = f"{served.base}{against.path}"
        pids = processes.tree(served.pid)
        cpu, began = processes.settle(pids), time.perf_counter()
        for request in requests:
            request(base)
        wall = time.perf_counter() - began
        self._compared[_key(scenario, against)].add(count, processes.settle(pids) - cpu, wall)
        self._peaks[_key(scenario, against)] = max(map(processes.peak_mb, pids))

    def _measure_floor(self, scenario: Scenario, against: Against) -> None:
        floor, count = self._floors[against.operation], 1 if self._smallest else against.batch
        floor.say(str(count))
        cost = json.loads(floor.hear(_FLOOR_SECONDS))
        self._compared[_key(scenario, against)].add(count, cost["cpu_s"], cost["wall_s"])
        self._peaks[_key(scenario, against)] = cost["peak_mb"]

    def _row(self, scenario: Scenario, against: Against) -> Row:
        ours, theirs = self._facade[scenario.name], self._compared[_key(scenario, against)]
        at_rest, peak = self._memory[scenario.name]
        by_round = sorted(mine / other for mine, other in zip(ours.cpu, theirs.cpu, strict=True))
        return {
            "name": scenario.name,
            "against": against.kind,
            "facade_ms": round(median(ours.cpu), 2),
            "floor_ms": round(median(theirs.cpu), 2),
            "ratio": round(median(ours.cpu) / median(theirs.cpu), 3),
            "ratio_low": round(by_round[len(by_round) // 4], 3),
            "ratio_high": round(by_round[-1 - len(by_round) // 4], 3),
            "wall_ms": round(median(ours.wall), 2),
            "floor_wall_ms": round(median(theirs.wall), 2),
            "peak_mb": peak,
            "rest_mb": at_rest,
            "floor_peak_mb": self._peaks[_key(scenario, against)],
            "floor": against.text,
        }

    def _large(self, name: str, request: Callable[[str], requests.Response]) -> requests.Response:
        megabytes = self._stand.sizes.large / 1024 / 1024
        facade = self._stand.fresh(f"a large document to {name}")
        facade.wait()
        self._ready.append(facade.ready_seconds)
        at_rest = processes.rss_mb(facade.worker)
        answer = request(facade.fhir)
        added = processes.peak_mb(facade.worker) - at_rest
        facade.close()
        self._large_rows.append(
            {
                "name": f"{name} {megabytes:.0f} MB",
                "against": "",
                "facade_ms": None,
                "floor_ms": None,
                "ratio": None,
                "wall_ms": None,
                "peak_mb": at_rest + added,
                "rest_mb": at_rest,
                "floor": f"adds {added:.0f} MB to a worker at rest: {added / megabytes:.2f}x the document",
            }
        )
        return answer

    def _idle(self) -> Row:
        idle = self._stand.idle
        shared = sum(each["pss_mb"] for each in idle)
        return {
            "name": "at rest",
            "against": "",
            "facade_ms": None,
            "floor_ms": None,
            "ratio": None,
            "wall_ms": None,
            "peak_mb": max(each["rss_mb"] for each in idle[1:] or idle),
            "pss_mb": round(shared, 1),
            "ready_s": round(min(self._ready), 2),
            "processes": idle,
            "floor": f"a worker; server and workers ({len(idle) - 1}) {shared:.0f} MB, shared pages counted once; "
            f"ready {min(self._ready):.1f} s after its start",
        }


def _key(scenario: Scenario, against: Against) -> str:
    return f"{scenario.name} {against.operation} {against.path}"

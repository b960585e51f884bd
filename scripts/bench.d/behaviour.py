"""How the facade behaves where a ratio of processor times says nothing: in parallel, with many results, in pieces."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median
from typing import Any

import processes
import requests
from stand import READER, Stand

from facade.embedded import misbehaviour

_SLOW = 0.5
_REPEATED = 5
_MANY = (10, 100, 500, 1000, 2000)
Found = dict[str, Any]


def behaviour_of(stand: Stand, *, smallest: bool) -> Found:
    """All of it."""
    repeated = 1 if smallest else _REPEATED
    try:
        return {
            "parallel": _parallel(stand, repeated),
            "growth": _growth(stand, (2, 5) if smallest else _MANY, repeated),
            "pieces": _pieces(stand, repeated),
        }
    finally:
        misbehaviour.behave(stand.data)


def described(found: Found) -> str:
    """The same in words."""
    parallel, growth, pieces = found["parallel"], found["growth"], found["pieces"]
    counts = ", ".join(f"{count}: {cost:.0f}" for count, cost in growth["cpu_ms"].items())
    each = ", ".join(f"{cost:.2f}" for cost in growth["each_ms"])
    return (
        f"\nTD0.2 and TD3.1 each {parallel['slow_s']} s late: a search takes {parallel['wall_s']:.3f} s, "
        f"{parallel['ratio']:.2f}x the delay and what it takes undelayed ({parallel['undelayed_s']:.3f} s).\n"
        f"A search that finds so many, ms: {counts}. From one to the next, ms for each further document: {each}.\n"
        f"A retrieval of {pieces['megabytes']:.1f} MB: the first byte after {pieces['first_ms']:.0f} ms, the last "
        f"after {pieces['last_ms']:.0f} ms."
    )


def _parallel(stand: Stand, repeated: int) -> Found:
    """Both questions answered late: what is asked at once costs the delay once."""
    undelayed = _search_seconds(stand, repeated)
    late = [{"transaction": name, "what": "delay", "seconds": _SLOW, "times": None} for name in ("TD0.2", "TD3.1")]
    misbehaviour.order(stand.data, late)
    delayed = _search_seconds(stand, repeated)
    misbehaviour.behave(stand.data)
    expected = _SLOW + undelayed
    return {"slow_s": _SLOW, "undelayed_s": undelayed, "wall_s": delayed, "ratio": delayed / expected}


def _search_seconds(stand: Stand, repeated: int) -> float:
    taken = []
    for _ in range(repeated + 1):
        began = time.perf_counter()
        stand.call(stand.fhir, READER, "GET", stand.search_path)
        taken.append(time.perf_counter() - began)
    return median(taken[1:])


def _growth(stand: Stand, many: tuple[int, ...], repeated: int) -> Found:
    """Processor time of a search by how many documents are found; a page holds a thousand at most.

    ``each_ms``: what each further document cost from one number to the next, about the same where time grows linearly.
    """
    facade = stand.fresh("many results", DMP_FACADE_MAX_PAGE=str(max(many)))
    facade.wait()
    existing = stand.sizes.results
    costs: dict[int, float] = {}
    for count in many:
        rule = {"transaction": "TD3.1", "what": "many-results", "count": count, "times": None}
        misbehaviour.order(stand.data, [rule])
        path = stand.search_path.replace(f"_count={existing}", f"_count={max(many)}")
        found = int(stand.call(facade.fhir, READER, "GET", path).json()["total"])
        spent = []
        for _ in range(repeated):
            pids = [facade.worker]
            before = processes.settle(pids)
            stand.call(facade.fhir, READER, "GET", path)
            spent.append(1000 * (processes.settle(pids) - before))
        costs[found] = median(spent)
    misbehaviour.behave(stand.data)
    facade.close()
    steps = pairwise(sorted(costs.items()))
    each = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in steps]
    return {"cpu_ms": costs, "each_ms": each}


def _pieces(stand: Stand, repeated: int) -> Found:
    """When the first byte of a large document arrives, and when the last."""
    headers = stand.authorization(READER)
    first, last, size = [], [], 0
    for _ in range(repeated):
        began = time.perf_counter()
        with requests.get(f"{stand.fhir}{stand.retrieved}", headers=headers, stream=True, timeout=60) as answer:
            size = len(answer.raw.read(1))
            first.append(1000 * (time.perf_counter() - began))
            while chunk := answer.raw.read(256 * 1024):
                size += len(chunk)
        last.append(1000 * (time.perf_counter() - began))
    return {"first_ms": median(first), "last_ms": median(last), "megabytes": size / 1024 / 1024}

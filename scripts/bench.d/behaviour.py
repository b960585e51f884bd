"""How the facade behaves where a ratio of processor times says nothing: in parallel, with many results, in pieces."""

from __future__ import annotations

import time
from statistics import linear_regression, median
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
    return (
        f"\nTD0.2 and TD3.1 each {parallel['slow_s']} s late: a search takes {parallel['wall_s']:.3f} s, "
        f"{parallel['ratio']:.2f}x the delay and what it takes undelayed ({parallel['undelayed_s']:.3f} s).\n"
        f"A search of so many results, ms: {counts}. Fit: {growth['fixed_ms']:.1f} ms and {growth['each_ms']:.3f} ms "
        f"for each; the farthest from it by {100 * growth['farthest']:.0f} %.\n"
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
    """Processor time of a search by how many documents it gives, all on one page."""
    facade = stand.fresh("many results", DMP_FACADE_MAX_PAGE=str(max(many)))
    facade.wait()
    existing = stand.sizes.results
    costs: dict[int, float] = {}
    for count in many:
        rule = {"transaction": "TD3.1", "what": "many-results", "count": count, "times": None}
        misbehaviour.order(stand.data, [rule])
        path = stand.search_path.replace(f"_count={existing}", f"_count={max(many)}")
        answer = stand.call(facade.fhir, READER, "GET", path).json()
        found = sum(entry["search"]["mode"] == "match" for entry in answer["entry"])
        spent = []
        for _ in range(repeated):
            pids = [facade.worker]
            before = processes.settle(pids)
            stand.call(facade.fhir, READER, "GET", path)
            spent.append(1000 * (processes.settle(pids) - before))
        costs[found] = median(spent)
    misbehaviour.behave(stand.data)
    facade.close()
    each, fixed = linear_regression(list(costs), list(costs.values()))
    farthest = max(abs(cost / (fixed + each * count) - 1) for count, cost in costs.items())
    return {"cpu_ms": costs, "each_ms": each, "fixed_ms": fixed, "farthest": farthest}


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

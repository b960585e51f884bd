"""A preload survives what happens to the DMP and to the process that fetches it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import requests

from facade.embedded.misbehaviour import behave, order
from tests.support.demo import RunningDemo, codes_of
from tests.support.tasks import ordered, state, told

DOCTOR = "treating-doctor"


@pytest.fixture(autouse=True)
def honest_afterwards(quick: RunningDemo) -> Iterator[None]:
    yield
    behave(quick.data)


def as_it_is(demo: RunningDemo, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = demo.call(DOCTOR, "GET", f"/Task/{made['id']}").json()
    return found


def becomes(demo: RunningDemo, made: dict[str, Any], wanted: str) -> dict[str, Any]:
    found = as_it_is(demo, made)
    deadline = time.monotonic() + 40
    while state(found) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
        found = as_it_is(demo, made)
    return found


def answers(demo: RunningDemo) -> bool:
    try:
        return demo.session.get(f"{demo.root}/readyz", timeout=2).status_code == 200
    except OSError:
        return False


def until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_process_killed_while_it_fetches_loses_nothing_and_leaves_nothing_half(quick: RunningDemo) -> None:
    for _ in range(2):
        quick.publish("author-doctor", "adult")
    order(quick.data, [{"transaction": "TD3.2", "what": "delay", "seconds": 20, "times": 1}])
    made = ordered(quick, DOCTOR, hours=1, content=True)
    becomes(quick, made, "fetching")
    until(lambda: any(line["transaction"] == "TD3.1" for line in quick.log()))
    time.sleep(0.5)
    for worker in psutil.Process(quick.pid("facade")).children(recursive=True):
        os.kill(worker.pid, signal.SIGKILL)
    until(lambda: answers(quick))
    ready = becomes(quick, made, "ready")
    assert told(ready)["held"] == told(ready)["matched"] >= 2
    with sqlite3.connect(f"file:{quick.data / 'facade.db'}?mode=ro", uri=True, timeout=20) as connection:
        attempts = connection.execute("SELECT attempts FROM preloads WHERE id = ?", [made["id"]]).fetchone()
    assert attempts == (2,), "the fetch was begun again"


def test_a_dmp_that_is_down_delays_the_fetch_and_says_so(quick: RunningDemo) -> None:
    order(quick.data, [{"transaction": "TD3.1", "what": "close-before", "times": None}])
    made = ordered(quick, DOCTOR, hours=1)
    until(lambda: "statusReason" in as_it_is(quick, made))
    waiting = as_it_is(quick, made)
    assert (state(waiting), waiting["statusReason"]["coding"][0]["code"]) == ("waiting", "dmp.connection-lost")
    assert told(waiting)["due"] > made["authoredOn"]
    behave(quick.data)
    assert state(becomes(quick, made, "ready")) == "ready"


def test_what_the_professional_asks_for_is_answered_as_the_dmp_is(quick: RunningDemo) -> None:
    order(quick.data, [{"transaction": "TD3.1", "what": "close-before", "times": None}])
    made = ordered(quick, DOCTOR, hours=48)
    answer = quick.call(DOCTOR, "POST", f"/Task/{made['id']}/$run")
    assert (answer.status_code, codes_of(answer)) == (503, ["dmp.connection-lost"])
    assert answer.headers["Retry-After"]


def test_one_document_the_dmp_does_not_give_costs_the_others_nothing(quick: RunningDemo) -> None:
    for _ in range(2):
        quick.publish("author-doctor", "minor")
    order(quick.data, [{"transaction": "TD3.2", "what": "other-bytes", "times": 1}])
    made = ordered(quick, DOCTOR, "minor", hours=48, content=True)
    answer = quick.call(DOCTOR, "POST", f"/Task/{made['id']}/$run")
    assert answer.status_code == 200, answer.text
    assert told(answer.json())["held"] == told(answer.json())["matched"] - 1


def test_two_calls_at_once_fetch_once(quick: RunningDemo) -> None:
    order(quick.data, [{"transaction": "TD3.1", "what": "delay", "seconds": 3, "times": 1}])
    made = ordered(quick, DOCTOR, hours=48, created={"start": "2090"})
    headers = {"Authorization": f"Bearer {quick.tokens[DOCTOR]}"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(requests.post, f"{quick.fhir}/Task/{made['id']}/$run", headers=headers, timeout=60)
        becomes(quick, made, "fetching")
        second = quick.call(DOCTOR, "POST", f"/Task/{made['id']}/$run")
        assert first.result().status_code == 200
    assert (second.status_code, codes_of(second)) == (409, ["preload.in-progress"])
    assert state(as_it_is(quick, made)) == "ready"

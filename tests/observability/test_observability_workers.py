"""Several processes, one answer: whoever is asked for the metrics adds up all of them, with both servers."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from facade.embedded.pki import Pki
from tests.support.demo import RunningDemo
from tests.support.serving import Facade, served

# A process is killed and another started in its place: on a busy machine that takes a while.
pytestmark = pytest.mark.timeout(300)
REQUESTS = 12


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def two(request: pytest.FixtureRequest, demo: RunningDemo, tmp_path_factory: Any) -> Iterator[Facade]:
    pki = Pki(demo.data / "pki")
    tls = {"tls_certificate": pki.server, "tls_key": pki.server_key} if request.param == "gunicorn" else {}
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "metrics").mkdir()
    (folder / "metrics" / "counter_1.db").write_bytes(b"left behind by an earlier run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder / "metrics"))
        with served(demo, folder, workers=2, threads=4, **tls) as running:
            yield running
    assert [file.name for file in (folder / "metrics").iterdir()] == ["counter_1.db"], "its own folder is removed"


def workers(facade: Facade) -> list[psutil.Process]:
    children = psutil.Process(facade.process.pid).children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def sample(facade: Facade, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics(facade), re.MULTILINE)
    return float(found[1]) if found else 0.0


def metrics(facade: Facade) -> str:
    answer = requests.get(f"{facade.root}/metrics", verify=facade.ca, timeout=30)
    assert answer.status_code == 200
    return answer.text


def refused(facade: Facade, times: int) -> None:
    """On connections of their own, so that each process gets some of them."""
    for _ in range(times):
        assert requests.get(f"{facade.root}/fhir/Patient", verify=facade.ca, timeout=30).status_code == 401


def test_the_processes_are_added_up_and_one_that_dies_takes_nothing_with_it(two: Facade) -> None:
    counter = 'dmp_facade_token_refusals_total{reason="token.missing"}'
    refused(two, REQUESTS)
    assert sample(two, counter) == REQUESTS
    assert sample(two, "dmp_facade_threads") == 8
    assert {sample(two, counter) for _ in range(6)} == {REQUESTS}, "whoever is asked"
    before = workers(two)
    os.kill(before[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + 90
    while before[0].pid in (now := {each.pid for each in workers(two)}) or len(now) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while sample(two, "dmp_facade_threads") != 8:
        assert time.monotonic() < deadline, "the dead process is not counted, the new one is"
        time.sleep(0.2)
    refused(two, REQUESTS)
    assert sample(two, counter) == 2 * REQUESTS
    assert sample(two, "dmp_facade_requests_in_flight") == 1


def test_no_line_of_a_server_is_anything_but_json(two: Facade) -> None:
    """Also what it says of a process that was killed, and of a request it could not read."""
    ca = two.ca
    requests.get(f"{two.root}/healthz?x=canary", headers={"X-Long": "y" * 100_000}, verify=ca, timeout=30)
    for line in Path(two.log).read_text(encoding="utf-8").splitlines():
        assert line.startswith("{"), line
        assert "canary" not in line

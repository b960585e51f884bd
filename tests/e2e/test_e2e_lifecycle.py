"""The demonstration as a process tree: one line of JSON, quick to end, and honest when its DMP is gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import requests

from tests.support.demo import RunningDemo, codes_of, pdf, running_demo


def test_without_its_dmp_the_facade_answers_503_and_claims_nothing(fresh_demo: RunningDemo) -> None:
    demo = fresh_demo
    os.killpg(demo.pid("dmp"), signal.SIGKILL)
    _until_gone(demo.pid("dmp"))
    started = time.monotonic()
    answer = demo.post("author-doctor", "/DocumentReference", demo.document("adult", pdf()))
    assert (answer.status_code, codes_of(answer)) == (503, ["dmp.unreachable"])
    assert int(answer.headers["Retry-After"]) > 0
    search = demo.search("nurse", "adult")
    assert (search.status_code, "Retry-After" in search.headers) == (503, True)
    assert time.monotonic() - started < 20
    ready = requests.get(f"{demo.root}/readyz", timeout=10)
    assert ready.status_code == 503
    assert requests.get(f"{demo.root}/healthz", timeout=5).status_code == 200


def test_one_line_on_standard_output_and_the_whole_tree_ends_within_five_seconds(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        tree = psutil.Process(demo.process.pid).children(recursive=True)
        assert len(tree) >= 3
        started = time.monotonic()
        demo.process.send_signal(signal.SIGTERM)
        demo.process.wait(5)
        _, alive = psutil.wait_procs(tree, timeout=max(0.1, 5 - (time.monotonic() - started)))
        assert alive == []
        assert demo.process.stdout is not None
        assert demo.process.stdout.read() == b""


def test_a_demo_stopped_and_started_again_on_its_folder_still_has_its_documents(tmp_path: Path) -> None:
    content = pdf()
    with running_demo(tmp_path) as first:
        document = first.publish("author-doctor", "adult", content)["id"]
    with running_demo(tmp_path) as second:
        got = second.call("nurse", "GET", f"/Binary/{document}", headers={"Accept": "application/pdf"})
        assert got.content == content


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)

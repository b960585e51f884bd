"""A document of 50 MB through the whole facade, as a client sends and gets it, is in memory as few times as can be.

Published: less than twice. Retrieved: what was received of the DMP (a CDA: 4/3 of the file), and what the server keeps
of the answer until its client has read it, at most once more; never a third copy. Measured by the system on the one
worker of a facade that runs with its settings as they are but for the body limit.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.demo import FHIR_JSON, RunningDemo, running_demo

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
MEGABYTE = 1024 * 1024
SIZE = 50 * MEGABYTE
AUTHOR, READER, PATIENT = "author-doctor", "treating-doctor", "adult"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_MAX_BODY_BYTES", str(80 * MEGABYTE))
        with running_demo(tmp_path_factory.mktemp("large")) as demo:
            yield demo


@pytest.fixture(scope="module")
def content() -> bytes:
    return b"%PDF-1.7\n" + hashlib.shake_128(b"large").digest(SIZE - 9)


@pytest.fixture(scope="module")
def document(large: RunningDemo, content: bytes) -> str:
    """The id of a document of 50 MB, published; what that added to the facade's memory is asserted here."""
    large.publish(AUTHOR, PATIENT)
    body = large.document(PATIENT, b"")
    body["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
    before = peak(large)
    answer = large.post(AUTHOR, "/DocumentReference", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["content"][0]["attachment"]["size"] == SIZE
    added = peak(large) - before
    assert added < 2 * SIZE, added / SIZE
    return str(answer.json()["id"])


def worker(demo: RunningDemo) -> psutil.Process:
    return max(psutil.Process(demo.pid("facade")).children(recursive=True), key=lambda each: each.memory_info().rss)


def peak(demo: RunningDemo) -> int:
    """The largest resident set of the serving process since it was last forgotten, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker(demo).pid}/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) * 1024


def forget_peak(demo: RunningDemo) -> int:
    """Begin to measure anew; what is resident now."""
    Path(f"/proc/{worker(demo).pid}/clear_refs").write_text("5", encoding="ascii")
    return peak(demo)


def test_publishing(document: str) -> None:
    assert document


@pytest.mark.parametrize(
    ("accept", "form"), [("application/pdf", "file"), ("application/xml", "cda"), (FHIR_JSON, "binary")]
)
def test_retrieving(large: RunningDemo, document: str, content: bytes, accept: str, form: str) -> None:
    before = forget_peak(large)
    answer = large.call(READER, "GET", f"/Binary/{document}", headers={"Accept": accept})
    added = peak(large) - before
    assert answer.status_code == 200
    expected = {"file": content, "cda": base64.b64encode(content), "binary": base64.b64encode(content)}[form]
    assert expected in answer.content
    left = {"file": 1, "cda": 4 / 3, "binary": 4 / 3}[form]
    assert added < (4 / 3 + left + 0.1) * SIZE, added / SIZE

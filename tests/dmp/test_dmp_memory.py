"""A document of 50 MB costs less than twice its size, measured by the system on a process that does nothing else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import dmp_answers as answers
from tests.support.dmp_entries import ENTRY
from tests.support.dmp_memory import large_cda
from tests.support.dmp_server import DmpServer, Issued, Pki, Reply, Seen, envelope, mtom

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
ROOT = Path(__file__).parents[2]
MEGABYTES = 50


@pytest.fixture
def measure(server: DmpServer, pki: Pki, auth: Issued, sign: Issued) -> Any:
    def run(act: str, **more: object) -> dict[str, int]:
        arguments = {
            "act": act,
            "base_url": server.base_url,
            "ca": str(pki.ca_file),
            "auth": [str(auth.certificate_file), str(auth.key_file)],
            "sign": [str(sign.certificate_file), str(sign.key_file)],
            **more,
        }
        command = [sys.executable, "-m", "tests.support.dmp_memory", json.dumps(arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


def test_publishing(server: DmpServer, measure: Any) -> None:
    server.respond = answers.plain(answers.registry())
    found = measure("publish", megabytes=MEGABYTES)
    assert found["document"] > MEGABYTES * 1024 * 1024
    # The document itself is made by the process too: it is the first half of what is allowed.
    assert found["added"] < 2 * found["document"], found
    assert large_cda(MEGABYTES) in server.seen[-1].body


@pytest.mark.parametrize("chunked", [False, True])
def test_retrieving(server: DmpServer, measure: Any, chunked: bool) -> None:
    document = large_cda(MEGABYTES)

    def respond(seen: Seen) -> Reply:
        if b"AdhocQueryRequest" in seen.message:
            return Reply(envelope(answers.search(), seen.message_id))
        body = answers.retrieved({ENTRY.unique_id: answers.include("d")})
        whole = mtom(envelope(body, seen.message_id), {"d": document})
        return Reply(whole.body, content_type=whole.content_type, chunked=chunked, piece=1024 * 1024)

    server.respond = respond
    digest = hashlib.sha1(document, usedforsecurity=False).hexdigest()
    found = measure("retrieve", announced={"hash": digest, "size": len(document)})
    assert found["document"] == len(document)
    assert found["added"] < 2 * found["document"], found

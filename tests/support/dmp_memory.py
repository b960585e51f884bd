"""Run in a process of its own: exchange one large document with a DMP and print what it cost in memory, as JSON.

The argument is one JSON object: ``act`` (``publish`` or ``retrieve``), ``megabytes`` to publish, ``announced`` (hash
and size of the document to retrieve), ``base_url``, ``ca``, ``auth`` and ``sign`` (certificate and key file).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pybase64

from facade.dmp.gateway import SoapGateway
from facade.domain.dmp import DocumentQuery
from tests.support.dmp_callers import make_config, session
from tests.support.dmp_entries import CDA, ENTRY, submission_of


@dataclass(frozen=True)
class _Files:
    certificate_file: Path
    key_file: Path


def large_cda(megabytes: int) -> bytes:
    """A CDA with so many megabytes of base64, made without a second copy of it."""
    block = pybase64.b64encode(hashlib.shake_128(b"large").digest(3 * 256 * 1024))
    head, tail = b'<ClinicalDocument xmlns="urn:hl7-org:v3"><text>', b"</text></ClinicalDocument>"
    return b"".join((head, *[block] * megabytes, tail))


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) * 1024


def _publish(gateway: SoapGateway, megabytes: int) -> dict[str, int]:
    gateway.publish(session(), submission_of(CDA))
    before = _peak()
    submission = submission_of(large_cda(megabytes))
    gateway.publish(session(), submission)
    return {"document": len(submission.documents[0].content), "added": _peak() - before}


def _retrieve(gateway: SoapGateway, announced: dict[str, Any]) -> dict[str, int]:
    gateway.find_documents(session(), DocumentQuery())
    entry = replace(ENTRY, **announced)
    before = _peak()
    [found] = gateway.retrieve(session(), [entry])
    return {"document": len(found.content), "added": _peak() - before}


def main(arguments: dict[str, Any]) -> None:
    auth, sign = (_Files(*map(Path, arguments[name])) for name in ("auth", "sign"))
    config = make_config(arguments["base_url"], Path(arguments["ca"]), auth, sign)  # type: ignore[arg-type]
    gateway = SoapGateway(config)
    publish = arguments["act"] == "publish"
    found = _publish(gateway, arguments["megabytes"]) if publish else _retrieve(gateway, arguments["announced"])
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""A program: makes each kind of request once, inside this process, and keeps what crossed the wire to the DMP.

The floors and the naive variant then work on the very bytes the facade works on. It runs the facade's own application
on the settings of a running demonstration, with a client of the DMP that keeps a copy of every exchange.

Input: one JSON object on standard input (``Task``). Output: files in its ``folder``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from facade.app import create_app
from facade.dmp import gateway
from facade.dmp.http import HttpAnswer, HttpClient, PlainBody
from facade.dmp.multipart import MultipartBody
from facade.settings import Settings

_OPENING, _CLOSING = b"<saml2:Assertion", b"</saml2:Assertion>"


@dataclass(frozen=True, slots=True)
class Task:
    """What to ask for, and the tokens to ask with."""

    folder: str
    config: str
    reader: str
    author: str
    search: str
    read: str
    retrieve: str
    small: str
    publish: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One SOAP exchange: what was sent and what came back."""

    sent_type: str
    sent: bytes
    answer_type: str
    answer: bytes


EXCHANGES: dict[str, Exchange] = {}


class Recorder(HttpClient):
    """The facade's client of the DMP; the last exchange of each transaction stays in ``EXCHANGES``."""

    def post(
        self, url: str, body: MultipartBody | PlainBody, *, transaction: str, changes: bool, headers: Mapping[str, str]
    ) -> HttpAnswer:
        """Send as the facade does, and keep a copy."""
        answer = super().post(url, body, transaction=transaction, changes=changes, headers=headers)
        EXCHANGES[transaction] = Exchange(body.content_type, b"".join(body), answer.content_type, bytes(answer.body))
        return answer


def main() -> None:
    task = Task(**json.loads(sys.stdin.read()))
    os.environ["DMP_FACADE_CONFIG"] = task.config
    setattr(gateway, "HttpClient", Recorder)  # noqa: B010 - the one place where the facade makes its client
    client = create_app(Settings()).test_client()
    folder = Path(task.folder)

    (folder / "search.json").write_bytes(_ask(client, "GET", task.search, task.reader))
    _keep_exchange(folder, "search", "TD3.1")
    _keep_exchange(folder, "exists", "TD0.2")
    assertion = EXCHANGES["TD3.1"].sent.partition(_OPENING)[2].partition(_CLOSING)[0]
    (folder / "assertion.xml").write_bytes(_OPENING + assertion + _CLOSING)

    (folder / "read.json").write_bytes(_ask(client, "GET", task.read, task.reader))
    _keep_exchange(folder, "read", "TD3.1")

    for name, path in (("retrieve", task.retrieve), ("small", task.small)):
        _ask(client, "GET", path, task.reader)
        _keep_exchange(folder, name, "TD3.2")

    stored = _ask(client, "POST", "/fhir/DocumentReference", task.author, task.publish)
    (folder / "stored.json").write_bytes(stored)
    _keep(folder, "publish", EXCHANGES["TD2.1"].sent_type, EXCHANGES["TD2.1"].sent)
    _keep(folder, "published", EXCHANGES["TD2.1"].answer_type, EXCHANGES["TD2.1"].answer)


def _ask(client: FlaskClient, method: str, path: str, token: str, resource: dict[str, Any] | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    answer = client.open(path, method=method, headers=headers, data=json.dumps(resource) if resource else None)
    if answer.status_code not in (200, 201):
        sys.exit(f"{method} {path.partition('?')[0]} answered {answer.status_code}: {answer.text[:500]}")
    body: bytes = answer.data
    return body


def _keep_exchange(folder: Path, name: str, transaction: str) -> None:
    exchange = EXCHANGES[transaction]
    _keep(folder, name, exchange.answer_type, exchange.answer)
    (folder / f"{name}.sent").write_bytes(exchange.sent)
    (folder / f"{name}.sent-type").write_text(exchange.sent_type)


def _keep(folder: Path, name: str, content_type: str, body: bytes) -> None:
    (folder / f"{name}.type").write_text(content_type)
    (folder / f"{name}.bin").write_bytes(body)


if __name__ == "__main__":
    main()

"""A program: so many clients, each on a connection of its own, each asking again as soon as it is answered.

Input: one JSON object on standard input (``Task``). It says ``go`` when the warm-up is over, then, in one line of JSON,
what came back in the seconds after it. What is asked for is drawn from a seeded sequence of each client's own.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

_TIMEOUT = 60.0
_HEADERS = 64 * 1024
_MARK = b"@@@@@@@@@@@@@@@@@@@@@@@@"


@dataclass(frozen=True, slots=True)
class Task:
    """Where and what to ask. ``requests``: by name method, path, token and file of the body; ``mix``: their weights."""

    port: int
    clients: int
    warm_up: float
    seconds: float
    seed: int
    mix: Mapping[str, int]
    requests: Mapping[str, tuple[str, str, str, str]]


@dataclass(slots=True)
class Seen:
    """Seconds of each answer by name, and everything that was not a success."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)


class Load:
    """The clients of one task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._messages = {name: _message(*each) for name, each in task.requests.items()}
        self.seen = Seen()
        self._from = time.monotonic() + task.warm_up
        self._until = self._from + task.seconds

    async def run(self) -> None:
        """All clients at once, until the time is over."""
        clients = [asyncio.create_task(self._client(number)) for number in range(self._task.clients)]
        await asyncio.sleep(self._from - time.monotonic())
        print("go", flush=True)
        await asyncio.sleep(self._until - time.monotonic())
        print(json.dumps(self.report()), flush=True)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    def report(self) -> dict[str, object]:
        """Answers, errors and quantiles of the seconds an answer took, of all and by name."""
        every = [each for found in self.seen.seconds.values() for each in found]
        by_name = {name: _quantiles(found) for name, found in self.seen.seconds.items()}
        return {"answers": len(every), "errors": dict(self.seen.errors), "all": _quantiles(every), "by_name": by_name}

    async def _client(self, number: int) -> None:
        draw = random.Random(f"{self._task.seed} {number}")  # noqa: S311 - which request, no secret
        names, weights = list(self._task.mix), list(self._task.mix.values())
        await asyncio.sleep(draw.random() * self._task.warm_up / 4)
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        count = 0
        while True:
            name, count = draw.choices(names, weights)[0], count + 1
            began = time.monotonic()
            try:
                async with asyncio.timeout(_TIMEOUT):
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", self._task.port, limit=_HEADERS)
                    told, kept = await self._ask(connection, name, b"%012d%012d" % (number, count))
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                told, kept = type(error).__name__, False
            if connection and not kept:
                connection[1].close()
                connection = None
            self._note(name, told, began)
            if told not in ("200", "201"):
                await asyncio.sleep(1)

    async def _ask(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], name: str, mark: bytes
    ) -> tuple[str, bool]:
        reader, writer = connection
        writer.write(self._messages[name].replace(_MARK, mark, 1))
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        return head.split(b" ")[1].decode(), b"connection: close" not in head

    def _note(self, name: str, told: str, began: float) -> None:
        now = time.monotonic()
        if not self._from <= now <= self._until:
            return
        if told in ("200", "201"):
            self.seen.seconds.setdefault(name, []).append(now - began)
        else:
            self.seen.errors[f"{name} {told}"] += 1


def _message(method: str, path: str, token: str, file: str) -> bytes:
    body = Path(file).read_bytes() if file else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _quantiles(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {"count": len(seconds)}
    cuts = quantiles(seconds, n=100)
    return {"count": len(seconds), "p50": round(cuts[49], 3), "p99": round(cuts[98], 3), "max": round(max(seconds), 3)}


if __name__ == "__main__":
    asyncio.run(Load(Task(**json.loads(sys.stdin.readline()))).run())

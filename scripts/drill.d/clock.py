"""The facade's clock jumps, forward and back: tokens, emergencies, the order of traces, a publication under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import requests
from acts import Client, codes
from load import Load
from parts import DrillFailed
from report import Report
from verdict import held_titles, losses
from world import World

from facade.embedded.misbehaviour import behave, order

_LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# Less than the ten minutes by which the DMP lets a VIHF's clock differ from its own, more than anything lasts here.
_AHEAD = 300
_LASTING = 120
# The library looks at its file when the second after the last look is over, in whole seconds.
_NOTICED = 2.5


def clock_jump(report: Report) -> None:
    """The facade's clock jumps five minutes ahead in the middle of a publication, and back, and again (libfaketime)."""
    clock = _Clock()
    settings = {**clock.environment, "DMP_FACADE_EMERGENCY_MINUTES": str(_LASTING // 60)}
    with World(settings=settings, before=clock.start) as world:
        first = Load(world, requests=report.requests // 2, seed=report.seed)
        first.run()
        client = _client(world, 200)
        _sent_twice(report, world, client, clock)
        second = Load(world, requests=report.requests // 2, seed=report.seed + 1, first=10)
        second.run((0.5, lambda: clock.jump(0)))
        _tokens(report, world, clock)
        _emergency(report, world, clock)
        clock.jump(0)
        books = [*first.books, client.book, *second.books]
        report.acts(books, "the clock jumped five times")
        _order(report, world)
        report.lost(losses(world, books))


class _Clock:
    """What libfaketime tells the facade's processes; monotonic clocks are left alone, as by a real jump."""

    def __init__(self) -> None:
        library = next((str(path) for path in Path("/").glob(_LIBRARY.lstrip("/"))), None)
        if library is None:
            raise DrillFailed("libfaketime is not here: apt-get install faketime")
        self.file = Path()
        self._library = library

    @property
    def environment(self) -> Mapping[str, str]:
        """For the facade's processes; the file is beside their folders."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": "../clock",
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def start(self, data: Path) -> None:
        """The true time, before anybody looks."""
        self.file = data.parent / "clock"
        self.file.write_text("+0\n")

    def jump(self, seconds: int) -> None:
        """From now on this many seconds ahead of the true time."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)
        time.sleep(_NOTICED)


def _client(world: World, number: int, life: int = 0) -> Client:
    token = world.issuer_keys.mint("author-doctor")
    return Client(number, 0, [world.base], token, world.ins("adult"), 60.0, life)


def _sent_twice(report: Report, world: World, client: Client, clock: _Clock) -> None:
    """The DMP is slow; the clock makes the publication look abandoned; its client, cut off, repeats it."""
    order(world.data, [{"transaction": "TD2.1", "what": "delay", "seconds": 3}])
    slow = threading.Thread(target=client.publish)
    slow.start()
    time.sleep(0.7)
    clock.jump(_AHEAD)
    again = _client(world, 200, life=1)
    again.publish()
    slow.join()
    behave(world.data)
    same = {each.id for book in (client.book, again.book) for each in book.documents}
    copies = held_titles(world)["Drill 200-0"]
    report.expect(
        seen=(copies, len(same)), wanted=(1, 1), what="one publication sent before and after a jump: copies, ids"
    )


def _tokens(report: Report, world: World, clock: _Clock) -> None:
    token = world.issuer_keys.mint("nurse", lifetime=_LASTING)
    clock.jump(_AHEAD)
    report.expect(seen=_search(world, token), wanted="token.expired", what="a token of two minutes, five minutes ahead")
    clock.jump(-_AHEAD)
    report.expect(
        seen=_search(world, token), wanted="token.not-yet-valid", what="a token issued in the future, five minutes back"
    )
    clock.jump(0)
    report.expect(seen=_search(world, token), wanted=200, what="the same token, the clock put right")


def _emergency(report: Report, world: World, clock: _Clock) -> None:
    """A reason opens a record for two minutes here: no longer because it was first stated while the clock was ahead."""
    token = world.issuer_keys.mint("unauthorised-doctor")
    reason = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "coma"}
    clock.jump(_AHEAD)
    report.expect(seen=_search(world, token, reason), wanted=200, what="an emergency stated five minutes ahead")
    clock.jump(0)
    report.expect(seen=_search(world, token, reason), wanted=200, what="stated again, the clock put right")
    clock.jump(_AHEAD - 60)
    report.expect(
        seen=_search(world, token, reason), wanted="emergency.expired", what="the same words four minutes later"
    )


def _search(world: World, token: str, headers: Mapping[str, str] | None = None) -> int | str:
    """200, or the code of the refusal."""
    patient = world.ins("adult")
    asked = urlencode({"patient.identifier": f"{patient['system']}|{patient['value']}", "_count": "1"})
    sent = {"Authorization": f"Bearer {token}", **(headers or {})}
    answer = requests.get(f"{world.base}/DocumentReference?{asked}", headers=sent, timeout=30)
    return answer.status_code if answer.ok else codes(answer)


def _order(report: Report, world: World) -> None:
    """The chain is in the order of writing, whatever the clock said; that it went back can be seen in it."""
    written = list(world.traces().export())
    back = sum(later.time < earlier.time for earlier, later in pairwise(written))
    numbers = [trace.seq for trace in written]
    report.expect(seen=numbers == list(range(1, len(numbers) + 1)), wanted=True, what="traces numbered as written")
    report.say(f"{len(numbers)} traces, {back} times one is earlier than the one before it")

"""The issuer's keys cannot be fetched: callers whose key is known go on, others are told to come back (503)."""

from __future__ import annotations

import json
import shutil
import time

import requests
from load import Load
from report import Report
from verdict import losses
from world import World

from facade.embedded.issuer import Issuer, base_url, make_keys

_MINUTE = 60.0


def issuer_down(report: Report) -> None:
    """The JWKS endpoint is down: known keys go on, a new key is refused with 503, and is served once it is back."""
    with World(workers=1) as world:
        before = Load(world, requests=report.requests // 6, seed=report.seed)
        before.run()
        world.issuer.kill()
        load = Load(world, requests=report.requests // 3, seed=report.seed + 1, first=10)
        load.run()
        report.acts([*before.books, *load.books], "the issuer gone for two thirds of them")
        report.lost(losses(world, [*before.books, *load.books]))
        known, unknown = world.issuer_keys.mint("nurse"), _rotated(world).mint("author-doctor")
        report.expect(seen=_asked(world, known), wanted=(200, ""), what="a known key while the issuer is down")
        report.expect(
            seen=_until(world, unknown, 503),
            wanted=(503, "identity.keys-unavailable"),
            what="a key never seen while the issuer is down",
        )
        world.issuer.start()
        report.expect(seen=_until(world, unknown, 200), wanted=(200, ""), what="the new key once the issuer is back")


def _rotated(world: World) -> Issuer:
    """The issuer after it has replaced its keys, by others nobody has fetched."""
    new = world.folder / "new-keys"
    make_keys(new)
    for key in new.glob("*.key"):
        shutil.copy(key, world.data / "issuer" / key.name)
    return Issuer(new, base_url(world.issuer_port))


def _asked(world: World, token: str) -> tuple[int, str]:
    patient = world.ins("adult")
    answer = requests.get(
        f"{world.base}/Consent",
        params={"patient.identifier": f"{patient['system']}|{patient['value']}", "category": "opposition-feeding"},
        headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
        timeout=30,
    )
    if answer.status_code == requests.codes.ok:
        return 200, ""
    return answer.status_code, json.loads(answer.text)["issue"][0]["details"]["coding"][0]["code"]


def _until(world: World, token: str, status: int) -> tuple[int, str]:
    """The answer once it has this status, or a minute later: keys are fetched at most every 30 s, and not when just so.

    Keys fetched less than that ago, without this one, are an answer too: the token is then refused.
    """
    deadline = time.monotonic() + _MINUTE
    while (answer := _asked(world, token))[0] != status and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer

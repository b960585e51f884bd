"""A certificate comes to its end while everybody is at work: ours (ORG AUTH_CLI), then the DMP's own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import requests
from acts import Book, Client
from load import Load
from report import Report
from verdict import losses
from world import World

from facade.embedded import sample
from facade.embedded.pki import Authority

# Long enough to start a facade on a busy machine.
_LIFE = timedelta(seconds=45)


def certificates(report: Report) -> None:
    """Our certificate expires in service, then the DMP's own: 503, nothing half done, and all is well once renewed."""
    made: list[Authority] = []

    def make(data: object) -> None:
        assert isinstance(world.data, type(data))
        made.append(Authority(world.data / "pki", sample.LEGAL_ENTITY.id, sample.LEGAL_ENTITY.name))

    world = World(before=make, ready="/healthz")
    with world:
        load = Load(world, requests=report.requests // 4, seed=report.seed)
        load.run()
        books = [*load.books, *_ours(report, world, made[0]), *_theirs(report, world, made[0])]
        report.acts(books, "a certificate expired twice, and was renewed")
        report.lost(losses(world, books))


def _ours(report: Report, world: World, authority: Authority) -> list[Book]:
    facade, ends = world.facades[0], datetime.now(UTC) + _LIFE
    facade.stop()
    authority.issue("auth_cli", ends)
    facade.start()
    while datetime.now(UTC) <= ends + timedelta(seconds=1):
        time.sleep(0.2)
    # A real DMP closes silent connections; a handshake is what tells.
    world.dmp.kill()
    world.dmp.start()
    _refused(report, world, "ours expired", 100)
    facade.stop()
    authority.issue("auth_cli")
    facade.start()
    return [_repeated(report, world, "ours renewed (restarted)", 100)]


def _theirs(report: Report, world: World, authority: Authority) -> list[Book]:
    world.dmp.stop()
    authority.issue("server", datetime.now(UTC) - timedelta(days=1))
    world.dmp.start()
    _refused(report, world, "the DMP's expired", 101)
    world.dmp.stop()
    authority.issue("server")
    world.dmp.start()
    return [_repeated(report, world, "the DMP's renewed (not restarted)", 101)]


def _client(world: World, number: int, patience: float, life: int = 0) -> Client:
    token = world.issuer_keys.mint("author-doctor")
    return Client(number, 0, [world.base], token, world.ins("adult"), patience, life)


def _refused(report: Report, world: World, what: str, number: int) -> None:
    """A publication is answered 503, an opposition is recorded all the same, and readiness says which certificate."""
    client = _client(world, number, 2.0)
    client.publish()
    report.expect(seen=(client.book.given_up, client.book.wrong), wanted=(["publish"], []), what=f"{what}: 503 for")
    client.consent()
    report.expect(seen=[told.act for told in client.book.told], wanted=["consent"], what=f"{what}: done all the same")
    ready = requests.get(world.base.replace("/fhir", "/readyz"), timeout=10)
    report.say(f"{what}: readiness {ready.status_code}: {'; '.join(ready.json()['problems'])}")


def _repeated(report: Report, world: World, what: str, number: int) -> Book:
    """The same client does the same again, with the same keys: each is there once."""
    client = _client(world, number, 60.0, life=1)
    client.publish()
    client.consent()
    report.expect(seen=[told.act for told in client.book.told], wanted=["publish", "consent"], what=f"{what}: told")
    # The opposition was told twice, under two requests, and recorded once.
    return client.book

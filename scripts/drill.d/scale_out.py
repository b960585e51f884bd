"""``scripts/scale-out``: three facades, as three hosts would run them, on one PostgreSQL behind a load balancer."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from acts import FHIR_JSON
from balancer import BALANCERS, balancer
from load import Load
from parts import DrillFailed, end_tidily
from report import Report
from sqlalchemy import text
from verdict import held_titles, losses
from world import POSTGRESQL, World

from facade.records.engine import open_database

_HOSTS = 3
_ABOUT = """
Starts three `dmp-facade serve` (own ports, own folders) at once on one empty PostgreSQL, behind HAProxy (or nginx),
with one embedded DMP; works through the balancer; then looks for what was lost, doubled or refused. Everything is on
the loopback interface and gone afterwards. Non-zero when anything is wrong. Needs PostgreSQL's programs and Debian's
haproxy: apt-get install postgresql-15 haproxy.
"""


def main() -> int:
    """0: nothing was lost; 1: something was; 2: a part did not start."""
    parser = argparse.ArgumentParser(prog="scripts/scale-out", description=_ABOUT)
    parser.add_argument("--requests", type=int, default=600, help="acts of the mixed load (default 600)")
    parser.add_argument("--seed", type=int, default=1, help="of what clients do (default 1)")
    parser.add_argument("--balancer", choices=BALANCERS, default="", help="which one (default: the first installed)")
    asked = parser.parse_args()
    end_tidily()
    report = Report("scale-out", asked.requests, asked.seed)
    try:
        with World(hosts=_HOSTS, database=POSTGRESQL, workers=1) as world:
            _held(report, world, asked.balancer)
    except DrillFailed as error:
        print(f"could not be held: {error}", file=sys.stderr)
        return 2
    print(
        f"verdict: {f'{len(report.losses)} losses' if report.losses else 'three hosts, one record: nothing was lost'}"
    )
    return 1 if report.losses else 0


def _held(report: Report, world: World, wanted: str) -> None:
    _one_migration(report, world)
    part, port = balancer(world.folder, world.ports, wanted)
    world.add(part).start()
    report.say(f"{_HOSTS} facades behind {part.name}")
    hosts = Hosts(world)
    _same_at_once(report, hosts)
    _sealed_ids(report, hosts)
    _versions(report, hosts)
    load = Load(world, requests=report.requests, seed=report.seed, bases=[f"http://127.0.0.1:{port}/fhir"])
    load.run((0.5, world.facades[1].kill), (0.75, world.facades[1].start))
    report.acts(load.books, "one host killed half way and back at three quarters")
    report.lost(losses(world, load.books))
    seen = world.traces()
    report.expect(seen=len(seen.verify()), wanted=0, what=f"faults in the chain of {seen.head().seq} traces")


class Hosts:
    """The facades spoken to one by one, as one professional."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bases = [f"http://127.0.0.1:{port}/fhir" for port in world.ports]
        self._token = world.issuer_keys.mint("author-doctor")
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, host: int, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request to one host."""
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": FHIR_JSON, "Accept-Language": "en"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        return self._session.request(method, f"{self.bases[host]}{path}", headers=sent, data=data, timeout=60)

    def at_once(self, act: Callable[[int], requests.Response]) -> list[requests.Response]:
        """The same act on each host at the same moment."""
        together = threading.Barrier(_HOSTS)

        def run(host: int) -> requests.Response:
            together.wait()
            return act(host)

        with ThreadPoolExecutor(_HOSTS) as pool:
            return list(pool.map(run, range(_HOSTS)))

    def document(self, title: str, content: str = "", unique_id: str = "") -> dict[str, Any]:
        """A small DocumentReference."""
        data = base64.b64encode(f"%PDF-1.4 {content or title}".encode()).decode()
        resource: dict[str, Any] = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
            "subject": {"identifier": self.world.ins("adult")},
            "content": [{"attachment": {"contentType": "application/pdf", "data": data, "title": title}}],
        }
        if unique_id:
            resource["masterIdentifier"] = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{unique_id}"}
        return resource


def _one_migration(report: Report, world: World) -> None:
    database = open_database(world.database_url)
    with database.reading() as connection:
        versions = connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one()
    database.close()
    assert world.postgresql is not None
    made = world.postgresql.part.log.read_text(errors="replace").count("CREATE TABLE traces ")
    report.expect(seen=(made, versions), wanted=(1, 1), what="times the tables were made, revisions they have")


def _same_at_once(report: Report, hosts: Hosts) -> None:
    """The same publication sent to every host at once: by Idempotency-Key, by uniqueId, by content."""
    url = "/DocumentReference"
    for number in range(3):
        keyed = hosts.document(f"Keyed {number}")
        key = f"one-publication-{number}"
        answers = hosts.at_once(
            lambda host, keyed=keyed, key=key: hosts.call(host, "POST", url, keyed, Idempotency_Key=key)
        )
        _one_of(report, "the same Idempotency-Key", answers, (201, 409))
        again = [hosts.call(host, "POST", url, keyed, Idempotency_Key=key) for host in range(_HOSTS)]
        ids = {answer.json().get("id") for answer in again}
        report.expect(
            seen=(len(ids), {each.status_code for each in again}), wanted=(1, {201}), what="  repeated: ids, answers"
        )
        named = f"2.25.{1000 + report.seed}{number}"
        answers = hosts.at_once(
            lambda host, number=number, named=named: hosts.call(
                host, "POST", url, hosts.document(f"Named {number}", f"{number} {host}", named)
            )
        )
        _one_of(report, "the same uniqueId", answers, (201, 409))
        answers = hosts.at_once(
            lambda host, number=number: hosts.call(host, "POST", url, hosts.document(f"Same {number}"))
        )
        _one_of(report, "the same content", answers, (201, 409))
    held = held_titles(hosts.world)
    doubled = [title for title in held if held[title] > 1]
    report.expect(seen=(len(held), doubled), wanted=(9, []), what="documents in the DMP, those there twice")


def _one_of(report: Report, what: str, answers: list[requests.Response], allowed: tuple[int, int]) -> None:
    """Exactly one host stores it; the others say that it is being, or was, published. A replay is no second one."""
    ids = {answer.json()["id"] for answer in answers if answer.status_code == allowed[0]}
    others = {answer.status_code for answer in answers} - set(allowed)
    report.expect(
        seen=(len(ids), others), wanted=(1, set()), what=f"{what} on {_HOSTS} hosts at once: stored, other answers"
    )


def _sealed_ids(report: Report, hosts: Hosts) -> None:
    made = [
        hosts.call(host, "POST", "/DocumentReference", hosts.document(f"Sealed {host}")).json()["id"]
        for host in range(3)
    ]
    read = [
        hosts.call(host, "GET", f"/DocumentReference/{each}").status_code for each in made for host in range(_HOSTS)
    ]
    report.expect(seen=set(read), wanted={200}, what="an id sealed on one host opened on each of the others")


def _versions(report: Report, hosts: Hosts) -> None:
    created = hosts.call(0, "POST", "/DocumentReference", hosts.document("Versions"))
    path, etag = f"/DocumentReference/{created.json()['id']}", created.headers["ETag"]
    label = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}
    mask = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    masked = [label, {"coding": [{"system": mask, "code": "MASQUE_PS"}]}]
    patch = [{"op": "replace", "path": "/securityLabel", "value": masked}]
    headers = {"Content_Type": "application/json-patch+json", "If_Match": etag}
    answers = hosts.at_once(lambda host: hosts.call(host, "PATCH", path, patch, **headers))
    counted = sorted(answer.status_code for answer in answers)
    accepted = counted.count(200)
    report.expect(
        seen=(accepted, set(counted) - {200, 409, 412}),
        wanted=(1, set()),
        what="PATCH of one version on 3 hosts at once",
    )
    late = hosts.call(2, "PATCH", path, patch, **headers).status_code
    report.expect(seen=late, wanted=412, what="If-Match of an older version on another host")
    known = hosts.call(1, "GET", path).headers["ETag"]
    again = hosts.call(2, "PATCH", path, [{**patch[0], "value": [label]}], **{**headers, "If_Match": known})
    report.expect(seen=again.status_code, wanted=200, what="If-Match of the version read on another host")


if __name__ == "__main__":
    sys.exit(main())

"""A facade that dies between a change of the DMP and its trace, and one that cannot keep what it is about to do."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psutil
import pytest
import requests

from facade.embedded.misbehaviour import behave, order
from facade.records.engine import open_database
from facade.records.traces import StoredTrace, Traces
from tests.support.demo import FHIR_JSON, JSON_PATCH, LEVELS, MASKS, RunningDemo, codes_of, pdf, running_demo

AUTHOR, DOCTOR = "author-doctor", "unauthorised-doctor"
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
MASK = [
    {
        "op": "replace",
        "path": "/securityLabel",
        "value": [{"coding": [{"system": LEVELS, "code": "N"}]}, {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}],
    }
]
ARCHIVE = [{"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True}]
HELD_BACK, PATIENCE = 60, 30.0
# The act of each trace, with the transaction it says.
ACTS = {
    "publish": "TD2.1",
    "mask": "TD3.3a",
    "archive": "TD3.3d",
    "withdraw": "TD3.3c",
    "authorise": "TD0.3",
}
Act = Callable[[], requests.Response]


def correlation(act: str) -> str:
    """The correlation id of an act: one that could not be mistaken for a matricule."""
    return sha256(act.encode()).hexdigest()[:32]


class Town:
    """A demonstration, and what is in the database of its facade."""

    def __init__(self, demo: RunningDemo) -> None:
        self.demo = demo
        self._file = demo.data / "facade.db"

    def call(self, persona: str, method: str, path: str, body: Any = None, act: str = "") -> requests.Response:
        """One request under a correlation id made of the act."""
        kind = JSON_PATCH if method == "PATCH" else FHIR_JSON
        headers = {"X-Request-Id": correlation(act)} | ({"Content-Type": kind} if body else {})
        data = json.dumps(body) if body else None
        return self.demo.call(persona, method, path, data=data, headers=headers)

    def acts(self) -> dict[str, Act]:
        """One request for each kind of change, each on a document of its own; nothing is sent before it is called."""
        demo = self.demo
        mask, archive, first = (demo.publish(AUTHOR, "adult")["id"] for _ in range(3))
        relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{first}"}}]
        last = demo.publish(AUTHOR, "adult", relatesTo=relation)["id"]
        new, consent = demo.document("adult", pdf()), self.statement("authorisation")
        return {
            "publish": lambda: self.call(AUTHOR, "POST", "/DocumentReference", new, "publish"),
            "mask": lambda: self.call(AUTHOR, "PATCH", f"/DocumentReference/{mask}", MASK, "mask"),
            "archive": lambda: self.call(AUTHOR, "PATCH", f"/DocumentReference/{archive}", ARCHIVE, "archive"),
            "withdraw": lambda: self.call(AUTHOR, "DELETE", f"/DocumentReference/{last}", act="withdraw"),
            "authorise": lambda: self.call(DOCTOR, "POST", "/Consent", consent, "authorise"),
        }

    def statement(self, category: str) -> dict[str, Any]:
        """A statement of the adult."""
        scope = {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        }
        return {
            "resourceType": "Consent",
            "status": "active",
            "scope": scope,
            "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": category}]}],
            "patient": {"identifier": self.demo.patients["adult"]},
        }

    def changes(self) -> Counter[str]:
        """What the DMP was asked to change, whoever asked."""
        return Counter(line["transaction"] for line in self.demo.log() if line["transaction"] in ACTS.values())

    def traces(self) -> list[StoredTrace]:
        """The journal, oldest first. Fails the test where its chain is broken."""
        database = open_database(f"sqlite:///{self._file}")
        try:
            traces = Traces(database)
            assert traces.verify() == []
            return list(traces.export())
        finally:
            database.close()

    def sql(self, statement: str, *values: str) -> list[Any]:
        """One statement in the database."""
        with closing(sqlite3.connect(self._file, timeout=10, isolation_level=None)) as database:
            return database.execute(statement, values).fetchall()

    def kill(self) -> None:
        """SIGKILL to the processes that serve; their supervisor starts others."""
        workers = psutil.Process(self.demo.pid("facade")).children()
        for worker in workers:
            worker.kill()
        psutil.wait_procs(workers, 10)
        assert workers

    def serves(self) -> bool:
        """Whether a process answers again."""
        return not cut(lambda: self.demo.call("", "GET", f"{self.demo.root}/healthz"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DMP_FACADE_PRELOAD__SWEEP_SECONDS", "0.3")
        with running_demo(tmp_path_factory.mktemp("killed-dmp")) as demo:
            yield Town(demo)
            # It would wait for the answers it holds back.
            psutil.Process(demo.pid("dmp")).kill()


def awaited(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)


def cut(act: Act) -> bool:
    """Whether the client of this request was left without an answer."""
    try:
        act()
    except requests.RequestException:
        return True
    return False


def told_of_unknown(town: Town) -> set[str]:
    """The acts of unknown outcome in the history the treating doctor reads. None claims to be a success."""
    query = f"patient.identifier={town.demo.ins('adult')}&_count=200"
    found = town.call("treating-doctor", "GET", f"/AuditEvent?{query}").json()["entry"]
    unknown = [entry["resource"] for entry in found if entry["resource"]["outcome"] == "12"]
    assert [each for each in unknown if "meta" in each] == [], "the BALP patterns are those of successes"
    return {subtype["code"] for each in unknown for subtype in each["subtype"]}


def test_what_cannot_be_kept_beforehand_is_not_done(town: Town) -> None:
    acts = town.acts()
    before, first = town.changes(), len(town.traces())
    town.sql("CREATE TRIGGER full BEFORE INSERT ON intents BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    try:
        for name, act in acts.items():
            refused = act()
            assert (name, refused.status_code, codes_of(refused)) == (name, 503, ["trace.intent-unavailable"])
            assert "Retry-After" in refused.headers
        opposed = town.call(AUTHOR, "POST", "/Consent", town.statement("opposition-feeding"), "record-consent")
        assert (opposed.status_code, codes_of(opposed)) == (503, ["trace.intent-unavailable"])
        assert town.changes() == before, "nothing was sent"
        assert town.sql("SELECT count(*) FROM consents") == [(0,)]
        told = town.call(
            AUTHOR, "GET", f"/DocumentReference?patient.identifier={town.demo.ins('adult')}&status=current"
        )
        assert told.status_code == 200, "a read keeps nothing beforehand"
    finally:
        town.sql("DROP TRIGGER full")
    refusals = [each for each in town.traces()[first:] if each.outcome == "error"]
    assert {each.act for each in refusals} == {*ACTS, "record-consent"}
    assert {each.outcome_code for each in refusals} == {"trace.intent-unavailable"}


def test_a_change_whose_process_dies_before_it_is_traced_leaves_one_trace_that_says_unknown(town: Town) -> None:
    acts, before, first = town.acts(), town.changes(), len(town.traces())
    slow = {"what": "delay-after", "seconds": HELD_BACK, "times": None}
    order(town.demo.data, [{"transaction": each, **slow} for each in ("TD2.1", "TD3.3", "TD0.3")])
    with ThreadPoolExecutor(len(acts)) as clients:
        answers = {name: clients.submit(cut, act) for name, act in acts.items()}
        # The DMP writes its journal when it has done what it was asked, and only then holds its answer back.
        awaited(lambda: town.changes() - before == Counter(ACTS.values()))
        town.kill()
        assert [name for name, answer in answers.items() if not answer.result(PATIENCE)] == []
    behave(town.demo.data)
    kept = town.sql("SELECT DISTINCT correlation_id FROM intents")
    assert sorted(kept) == sorted((correlation(act),) for act in ACTS)

    # Another process serves and sweeps: what is not old might still be done by somebody.
    awaited(town.serves)
    time.sleep(1)
    assert {each.act for each in town.traces()[first:]} & set(ACTS) == set()

    hours_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="microseconds")
    town.sql("UPDATE intents SET since = ?", hours_ago)
    awaited(lambda: town.sql("SELECT count(*) FROM intents") == [(0,)])
    time.sleep(1)
    left = [each for each in town.traces()[first:] if each.act in ACTS]
    # The version that the withdrawn document had replaced might have been withdrawn as well.
    assert Counter(each.act for each in left) == Counter([*ACTS, "withdraw"])
    for trace in left:
        assert (trace.outcome, trace.outcome_code, trace.effect) == ("unknown", "", "permit")
        assert (trace.transaction, trace.correlation_id) == (ACTS[trace.act], correlation(trace.act))
        assert (trace.person_id != "", trace.rule != "", trace.patient is not None) == (True, True, True)
        assert (trace.document != "") == (trace.act != "authorise")
    assert b"trace.outcome-unknown" in (town.demo.data / "facade.log").read_bytes()
    assert told_of_unknown(town) >= set(ACTS), "whoever may read the history is told of what may have been done"

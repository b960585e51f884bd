"""A DMP that is slow or gone is told at once: 503 with Retry-After, after a timeout, at a full pool, in a pause."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from facade.embedded.holdings import stored_documents
from facade.embedded.misbehaviour import behave, order
from tests.support.demo import RunningDemo, codes_of, pdf, running_demo

POOL, FAILURES, PAUSE = 4, 6, 2
SLOW = 3.0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Another demonstration with settings of its own: the environment stands above its file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "READ_TIMEOUT": "1",
            "READ_TIMEOUTS": f'{{"TD1.6": {2 * SLOW}, "TD2.1": 1}}',
            "POOL_SIZE": str(POOL),
            "CIRCUIT_FAILURES": str(FAILURES),
            "CIRCUIT_SECONDS": str(PAUSE),
        }.items():
            patch.setenv(f"DMP_FACADE_DMP__{name}", value)
        with running_demo(tmp_path_factory.mktemp("impatient")) as running:
            yield running


@pytest.fixture(autouse=True)
def honest_afterwards(impatient: RunningDemo) -> Iterator[None]:
    yield
    behave(impatient.data)
    time.sleep(PAUSE)
    assert impatient.search("nurse", "adult").status_code == 200


def misbehave(demo: RunningDemo, transaction: str, what: str, times: int | None = None, **options: object) -> None:
    order(demo.data, [{"transaction": transaction, "what": what, "times": times, **options}])


def test_a_search_that_lasts_too_long(impatient: RunningDemo) -> None:
    misbehave(impatient, "TD3.1", "delay-after", 1, seconds=SLOW)
    began = time.monotonic()
    answer = impatient.search("nurse", "adult")
    assert (answer.status_code, codes_of(answer)) == (503, ["dmp.timeout"])
    assert "Retry-After" in answer.headers
    assert time.monotonic() - began < SLOW


def test_each_transaction_has_its_own_patience(impatient: RunningDemo) -> None:
    misbehave(impatient, "TD1.6", "delay", 1, seconds=1.5)
    params = {"patient.identifier": impatient.ins("adult"), "category": "authorisation"}
    assert impatient.call("treating-doctor", "GET", "/Consent", params=params).status_code == 200
    assert [line["transaction"] for line in impatient.log()].count("TD1.6") == 1


def test_a_publication_that_lasts_too_long_is_looked_up_and_sent_once(impatient: RunningDemo) -> None:
    sent = [line["transaction"] for line in impatient.log()].count("TD2.1")
    held = len(stored_documents(impatient.data))
    misbehave(impatient, "TD2.1", "delay-after", 1, seconds=SLOW)
    answer = impatient.post("author-doctor", "/DocumentReference", impatient.document("adult", pdf()))
    assert answer.status_code == 201, answer.text
    assert [line["transaction"] for line in impatient.log()].count("TD2.1") == sent + 1
    assert len(stored_documents(impatient.data)) == held + 1


def test_a_full_pool_refuses_at_once(impatient: RunningDemo) -> None:
    misbehave(impatient, "TD3.1", "delay", None, seconds=0.8)
    with ThreadPoolExecutor(3 * POOL) as pool:
        answers = list(pool.map(lambda _: _timed(impatient), range(3 * POOL)))
    refused = [(seconds, answer) for seconds, answer in answers if answer.status_code != 200]
    assert refused
    for _, answer in refused:
        assert (answer.status_code, codes_of(answer)) == (503, ["dmp.pool-full"])
        assert answer.headers["Retry-After"] == "1"
    assert min(seconds for seconds, _ in refused) < 0.8


def test_a_service_that_fails_is_left_alone_and_the_others_are_not(impatient: RunningDemo) -> None:
    misbehave(impatient, "TD3.1", "http-500-before")
    for _ in range(FAILURES):
        assert codes_of(impatient.search("nurse", "adult")) == ["dmp.answer-invalid"]
    asked = [line["transaction"] for line in impatient.log()].count("TD3.1")
    answer = impatient.search("nurse", "adult")
    assert (answer.status_code, codes_of(answer)) == (503, ["dmp.circuit-open"])
    assert 1 <= int(answer.headers["Retry-After"]) <= PAUSE + 1
    assert [line["transaction"] for line in impatient.log()].count("TD3.1") == asked
    identifier = {"identifier": impatient.ins("adult")}
    assert impatient.call("nurse", "GET", "/Patient", params=identifier).status_code == 200
    assert impatient.post("author-doctor", "/DocumentReference", impatient.document("adult", pdf())).status_code == 201


def _timed(demo: RunningDemo) -> tuple[float, requests.Response]:
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {demo.tokens['nurse']}", "Accept-Language": "en"}
    params = {"patient.identifier": demo.ins("adult"), "status": "current"}
    answer = requests.get(f"{demo.fhir}/DocumentReference", params=params, headers=headers, timeout=60)
    return time.monotonic() - began, answer

"""A DMP that fails while it is written to: the client is told the truth, and nothing is done twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from facade.embedded.holdings import stored_documents
from facade.embedded.misbehaviour import behave, order
from tests.support.demo import FHIR_JSON, LEVELS, MASKS, RunningDemo, codes_of, pdf
from tests.support.own_records import own_records
from tests.support.serving import served

STORED = (
    "close-after",
    "close-mid",
    "http-500-after",
    "soap-fault-after",
    "wrong-relates-to",
    "other-answer",
    "truncated-mtom",
    "wrong-boundary",
    "partial-success",
)
NOT_STORED = ("close-before", "http-500-before", "soap-fault-before")
PUBLICATIONS, ATTEMPTS = 1000, 40


@pytest.fixture
def faulty(failing_demo: RunningDemo) -> Iterator[RunningDemo]:
    with own_records(failing_demo) as running:
        yield running
        behave(running.data)


def _unique_id(number: int) -> dict[str, Any]:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:1.2.250.1.999.50.{number}"}


def _sent(demo: RunningDemo, since: int) -> list[str]:
    """The results of the submissions the DMP received since its log had this length."""
    return [line["result"] for line in demo.log()[since:] if line["transaction"] == "TD2.1"]


def _held(demo: RunningDemo) -> set[str]:
    return {document.unique_id for document in stored_documents(demo.data)}


def test_after_a_lost_answer_the_truth_is_told(faulty: RunningDemo) -> None:
    for number, what in enumerate(STORED):
        order(faulty.data, [{"transaction": "TD2.1", "what": what, "times": 1}])
        resource = faulty.document("adult", pdf(), masterIdentifier=_unique_id(number))
        answer = faulty.post("author-doctor", "/DocumentReference", resource)
        assert (what, answer.status_code) == (what, 201), answer.text
        assert f"1.2.250.1.999.50.{number}" in _held(faulty)


def test_what_was_not_stored_is_said_and_may_be_repeated(faulty: RunningDemo) -> None:
    for number, what in enumerate(NOT_STORED, 100):
        order(faulty.data, [{"transaction": "TD2.1", "what": what, "times": 1}])
        resource = faulty.document("adult", pdf(), masterIdentifier=_unique_id(number))
        refused = faulty.post("author-doctor", "/DocumentReference", resource)
        assert (what, refused.status_code in (502, 503)) == (what, True), refused.text
        assert f"1.2.250.1.999.50.{number}" not in _held(faulty)
        behave(faulty.data)
        assert faulty.post("author-doctor", "/DocumentReference", resource).status_code == 201


def test_when_nobody_can_say_the_repeated_request_settles_it(faulty: RunningDemo) -> None:
    resource, since = faulty.document("adult", pdf(), masterIdentifier=_unique_id(200)), len(faulty.log())
    rules = [{"transaction": each, "what": "close-after", "times": None} for each in ("TD2.1", "TD3.1")]
    order(faulty.data, rules)
    first = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="the-same")
    assert (first.status_code, codes_of(first)) == (503, ["publication.unknown-outcome"])
    assert "1.2.250.1.999.50.200" in _held(faulty)
    behave(faulty.data)
    again = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="the-same")
    assert again.status_code == 201, again.text
    assert faulty.call("nurse", "GET", f"/DocumentReference/{again.json()['id']}").status_code == 200
    assert len(_sent(faulty, since)) == 1


def test_a_repetition_that_reaches_the_dmp_as_well_is_stored_once_and_answered_alike(
    faulty: RunningDemo, tmp_path: Path
) -> None:
    """As when the clocks of two hosts differ: the second knows nothing of the first, and sends it again."""
    resource, before, since = faulty.document("adult", pdf()), _held(faulty), len(faulty.log())
    first = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="both-send-it")
    with served(faulty, tmp_path) as other:
        sent = {"Content-Type": FHIR_JSON, "Idempotency-Key": "both-send-it"}
        body, token = json.dumps(resource), faulty.tokens["author-doctor"]
        second = other.call(token, "POST", "/DocumentReference", data=body, headers=sent)
        another = json.dumps(faulty.document("adult", pdf()))
        unlike = other.call(token, "POST", "/DocumentReference", data=another, headers=sent)
        stranger = other.call(faulty.tokens["treating-doctor"], "POST", "/DocumentReference", data=body, headers=sent)
    assert _sent(faulty, since) == ["success", "XDSNonIdenticalHash", "success"]
    assert (first.status_code, second.status_code) == (201, 201), second.text
    assert codes_of(unlike) == ["publication.idempotency-mismatch"]
    identifier = first.json()["masterIdentifier"]
    assert identifier == second.json()["masterIdentifier"]
    assert identifier != stranger.json()["masterIdentifier"], "a key is its caller's own"
    assert len(_held(faulty) - before) == 2


def test_a_lot_of_unknown_outcome_is_not_settled_in_another_record(faulty: RunningDemo) -> None:
    """The same uniqueId for somebody else: asked there, the DMP would say the lost lot does not exist."""
    resource, since = faulty.document("adult", pdf(), masterIdentifier=_unique_id(201)), len(faulty.log())
    rules = [{"transaction": each, "what": "close-after", "times": None} for each in ("TD2.1", "TD3.1")]
    order(faulty.data, rules)
    assert faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="lost").status_code == 503
    behave(faulty.data)
    elsewhere = faulty.document("minor", pdf(), masterIdentifier=_unique_id(201))
    refused = faulty.post("author-doctor", "/DocumentReference", elsewhere)
    assert (refused.status_code, codes_of(refused)) == (409, ["publication.in-progress"])
    assert "Retry-After" in refused.headers
    again = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="lost")
    assert again.status_code == 201, again.text
    assert len(_sent(faulty, since)) == 1


def test_what_was_hidden_from_its_patient_is_on_the_worklist_once_it_is_settled(faulty: RunningDemo) -> None:
    labels = [
        {"coding": [{"system": LEVELS, "code": "N"}]},
        {"coding": [{"system": MASKS, "code": "INVISIBLE_PATIENT"}]},
    ]
    resource = faulty.document("adult", pdf(), securityLabel=labels)
    order(faulty.data, [{"transaction": each, "what": "close-after", "times": None} for each in ("TD2.1", "TD3.1")])
    assert faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="hidden").status_code == 503
    behave(faulty.data)
    again = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="hidden")
    assert again.status_code == 201, again.text
    assert again.json()["id"] in faulty.call("author-doctor", "GET", "/DocumentReference/$still-hidden").text


def test_a_mask_whose_answer_was_lost_is_told_as_it_is(faulty: RunningDemo) -> None:
    document = faulty.publish("author-doctor", "adult")["id"]
    order(faulty.data, [{"transaction": "TD3.3", "what": "close-after", "times": 1}])
    done = faulty.label("author-doctor", document, "MASQUE_PS")
    assert (done.status_code, faulty.sees("nurse", "adult", document)) == (200, False)
    order(faulty.data, [{"transaction": "TD3.3", "what": "close-before", "times": 1}])
    not_done = faulty.label("author-doctor", document)
    assert not_done.status_code == 503, not_done.text
    behave(faulty.data)
    assert not faulty.sees("nurse", "adult", document)


def test_nothing_is_sent_where_the_connection_is_refused(faulty: RunningDemo) -> None:
    before = _held(faulty)
    for what in ("tls-close", "tls-alert"):
        order(faulty.data, [{"what": what, "times": None}])
        answer = faulty.post("author-doctor", "/DocumentReference", faulty.document("adult", pdf()))
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True), answer.text
    behave(faulty.data)
    assert _held(faulty) == before


@pytest.mark.timeout(900)
def test_a_thousand_publications_under_random_faults(faulty: RunningDemo) -> None:
    """Every transaction goes wrong at random; whoever is not told the outcome repeats with the same key."""
    kinds = [*STORED, *NOT_STORED]
    order(faulty.data, [], {"seed": 20261122, "rate": 0.1, "what": kinds})
    before = _held(faulty)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda number: _publish(faulty, number), range(1000, 1000 + PUBLICATIONS)))
    behave(faulty.data)
    said = {f"1.2.250.1.999.50.{number}" for number, told in outcomes if told[-1] == 201}
    held = Counter(each.unique_id for each in stored_documents(faulty.data) if each.unique_id not in before)
    assert set(held) == said, "every document the facade said was stored is there, no other is"
    assert set(held.values()) == {1}
    assert len(said) == PUBLICATIONS
    assert sum(len(told) > 1 for _, told in outcomes) > PUBLICATIONS // 20, "the faults were felt"
    assert sum(503 in told for _, told in outcomes), "some outcomes were not known at first"


def _publish(demo: RunningDemo, number: int) -> tuple[int, list[int]]:
    """Publish one document with one key until the facade says that it is stored; the statuses it answered."""
    resource = demo.document(("adult", "minor")[number % 2], pdf(), masterIdentifier=_unique_id(number))
    told: list[int] = []
    while not told or (told[-1] != 201 and len(told) < ATTEMPTS):
        answer = demo.post("author-doctor", "/DocumentReference", resource, Idempotency_Key=f"key-{number}")
        told.append(answer.status_code)
        assert answer.status_code in (201, 409, 502, 503), answer.text
        if answer.status_code == 503 and "circuit" in answer.text:
            time.sleep(1)
    return number, told

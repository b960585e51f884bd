"""A DMP that fails while it is written to: the client is told the truth, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from facade.embedded.holdings import stored_documents
from facade.embedded.misbehaviour import behave, order
from tests.support.demo import RunningDemo, codes_of, pdf, running_demo

STORED = ("close-after", "close-mid", "http-500-after", "soap-fault-after", "wrong-relates-to", "truncated-mtom")
NOT_STORED = ("close-before", "http-500-before", "soap-fault-before")
PUBLICATIONS = 1000


@pytest.fixture
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("faulty-writes")) as running:
        yield running


def _unique_id(number: int) -> dict[str, Any]:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:1.2.250.1.999.50.{number}"}


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
    resource = faulty.document("adult", pdf(), masterIdentifier=_unique_id(200))
    rules = [{"transaction": each, "what": "close-after", "times": None} for each in ("TD2.1", "TD3.1")]
    order(faulty.data, rules)
    first = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="the-same")
    assert (first.status_code, codes_of(first)) == (503, ["publication.unknown-outcome"])
    assert "1.2.250.1.999.50.200" in _held(faulty)
    behave(faulty.data)
    again = faulty.post("author-doctor", "/DocumentReference", resource, Idempotency_Key="the-same")
    assert again.status_code == 201, again.text
    assert faulty.call("nurse", "GET", f"/DocumentReference/{again.json()['id']}").status_code == 200
    assert sum(line["transaction"] == "TD2.1" for line in faulty.log()) == 1


def test_a_lot_of_unknown_outcome_is_not_settled_in_another_record(faulty: RunningDemo) -> None:
    """The same uniqueId for somebody else: asked there, the DMP would say the lost lot does not exist."""
    resource = faulty.document("adult", pdf(), masterIdentifier=_unique_id(201))
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
    assert sum(line["transaction"] == "TD2.1" for line in faulty.log()) == 1


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


@pytest.mark.timeout(900)
def test_a_thousand_publications_under_random_faults(faulty: RunningDemo) -> None:
    """Each is repeated until the facade says it is stored; then the DMP holds exactly these, each once."""
    kinds = [*STORED, *NOT_STORED, "partial-success"]
    chance = {"seed": 20261122, "rate": 0.1, "what": kinds, "transactions": ["TD2.1"]}
    order(faulty.data, [], chance)
    before = _held(faulty)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda number: _publish_once(faulty, number), range(1000, 1000 + PUBLICATIONS)))
    behave(faulty.data)
    said = {f"1.2.250.1.999.50.{number}" for number, status in outcomes if status == 201}
    documents = stored_documents(faulty.data)
    held = Counter(document.unique_id for document in documents if document.unique_id not in before)
    unknown = {f"1.2.250.1.999.50.{number}" for number, status in outcomes if status == 0}
    assert set(held) - unknown == said, "every document the facade said was stored is there, no other is"
    assert set(held.values()) == {1}


def _publish_once(demo: RunningDemo, number: int) -> tuple[int, int]:
    """Publish one document once; the status, with 0 for an outcome the facade says it does not know."""
    patient = ("adult", "minor")[number % 2]
    resource = demo.document(patient, pdf(), masterIdentifier=_unique_id(number))
    answer = demo.post("author-doctor", "/DocumentReference", resource)
    if answer.status_code == 503 and "publication.unknown-outcome" in codes_of(answer):
        return number, 0
    assert answer.status_code in (201, 502, 503), answer.text
    return number, answer.status_code

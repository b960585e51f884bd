"""Answers that are somebody else's, or none: what the FHIR client gets. Another person's data is in none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from facade.embedded.misbehaviour import behave, order
from tests.support.demo import RunningDemo, codes_of, ids_of, pdf, running_demo

# transaction, fault, status and code a search is answered with, however often it is asked
SEARCHES = [
    ("TD0.2", "other-body", 502, "dmp.answer-mismatched"),
    ("TD0.2", "other-answer", 502, "dmp.answer-mismatched"),
    ("TD0.2", "wrong-relates-to", 502, "dmp.answer-mismatched"),
    ("TD0.2", "close-after", 503, "dmp.connection-lost"),
    ("TD0.2", "http-500-after", 502, "dmp.answer-invalid"),
    ("TD0.2", "soap-fault-before", 502, "Receiver"),
    ("TD3.1", "soap-fault-before", 502, "Receiver"),
    ("TD3.1", "soap-fault-after", 502, "Receiver"),
]
RETRIEVALS = [
    ("TD3.2", "duplicate-entries", 502, "dmp.document-mismatched"),
    ("TD3.2", "partial-success", 503, "XDSRepositoryBusy"),
    ("TD3.2", "soap-fault-before", 502, "Receiver"),
    ("TD3.2", "http-500-after", 502, "dmp.answer-invalid"),
    ("TD3.2", "close-after", 503, "dmp.connection-lost"),
    ("TD3.1", "wrong-hash", 502, "dmp.document-mismatched"),
    ("TD3.1", "other-document", 502, "dmp.answer-mismatched"),
    ("TD3.1", "other-body", 502, "dmp.answer-mismatched"),
]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("answers")) as running:
        for patient in ("minor", "adult"):
            document = running.publish("author-doctor", patient)["id"]
            assert running.search("nurse", patient).status_code == 200
            assert running.call("nurse", "GET", f"/Binary/{document}").status_code == 200
        yield running


@pytest.fixture(autouse=True)
def honest_afterwards(faulty: RunningDemo) -> Iterator[None]:
    yield
    behave(faulty.data)


def misbehave(demo: RunningDemo, transaction: str, what: str, **options: Any) -> None:
    order(demo.data, [{"transaction": transaction, "what": what, "times": None, **options}])


def withheld(demo: RunningDemo) -> float:
    counted = re.search(
        r'dmp_facade_entries_of_another_ins_total\{shown="no"\} ([0-9.]+)',
        demo.session.get(f"{demo.root}/metrics", timeout=20).text,
    )
    return float(counted[1]) if counted else 0.0


@pytest.mark.parametrize(("transaction", "what", "status", "code"), SEARCHES)
def test_a_search(faulty: RunningDemo, transaction: str, what: str, status: int, code: str) -> None:
    misbehave(faulty, transaction, what)
    answer = faulty.search("nurse", "adult")
    assert (answer.status_code, codes_of(answer)) == (status, [code])


@pytest.mark.parametrize(("transaction", "what", "status", "code"), RETRIEVALS)
def test_a_retrieval(faulty: RunningDemo, transaction: str, what: str, status: int, code: str) -> None:
    document = faulty.publish("author-doctor", "adult", pdf())["id"]
    misbehave(faulty, transaction, what)
    answer = faulty.call("nurse", "GET", f"/Binary/{document}")
    assert (answer.status_code, codes_of(answer)) == (status, [code])


def test_an_authorisation_on_another_record_opens_nothing(faulty: RunningDemo) -> None:
    """The answer of TD0.2 on the record of a minor he treats, for a doctor whom the adult has blocked."""
    assert faulty.search("treating-doctor", "minor").status_code == 200
    misbehave(faulty, "TD0.2", "other-body")
    answer = faulty.search("blocked-doctor", "adult")
    assert (answer.status_code, codes_of(answer)) == (502, ["dmp.answer-mismatched"])


@pytest.mark.parametrize("what", ["other-body", "other-document"])
def test_entries_of_another_person_are_withheld_and_counted(faulty: RunningDemo, what: str) -> None:
    theirs = ids_of(faulty.search("nurse", "minor").json())
    before = withheld(faulty)
    misbehave(faulty, "TD3.1", what)
    answer = faulty.search("nurse", "adult")
    assert answer.status_code == 200
    assert faulty.patients["minor"]["value"] not in answer.text
    assert not set(theirs) & set(ids_of(answer.json()))
    outcome = answer.json()["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert [each["details"]["coding"][0]["code"] for each in outcome["resource"]["issue"]] == [
        "dmp.entry-of-another-person"
    ]
    assert withheld(faulty) > before


def test_the_wrong_document_is_never_replaced(faulty: RunningDemo) -> None:
    first, second = (faulty.publish("author-doctor", "adult")["id"] for _ in range(2))
    misbehave(faulty, "TD3.1", "other-document")
    target = [{"code": "replaces", "target": {"reference": f"DocumentReference/{second}"}}]
    answer = faulty.post("author-doctor", "/DocumentReference", faulty.document("adult", pdf(), relatesTo=target))
    assert (answer.status_code, codes_of(answer)) == (502, ["dmp.answer-mismatched"])
    behave(faulty.data)
    assert {first, second} <= set(ids_of(faulty.search("nurse", "adult").json()))


def test_a_code_nobody_knows_is_passed_through_with_the_words_of_the_dmp(faulty: RunningDemo) -> None:
    misbehave(faulty, "TD3.1", "soap-fault-before", code="DMPInconnu")
    answer = faulty.search("nurse", "adult")
    assert (answer.status_code, codes_of(answer)) == (502, ["DMPInconnu"])
    [issue] = answer.json()["issue"]
    assert "DMPInconnu" in issue["details"]["text"]
    assert issue["diagnostics"] == "erreur commandée du DMP embarqué"


def test_a_longer_list_than_a_query_holds_is_compared_here(faulty: RunningDemo) -> None:
    """Twenty event codes do not fit into one value, and several values would all be required."""
    event = [{"coding": [{"system": "urn:oid:1.2.250.1.213.2.5", "code": "ZBQK007"}]}]
    with_one = faulty.publish("author-doctor", "adult", context={"event": event})["id"]
    codes = ",".join(f"urn:oid:1.2.250.1.213.2.5|ZBQK{number:03d}" for number in range(20))
    answer = faulty.search("nurse", "adult", event=codes)
    assert (answer.status_code, ids_of(answer.json())) == (200, [with_one])

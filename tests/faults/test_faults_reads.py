"""A DMP that is slow, broken or lying: what a client that reads gets. Nothing wrong is ever shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facade.embedded.misbehaviour import KINDS, behave, order
from tests.support.api import submission
from tests.support.demo import RunningDemo, codes_of, ids_of, pdf
from tests.support.own_records import own_records

MADE = ("List", "DocumentReference")
# fault, how many times it happens (None: always), status and code a search is answered with
SEARCHES: list[tuple[str, int | None, int, str]] = [
    ("delay", 1, 200, ""),
    ("close-before", 1, 200, ""),
    ("close-mid", 1, 200, ""),
    ("close-mid", None, 503, "dmp.connection-lost"),
    ("close-after", None, 503, "dmp.connection-lost"),
    ("http-500-before", None, 502, "dmp.answer-invalid"),
    ("wrong-relates-to", None, 502, "dmp.answer-mismatched"),
    ("other-answer", None, 502, "dmp.answer-mismatched"),
]
RETRIEVALS: list[tuple[str, int, str]] = [
    ("wrong-hash", 502, "dmp.document-mismatched"),
    ("other-document", 502, "dmp.document-mismatched"),
    ("other-bytes", 502, "dmp.document-mismatched"),
    ("other-body", 502, "dmp.document-mismatched"),
    ("truncated-mtom", 502, "dmp.answer-invalid"),
    ("wrong-boundary", 502, "dmp.answer-invalid"),
    ("other-answer", 502, "dmp.answer-mismatched"),
    ("close-mid", 503, "dmp.connection-lost"),
]

HERE = sorted(Path(__file__).parent.glob("test_*.py"))


@pytest.fixture(scope="module")
def faulty(failing_demo: RunningDemo) -> Iterator[RunningDemo]:
    with own_records(failing_demo) as running:
        for patient in ("minor", "adult"):
            running.publish("author-doctor", patient)
            assert running.search("nurse", patient).status_code == 200
            document = running.publish("author-doctor", patient)["id"]
            assert running.call("nurse", "GET", f"/Binary/{document}").status_code == 200
        yield running


@pytest.fixture(autouse=True)
def honest_afterwards(faulty: RunningDemo) -> Iterator[None]:
    yield
    behave(faulty.data)


def misbehave(demo: RunningDemo, transaction: str, what: str, times: int | None = None, **options: Any) -> None:
    order(demo.data, [{"transaction": transaction, "what": what, "times": times, **options}])


@pytest.mark.parametrize(("what", "times", "status", "code"), SEARCHES)
def test_a_search_on_a_faulty_dmp(faulty: RunningDemo, what: str, times: int | None, status: int, code: str) -> None:
    misbehave(faulty, "TD3.1", what, times)
    answer = faulty.search("nurse", "adult")
    assert answer.status_code == status, answer.text
    if code:
        assert codes_of(answer) == [code]
        assert "Retry-After" in answer.headers
    assert faulty.patients["minor"]["value"] not in answer.text


@pytest.mark.parametrize(("what", "status", "code"), RETRIEVALS)
def test_bytes_that_are_not_the_document_asked_for_are_never_shown(
    faulty: RunningDemo, what: str, status: int, code: str
) -> None:
    document = faulty.publish("author-doctor", "adult", pdf())["id"]
    misbehave(faulty, "TD3.2", what)
    answer = faulty.call("nurse", "GET", f"/Binary/{document}")
    assert (answer.status_code, codes_of(answer)) == (status, [code])


def _batch(demo: RunningDemo, documents: list[str]) -> list[tuple[str, str]]:
    """The status of each entry of a batch of Binaries and, where it is refused, its code."""
    entries = [{"request": {"method": "GET", "url": f"Binary/{document}"}} for document in documents]
    answer = demo.post("nurse", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert answer.status_code == 200, answer.text
    found = []
    for entry in answer.json()["entry"]:
        issues = entry["response"].get("outcome", {}).get("issue", [])
        found.append(
            (entry["response"]["status"][:3], "".join(each["details"]["coding"][0]["code"] for each in issues))
        )
    return found


@pytest.mark.parametrize(
    ("what", "times", "expected"),
    [
        ("wrong-hash", 1, ("200", "")),
        ("wrong-hash", None, ("502", "dmp.document-mismatched")),
        ("other-document", None, ("502", "dmp.document-mismatched")),
        ("close-mid", None, ("503", "dmp.connection-lost")),
    ],
)
def test_a_batch_on_a_faulty_dmp_shows_no_wrong_document(
    faulty: RunningDemo, what: str, times: int | None, expected: tuple[str, str]
) -> None:
    documents = [faulty.publish("author-doctor", "adult", pdf())["id"] for _ in range(2)]
    misbehave(faulty, "TD3.2", what, times)
    assert _batch(faulty, documents) == [expected] * 2


def test_an_incomplete_answer_is_given_with_its_warning(faulty: RunningDemo) -> None:
    misbehave(faulty, "TD3.1", "partial-success")
    answer = faulty.search("nurse", "adult")
    assert answer.status_code == 200
    assert ids_of(answer.json())
    outcome = answer.json()["entry"][-1]
    assert (outcome["search"]["mode"], outcome["resource"]["issue"][0]["severity"]) == ("outcome", "warning")


def test_an_incomplete_answer_never_shows_what_a_later_version_hides(faulty: RunningDemo) -> None:
    """The half of the answer that comes holds the version from before the document was masked."""
    lot = faulty.post("author-doctor", "", submission(faulty, "adult")).json()["entry"]
    places = [each["response"]["location"].split("/") for each in lot]
    sealed, document = (places[number][places[number].index(kind) + 1] for number, kind in enumerate(MADE))
    published = faulty.call("author-doctor", "GET", f"/DocumentReference/{document}").json()
    assert faulty.label("author-doctor", document, "MASQUE_PS").status_code == 200
    misbehave(faulty, "TD3.1", "partial-success")
    for status in ("current", "superseded", "current,superseded"):
        ways = [{"_id": document}, *({"identifier": each["value"]} for each in published["identifier"]), {}]
        for way in (*ways, {"identifier": published["masterIdentifier"]["value"]}):
            answer = faulty.search("other-doctor", "adult", status=status, **way)
            assert document not in ids_of(answer.json()), way
    patient = {"patient.identifier": faulty.ins("adult")}
    for path, params in (("/List", {}), ("/List", {"_id": sealed}), ("/DocumentReference/$changes", {})):
        answer = faulty.call("other-doctor", "GET", path, params={**patient, **params})
        # Associations that may be missing refuse the whole.
        assert (answer.status_code in (200, 502, 503), document in answer.text) == (True, False), path
    for path in (f"/DocumentReference/{document}", f"/Binary/{document}", f"/List/{sealed}"):
        assert faulty.call("other-doctor", "GET", path).status_code in (404, 502, 503), path


def test_nothing_is_called_gone_by_an_incomplete_answer(faulty: RunningDemo) -> None:
    document = faulty.publish("author-doctor", "adult")["id"]
    params = {"patient.identifier": faulty.ins("adult"), "known": document, "since": "2999"}
    misbehave(faulty, "TD3.1", "partial-success", 1)
    answer = faulty.call("nurse", "GET", "/DocumentReference/$changes", params=params).json()
    assert [each["request"]["method"] for each in answer["entry"]] == ["GET"], "its outcome alone"
    assert answer["entry"][0]["response"]["outcome"]["issue"][0]["severity"] == "warning"


def test_an_entry_that_came_twice_is_counted_once(faulty: RunningDemo) -> None:
    once = faulty.search("nurse", "adult").json()["total"]
    misbehave(faulty, "TD3.1", "duplicate-entries")
    answer = faulty.search("nurse", "adult").json()
    assert (answer["total"], len(ids_of(answer)), len(set(ids_of(answer)))) == (once, once, once)


def test_an_entry_that_cannot_be_read_is_left_out_and_said(faulty: RunningDemo) -> None:
    whole = faulty.search("nurse", "adult").json()["total"]
    misbehave(faulty, "TD3.1", "missing-slots")
    answer = faulty.search("nurse", "adult").json()
    assert answer["total"] < whole
    assert answer["entry"][-1]["search"]["mode"] == "outcome"


def test_two_thousand_results_are_counted_and_paged(faulty: RunningDemo) -> None:
    misbehave(faulty, "TD3.1", "many-results", count=2000)
    answer = faulty.search("nurse", "adult", _count="100").json()
    assert answer["total"] >= 2000
    assert len(ids_of(answer)) == 100


def test_entries_under_another_ins_of_the_record_are_kept(faulty: RunningDemo) -> None:
    whole = faulty.search("nurse", "adult").json()["total"]
    misbehave(faulty, "TD3.1", "other-ins")
    assert faulty.search("nurse", "adult").json()["total"] == whole, "EX_3.1-1055: an INS may change"


@pytest.mark.parametrize("what", ["tls-close", "tls-alert"])
def test_a_dmp_that_refuses_the_connection_is_unavailable(faulty: RunningDemo, what: str) -> None:
    order(faulty.data, [{"what": what, "times": None}])
    answer = faulty.search("nurse", "adult")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_every_kind_of_misbehaviour_is_met_by_a_client() -> None:
    """A kind that is added to the embedded DMP needs a test of what the FHIR client gets."""
    met = {path.stem: set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+|delay)"', path.read_text())) for path in HERE}
    assert set(KINDS) - set().union(*met.values()) == set()

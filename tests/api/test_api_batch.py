"""A batch of reads: one retrieval from the DMP, and each entry answered as if it had been asked for alone."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from facade.settings import Settings
from facade.translation import fhir_xml
from tests.leaks.routes import absent_like, existing
from tests.support.api import Resource, TraceBook, submission, transactions, valid
from tests.support.demo import MASKS, RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
MASKED = [{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}]


def _get(*urls: str, **request: str) -> Resource:
    entries = [{"request": {"method": "GET", "url": url, **request}} for url in urls]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def _answers(answer: requests.Response) -> list[dict[str, Any]]:
    bundle = valid(answer, "Bundle")
    assert bundle["type"] == "batch-response"
    found: list[dict[str, Any]] = bundle.get("entry", [])
    return found


def _statuses(answer: requests.Response) -> list[str]:
    return [entry["response"]["status"] for entry in _answers(answer)]


def test_a_batch_of_binaries_is_one_retrieval_in_the_order_asked(demo: RunningDemo) -> None:
    contents = [pdf() for _ in range(3)]
    ids = [demo.publish(WRITER, "adult", content)["id"] for content in contents]
    urls = [f"Binary/{ids[2]}", f"{demo.fhir}/Binary/{ids[0]}", f"Binary/{ids[1]}", f"Binary/{ids[0]}"]
    since, traces = len(demo.log()), TraceBook(demo)
    entries = _answers(demo.post(READER, "", _get(*urls)))
    assert transactions(demo, since) == ["TD0.2", "TD3.1", "TD3.2"]
    wanted = [contents[2], contents[0], contents[1], contents[0]]
    assert [base64.b64decode(entry["resource"]["data"]) for entry in entries] == wanted
    assert {entry["resource"]["contentType"] for entry in entries} == {"application/pdf"}
    assert [entry["fullUrl"] for entry in entries] == [f"{demo.fhir}/Binary/{url.rpartition('/')[2]}" for url in urls]
    assert {(entry["response"]["status"], entry["response"]["etag"]) for entry in entries} == {("200 OK", 'W/"1"')}
    assert traces.acts() == [("retrieve", "TD3.2", "success")] * 4, "each is an act of its own"


def test_each_entry_has_its_own_status_and_its_own_trace(demo: RunningDemo) -> None:
    shown = demo.publish(WRITER, "adult")
    hidden = existing("adult", demo.publish(WRITER, "adult", securityLabel=MASKED))
    nowhere = absent_like(demo, hidden)
    since, traces = len(demo.log()), TraceBook(demo)
    urls = (f"Binary/{hidden.id}", f"Binary/{shown['id']}", f"Binary/{nowhere.id}", "Binary/none")
    entries = _answers(demo.post(READER, "", _get(*urls, f"DocumentReference/{shown['id']}")))
    assert [entry["response"]["status"][:3] for entry in entries] == ["404", "200", "404", "404", "200"]
    assert entries[0] == entries[2] == entries[3], "hidden, absent and nonsense are the same answer"
    assert entries[4]["resource"] == demo.call(READER, "GET", f"/DocumentReference/{shown['id']}").json()
    assert transactions(demo, since)[:3] == ["TD0.2", "TD0.2", "TD3.1"], "the read above has asked again"
    written = [(trace.act, trace.effect, trace.outcome) for trace in traces.new()][:4]
    assert sorted(written) == [
        ("read", "permit", "success"),
        ("retrieve", "deny", "refused"),
        ("retrieve", "permit", "error"),
        ("retrieve", "permit", "success"),
    ]


def test_what_nobody_may_have_is_not_retrieved(demo: RunningDemo) -> None:
    hidden = demo.publish(WRITER, "adult", securityLabel=MASKED)["id"]
    since = len(demo.log())
    assert _statuses(demo.post(READER, "", _get(f"Binary/{hidden}"))) == ["404 Not Found"]
    assert transactions(demo, since) == ["TD0.2", "TD3.1"]


def test_a_batch_over_two_records_asks_the_dmp_about_each(demo: RunningDemo) -> None:
    documents = [demo.publish(WRITER, patient)["id"] for patient in ("adult", "minor")]
    since = len(demo.log())
    asked = _get(*(f"Binary/{document}" for document in documents))
    assert _statuses(demo.post(WRITER, "", asked)) == ["200 OK"] * 2
    assert transactions(demo, since) == ["TD0.2", "TD0.2", "TD3.1", "TD3.1", "TD3.2", "TD3.2"]


def test_a_record_that_is_closed_to_the_reader_is_told_of_plainly_as_alone(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    traces = TraceBook(demo)
    (entry, other) = _answers(demo.post("unauthorised-doctor", "", _get(f"Binary/{document}", f"Binary/{document}")))
    alone = demo.call("unauthorised-doctor", "GET", f"/Binary/{document}")
    assert entry["response"]["status"] == other["response"]["status"] == "403 Forbidden"
    assert entry["response"]["outcome"] == alone.json()
    assert [(trace.effect, trace.outcome) for trace in traces.new()] == [("deny", "refused")] * 3


def test_a_version_the_reader_has_is_not_sent_again(demo: RunningDemo) -> None:
    shown = demo.publish(WRITER, "adult")["id"]
    hidden = demo.publish(WRITER, "adult", securityLabel=MASKED)["id"]
    since = len(demo.log())
    bundle = _get(f"Binary/{shown}", f"Binary/{hidden}", f"DocumentReference/{shown}", ifNoneMatch='W/"1"')
    assert _statuses(demo.post(READER, "", bundle)) == ["304 Not Modified", "404 Not Found", "304 Not Modified"]
    assert "TD3.2" not in transactions(demo, since)
    assert _statuses(demo.post(READER, "", _get(f"Binary/{shown}", ifNoneMatch='W/"7"'))) == ["200 OK"]


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "url": "DocumentReference"},
        {"method": "DELETE", "url": "DocumentReference/x"},
        {"method": "GET", "url": "DocumentReference?patient.identifier=x"},
        {"method": "GET", "url": "Patient/x"},
        {"method": "GET", "url": "Binary/x?_format=json"},
    ],
)
def test_anything_but_a_read_is_refused_in_its_place(demo: RunningDemo, request_: dict[str, str]) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    bundle = _get(f"Binary/{document}")
    bundle["entry"].insert(0, {"request": request_})
    refused, served = _answers(demo.post(WRITER, "", bundle))
    assert refused["response"]["status"] == "405 Method Not Allowed"
    assert refused["response"]["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "batch.not-served"
    assert served["response"]["status"] == "200 OK"
    assert demo.call(WRITER, "GET", f"/DocumentReference/{document}").status_code == 200


def test_a_batch_of_publications_publishes_nothing(demo: RunningDemo) -> None:
    since = len(demo.log())
    bundle = submission(demo, "adult", pdf()) | {"type": "batch"}
    assert set(_statuses(demo.post(WRITER, "", bundle))) == {"405 Method Not Allowed"}
    assert transactions(demo, since) == []


def test_a_batch_has_a_limit_and_may_be_empty(demo: RunningDemo) -> None:
    limit, since = Settings().max_batch, len(demo.log())
    answer = demo.post(READER, "", _get(*(["Binary/none"] * (limit + 1))))
    assert (answer.status_code, codes_of(answer)) == (413, ["batch.too-many"])
    assert _statuses(demo.post(READER, "", _get(*(["Binary/none"] * limit)))) == ["404 Not Found"] * limit
    assert _answers(demo.post(READER, "", {"resourceType": "Bundle", "type": "batch"})) == []
    assert transactions(demo, since) == []


def test_a_batch_is_taken_and_answered_in_xml(demo: RunningDemo) -> None:
    content = pdf()
    document = demo.publish(WRITER, "adult", content)["id"]
    headers = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}
    answer = demo.call(READER, "POST", "", data=fhir_xml.from_dict(_get(f"Binary/{document}")), headers=headers)
    (entry,) = fhir_xml.to_dict(answer.content)["entry"]
    assert base64.b64decode(entry["resource"]["data"]) == content

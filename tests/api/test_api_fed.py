"""GET /DocumentReference/$fed: what a structure fed into a record, each document with its mark (EXI 05)."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import requests

from tests.support.api import Resource, TraceBook, transactions, valid
from tests.support.demo import MASKS, RunningDemo, codes_of, pdf

WRITER, COLLEAGUE, ELSEWHERE = "author-doctor", "nurse", "other-doctor"
MARKS = "urn:dmp-facade:feeding-mark-code"
MARK_DATE = "urn:dmp-facade:feeding-mark-date"


def fed(demo: RunningDemo, persona: str, patient: str = "minor", **params: str) -> requests.Response:
    query = {"patient.identifier": demo.ins(patient), "_count": "200", **params}
    return demo.call(persona, "GET", "/DocumentReference/$fed", params=query)


def marks(demo: RunningDemo, persona: str, patient: str = "minor") -> dict[str, str]:
    """The mark of each document a persona is told of, by its id."""
    bundle = valid(fed(demo, persona, patient), "Bundle")
    found = [each["resource"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]
    assert bundle["total"] == len(found)
    return {each["id"]: _mark(each) for each in found}


def _mark(resource: Resource) -> str:
    (mark,) = [tag["code"] for tag in resource["meta"]["tag"] if tag["system"] == MARKS]
    return str(mark)


def _one(demo: RunningDemo, persona: str, document_id: str) -> Resource:
    entries = fed(demo, persona).json()["entry"]
    return next(each["resource"] for each in entries if each["resource"]["id"] == document_id)


def _labels(*flags: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": MASKS, "code": flag}]} for flag in flags]


def test_a_document_that_was_fed_is_marked_as_such(demo: RunningDemo) -> None:
    made = demo.publish(WRITER, "minor")
    found = _one(demo, WRITER, made["id"])
    assert _mark(found) == "published"
    assert found["masterIdentifier"] == made["masterIdentifier"]
    assert found["type"]["coding"][0]["code"] == made["type"]["coding"][0]["code"]
    made_of = made["content"][0]["attachment"]
    assert found["content"][0]["attachment"]["hash"] == made_of["hash"]
    assert [each["valueDateTime"] for each in found["extension"] if each["url"] == MARK_DATE] == [found["date"]]


def test_what_was_fed_is_not_fed_twice_and_is_marked_once(demo: RunningDemo) -> None:
    content = pdf()
    made = demo.publish(WRITER, "minor", content)
    again = demo.post(COLLEAGUE, "/DocumentReference", demo.document("minor", content))
    assert (again.status_code, codes_of(again)) == (409, ["publication.duplicate-content"])
    entries = fed(demo, WRITER).json()["entry"]
    hashes = [each["resource"]["content"][0]["attachment"]["hash"] for each in entries]
    assert hashes.count(made["content"][0]["attachment"]["hash"]) == 1


def test_replaced_and_withdrawn_are_said(demo: RunningDemo) -> None:
    old, gone = demo.publish(WRITER, "minor"), demo.publish(WRITER, "minor")
    new = demo.publish(
        WRITER, "minor", relatesTo=[{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    )
    assert demo.call(WRITER, "DELETE", f"/DocumentReference/{gone['id']}").status_code == 200
    found = marks(demo, WRITER)
    assert [found[each["id"]] for each in (old, new, gone)] == ["replaced", "published", "withdrawn"]
    assert [_one(demo, WRITER, each["id"])["status"] for each in (old, new, gone)] == [
        "superseded",
        "current",
        "superseded",
    ]


def test_it_is_the_structures_own_only(demo: RunningDemo) -> None:
    ours, theirs = demo.publish(WRITER, "minor")["id"], demo.publish(ELSEWHERE, "minor")["id"]
    seen = {persona: set(marks(demo, persona)) for persona in (WRITER, COLLEAGUE, "structure", ELSEWHERE)}
    assert [ours in seen[who] for who in seen] == [True, True, True, False]
    assert [theirs in seen[who] for who in seen] == [False, False, False, True]


def test_a_colleagues_masked_document_is_not_there(demo: RunningDemo) -> None:
    """Attack: the ledger of the structure as a way around MASQUE_PS."""
    hidden = demo.publish(WRITER, "minor", securityLabel=_labels("MASQUE_PS"))["id"]
    assert hidden not in marks(demo, COLLEAGUE)
    assert {hidden} <= set(marks(demo, WRITER)) & set(marks(demo, "structure"))
    assert demo.label(WRITER, hidden).status_code == 200
    assert hidden in marks(demo, COLLEAGUE)


def test_a_masked_replacement_shows_no_date_to_whom_it_is_hidden_from(demo: RunningDemo) -> None:
    """Attack: the day a document was replaced is the day the hidden one was fed."""
    old = demo.publish(COLLEAGUE, "minor")["id"]
    target = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]
    answer = demo.post(
        COLLEAGUE,
        "/DocumentReference",
        demo.document("minor", pdf(), relatesTo=target, securityLabel=_labels("MASQUE_PS")),
    )
    assert answer.status_code == 201, answer.text
    dates = {
        who: [each["url"] for each in _one(demo, who, old).get("extension", []) if each["url"] == MARK_DATE]
        for who in (COLLEAGUE, WRITER)
    }
    assert dates == {COLLEAGUE: [MARK_DATE], WRITER: []}


@pytest.mark.parametrize("who", ["blocked-doctor", "unauthorised-doctor"])
def test_who_may_not_read_the_record_sees_none_of_its_colleagues_documents(demo: RunningDemo, who: str) -> None:
    theirs = demo.publish(WRITER, "adult")["id"]
    since = len(demo.log())
    assert theirs not in marks(demo, who, "adult")
    assert ("TD3.1" in transactions(demo, since)) is (who == "blocked-doctor")


def test_one_who_may_not_read_the_record_knows_what_it_fed(demo: RunningDemo) -> None:
    made = demo.publish("unauthorised-doctor", "adult")["id"]
    assert marks(demo, "unauthorised-doctor", "adult")[made] == "published"


@pytest.mark.parametrize("who", ["patient-adult", "representative-minor", "catalogue-app"])
def test_it_is_for_professionals_and_structures(demo: RunningDemo, who: str) -> None:
    traces = TraceBook(demo)
    patient = "minor" if who == "representative-minor" else "adult"
    answer = fed(demo, who, patient)
    assert (answer.status_code, codes_of(answer)) == (403, ["right.not-for-this-caller"])
    assert traces.acts() == [("list-fed", "local", "refused")]


def test_it_is_traced_with_what_the_dmp_was_asked(demo: RunningDemo) -> None:
    traces, since = TraceBook(demo), len(demo.log())
    fed(demo, "structure")
    assert (traces.acts(), transactions(demo, since)) == ([("list-fed", "local", "success")], [])
    fed(demo, WRITER)
    assert traces.acts() == [("list-fed", "TD3.1", "success")]


def test_pages_hold_every_document_once(demo: RunningDemo) -> None:
    for _ in range(3):
        demo.publish(WRITER, "minor")
    whole, paged = list(marks(demo, WRITER)), []
    page = fed(demo, WRITER, _count="2")
    while True:
        bundle = valid(page, "Bundle")
        paged += [each["resource"]["id"] for each in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            break
        assert demo.patients["minor"]["value"] not in following[0]
        page = demo.call(WRITER, "GET", following[0])
    assert paged == whole
    counted = valid(fed(demo, WRITER, _summary="count"), "Bundle")
    assert (counted["total"], "entry" in counted) == (len(whole), False)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"_count": "x"}, "search.value"),
        ({"_summary": "text"}, "search.value"),
        ({"patient.identifier": ""}, "identity.not-qualified"),
        ({"_count:exact": "1"}, "search.modifier-unsupported"),
    ],
)
def test_a_question_that_is_none(demo: RunningDemo, params: dict[str, str], code: str) -> None:
    answer = fed(demo, WRITER, **params)
    assert answer.status_code in (400, 422)
    assert codes_of(answer) == [code]


def test_nobody_in_particular_is_refused(demo: RunningDemo) -> None:
    answer = demo.call(WRITER, "GET", "/DocumentReference/$fed")
    assert (answer.status_code, codes_of(answer)) == (400, ["search.patient-missing"])


def test_without_the_dmp_ones_own_documents_are_told_and_that_others_are_missing(fresh_demo: RunningDemo) -> None:
    demo = fresh_demo
    own, colleagues = demo.publish(WRITER, "minor")["id"], demo.publish(COLLEAGUE, "minor")["id"]
    os.kill(demo.pid("dmp"), signal.SIGKILL)
    bundle = valid(fed(demo, WRITER), "Bundle")
    assert [each["resource"].get("id") for each in bundle["entry"]] == [own, None]
    assert bundle["entry"][1]["resource"]["issue"][0]["details"]["coding"][0]["code"] == "fed.incomplete"
    assert set(marks(demo, "structure")) == {own, colleagues}

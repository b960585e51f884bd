"""$explain-access: the caller's own right, the rule and the article; what must not be known is not told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.demo import FHIR_JSON, RunningDemo, codes_of

AUTHOR, READER, TREATING = "author-doctor", "other-doctor", "treating-doctor"


def ask(demo: RunningDemo, persona: str, *parameters: dict[str, Any], **headers: str) -> Any:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    sent = {"Content-Type": FHIR_JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return demo.call(persona, "POST", "/DocumentReference/$explain-access", data=json.dumps(body), headers=sent)


def told(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    found = {}
    for each in answer.json()["parameter"]:
        [(name, value)] = [(key, value) for key, value in each.items() if key != "name"]
        found[each["name"]] = value["code"] if name == "valueCoding" else value
    return found


def record(demo: RunningDemo, patient: str = "adult") -> dict[str, Any]:
    return {"name": "patient", "valueIdentifier": demo.patients[patient]}


def document(sealed: str) -> dict[str, Any]:
    return {"name": "document", "valueReference": {"reference": f"DocumentReference/{sealed}"}}


def act(name: str) -> dict[str, Any]:
    return {"name": "act", "valueCode": name}


def test_the_right_to_open_a_record_and_to_feed_it(demo: RunningDemo) -> None:
    found = told(ask(demo, TREATING, record(demo)))
    assert (found["act"], found["decision"], found["rule"]) == ("search", "permit", "professional.treating-doctor")
    assert "L. 1111-16" in found["basis"]
    assert told(ask(demo, AUTHOR, record(demo), act("publish")))["decision"] == "permit"


def test_a_refusal_has_its_rule_and_its_article_in_both_languages(demo: RunningDemo) -> None:
    french = told(ask(demo, "unauthorised-doctor", record(demo), Accept_Language="fr"))
    english = told(ask(demo, "unauthorised-doctor", record(demo), Accept_Language="en"))
    assert (french["decision"], french["rule"]) == ("deny", "record.not-authorised")
    assert french["basis"] == english["basis"] != ""
    assert french["text"] != english["text"]


def test_the_acts_on_a_document_that_is_seen(demo: RunningDemo) -> None:
    sealed = demo.publish(AUTHOR, "adult")["id"]
    assert told(ask(demo, AUTHOR, document(sealed), act("withdraw")))["decision"] == "permit"
    refused = told(ask(demo, READER, document(sealed), act("withdraw")))
    assert refused["decision"] == "deny"
    # What is explained is what is then done.
    denied = demo.call(READER, "DELETE", f"/DocumentReference/{sealed}")
    assert denied.status_code == 403
    assert refused["rule"] in denied.text


def test_nothing_was_done_and_the_trace_says_what_was_looked_at(demo: RunningDemo) -> None:
    sealed = demo.publish(AUTHOR, "adult")["id"]
    before = len(demo.log())
    ask(demo, AUTHOR, document(sealed), act("withdraw"))
    assert {line["transaction"] for line in demo.log()[before:]} == {"TD0.2", "TD3.1"}
    assert demo.sees(AUTHOR, "adult", sealed)
    history = demo.call(AUTHOR, "GET", "/AuditEvent", params={"patient.identifier": demo.ins("adult"), "_count": "5"})
    assert "withdraw" not in json.dumps(history.json()["entry"][:3])


def test_a_document_that_is_hidden_is_not_there(demo: RunningDemo) -> None:
    sealed = demo.publish(AUTHOR, "adult")["id"]
    assert demo.label(AUTHOR, sealed, "MASQUE_PS").status_code == 200
    for name in ("read", "unmask", "withdraw"):
        answer = ask(demo, READER, document(sealed), act(name))
        assert (answer.status_code, codes_of(answer)) == (404, ["document.unknown"])
    assert told(ask(demo, AUTHOR, document(sealed), act("unmask")))["decision"] == "permit"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ([act("read")], "explain.subject"),
        ([document("x"), {"name": "patient", "valueIdentifier": {"system": "a", "value": "b"}}], "explain.subject"),
        ([{"name": "patient", "valueIdentifier": {"system": "urn:x", "value": "1"}}], "identity.not-qualified"),
        ([document("x"), act("publish")], "explain.act"),
        ([document("x"), act("read-traces")], "explain.act"),
    ],
)
def test_questions_that_are_none(demo: RunningDemo, parameters: list[dict[str, Any]], code: str) -> None:
    answer = ask(demo, AUTHOR, *parameters)
    assert (answer.status_code, codes_of(answer)) == (422, [code])

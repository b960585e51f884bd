"""When the DMP fails in the middle of TD0.3 or TD1.6: what was done is said as it is, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from facade.embedded.misbehaviour import behave, order
from tests.consent.conftest import Statement
from tests.support.demo import RunningDemo, codes_of

PERSONA = "unauthorised-doctor"


@pytest.fixture(autouse=True)
def honest_afterwards(untouched: RunningDemo) -> Iterator[None]:
    yield
    behave(untouched.data)


def rule(transaction: str, what: str, **more: Any) -> dict[str, Any]:
    return {"transaction": transaction, "what": what, "times": None, **more}


def test_a_declaration_whose_answer_was_lost_is_looked_up(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    order(demo.data, [rule("TD0.3", "close-after")])
    made = demo.post(PERSONA, "/Consent", statement(demo, "adult", "authorisation"))
    assert (made.status_code, made.json().get("status")) == (201, "active"), made.text
    gone = demo.call(PERSONA, "DELETE", made.headers["Location"])
    assert (gone.status_code, gone.json().get("status")) == (200, "inactive"), gone.text
    assert demo.search(PERSONA, "adult").status_code == 403


def test_a_declaration_that_did_not_arrive_is_not_claimed(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    order(demo.data, [rule("TD0.3", "close-before")])
    answer = demo.post(PERSONA, "/Consent", statement(demo, "adult", "authorisation"))
    assert answer.status_code == 503, answer.text
    behave(demo.data)
    assert demo.search(PERSONA, "adult").status_code == 403


def test_a_list_the_dmp_refuses_leaves_the_own_authorisation_and_a_warning(untouched: RunningDemo) -> None:
    demo = untouched
    order(demo.data, [rule("TD1.6", "soap-fault-before", code="Receiver")])
    query = {"patient.identifier": demo.ins("adult"), "category": "authorisation,blocked"}
    answer = demo.call("nurse", "GET", "/Consent", params=query)
    assert answer.status_code == 200, answer.text
    matches = [each["resource"] for each in answer.json()["entry"] if each["search"]["mode"] == "match"]
    actors = [each["provision"]["actor"][0]["reference"]["identifier"]["value"] for each in matches]
    assert (actors, answer.json()["total"]) == (["899700000047"], 1)
    outcome = answer.json()["entry"][-1]["resource"]
    assert [issue["severity"] for issue in outcome["issue"]] == ["warning"]


def test_a_silent_dmp_is_said_so_and_what_is_kept_here_stays_readable(
    untouched: RunningDemo, statement: Statement
) -> None:
    demo = untouched
    assert demo.post("nurse", "/Consent", statement(demo, "adult", "opposition-feeding")).status_code == 201
    order(demo.data, [rule("*", "close-before")])
    everything = demo.call("nurse", "GET", "/Consent", params={"patient.identifier": demo.ins("adult")})
    assert (everything.status_code, codes_of(everything)) == (503, ["dmp.connection-lost"])
    query = {"patient.identifier": demo.ins("adult"), "category": "opposition-feeding"}
    assert demo.call("nurse", "GET", "/Consent", params=query).json()["total"] == 1

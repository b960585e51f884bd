"""GET /DocumentReference/$obligations, and what the answer to a publication says is still owed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.support.api import LETTER, Resource, TraceBook, part, submission, transactions, typed, valid
from tests.support.demo import LOINC, MASKS, RunningDemo, codes_of, pdf

WRITER = "author-doctor"
DUTIES, CONTEXTS = "urn:dmp-facade:feeding-duty-code", "urn:dmp-facade:production-context-code"
OUTCOME = {"Prefer": "return=OperationOutcome"}
BOTH_MESSAGES = "mssante-professionals, mssante-patient"


def ask(demo: RunningDemo, language: str = "en", **params: Any) -> requests.Response:
    return demo.call("", "GET", "/DocumentReference/$obligations", params=params, headers={"Accept-Language": language})


def named(parameters: Resource | list[Any], name: str) -> list[Any]:
    """The values, or parts, of the parameters of a name."""
    found = parameters["parameter"] if isinstance(parameters, dict) else parameters
    return [next(value for key, value in each.items() if key != "name") for each in found if each["name"] == name]


def owed(answer: requests.Response) -> list[str]:
    parameters = valid(answer, "Parameters")
    return [named(duty, "code")[0]["code"] for duty in named(parameters, "duty")]


def test_a_letter_of_the_end_of_a_stay_is_owed_to_all_three(demo: RunningDemo) -> None:
    answer = ask(demo, type=f"{LOINC}|{LETTER}", date="2025-03-01", context="hospital-stay")
    parameters = valid(answer, "Parameters")
    assert owed(answer) == ["dmp", "mssante-professionals", "mssante-patient"]
    professionals = named(parameters, "duty")[1]
    assert len(named(professionals, "to")) == 3
    assert named(professionals, "since") == ["2022-04-30"]
    ground = named(professionals, "ground")[0]
    assert named(ground, "line") == ["II.2"]
    assert named(ground, "basis") == ["art. L. 1112-1 CSP"]
    assert named(ground, "alreadyInForce") == [True]
    assert "arrêté du 26 avril 2022, art. 1, 2°" in named(professionals, "basis")[0]


def test_the_exclusion_that_applied_is_named_with_its_source(demo: RunningDemo) -> None:
    parameters = valid(ask(demo, type="57833-6", date="2025-03-01", context="prior-agreement"), "Parameters")
    assert named(parameters, "owed") == [False]
    assert named(parameters, "listed") == [True]
    excluded = named(parameters, "exclusion")
    assert {named(each, "context")[0]["code"] for each in excluded} == {"prior-agreement"}
    assert len(excluded) == 3
    assert all("annexe, I, ligne 3" in named(each, "source")[0] for each in excluded)


def test_without_a_context_what_could_exclude_it_is_told(demo: RunningDemo) -> None:
    parameters = valid(ask(demo, type="18748-4", date="2025-03-01"), "Parameters")
    unless = {
        one["code"]
        for duty in named(parameters, "duty")
        for each in named(duty, "ground")
        for one in named(each, "unless")
    }
    assert {"hospital-stay", "opposition", "no-mailbox"} <= unless


def test_a_type_the_annex_has_not_is_not_owed_but_may_be_fed(demo: RunningDemo) -> None:
    parameters = valid(ask(demo, type="11488-4"), "Parameters")
    assert (named(parameters, "owed"), named(parameters, "listed")) == ([False], [False])
    assert "may be fed" in named(parameters, "text")[0]


def test_today_is_the_day_that_is_not_said(demo: RunningDemo) -> None:
    today = demo.call("", "GET", "/metadata").headers["Date"]
    parameters = valid(ask(demo, type=LETTER), "Parameters")
    assert str(int(today.split()[3])) in named(parameters, "date")[0]


def test_an_instant_is_the_day_it_is_in_france(demo: RunningDemo) -> None:
    """23:30 UTC on the eve is half past midnight in Paris: the duty is in force."""
    assert owed(ask(demo, type="18748-4", date="2022-12-30T23:30:00Z")) == owed(
        ask(demo, type="18748-4", date="2022-12-31")
    )
    assert owed(ask(demo, type="18748-4", date="2022-12-30T22:30:00Z")) == []


@pytest.mark.parametrize(
    ("params", "codes"),
    [
        ({}, ["obligations.type-missing"]),
        ({"type": ["11490-0", "11502-2"]}, ["obligations.type-missing"]),
        ({"type": "none"}, ["search.code-unknown"]),
        ({"type": f"http://example.org|{LETTER}"}, ["search.code-unknown"]),
        ({"type": LETTER, "date": "2025"}, ["obligations.date"]),
        ({"type": LETTER, "date": "2025-02-30"}, ["obligations.date"]),
        ({"type": LETTER, "date": "2025-02-03T10:00:00"}, ["obligations.date"]),
        ({"type": LETTER, "date": "9999-12-31T23:59:59-12:00"}, ["obligations.date"]),
        ({"type": LETTER, "date": "0001-01-01T00:00:00+12:00"}, ["obligations.date"]),
        ({"type": LETTER, "date": ["2025-01-01", "2025-01-02"]}, ["obligations.date"]),
        ({"type": LETTER, "context": "space"}, ["obligations.context"]),
        ({"type": LETTER, "context": "http://example.org|hospital-stay"}, ["obligations.context"]),
        ({"type": LETTER, "context": "ambulatory,hospital-stay"}, ["obligations.contradiction"]),
        (
            {"type": "none", "date": "x", "context": "y"},
            ["search.code-unknown", "obligations.date", "obligations.context"],
        ),
        ({"type:not": LETTER}, ["search.modifier-unsupported"]),
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_refused_in_words(
    demo: RunningDemo, params: dict[str, Any], codes: list[str]
) -> None:
    answer = ask(demo, **params)
    assert (answer.status_code, codes_of(answer)) == (400, codes)


def test_both_languages_and_both_formats(demo: RunningDemo) -> None:
    french, english = (valid(ask(demo, language, type=LETTER), "Parameters") for language in ("fr", "en"))
    assert named(french, "text") != named(english, "text")
    assert named(named(french, "duty")[0], "to") == ["le dossier médical partagé du patient"]
    xml = demo.call(
        "",
        "GET",
        "/DocumentReference/$obligations",
        params={"type": LETTER},
        headers={"Accept": "application/fhir+xml"},
    )
    assert xml.status_code == 200
    assert xml.text.count("<Parameters") == 1
    refused = demo.call("", "GET", "/DocumentReference/$obligations", headers={"Accept": "image/png"})
    assert refused.status_code == 406


def test_nobody_is_asked_and_no_trace_is_left(demo: RunningDemo) -> None:
    since, traces = len(demo.log()), TraceBook(demo)
    answer = ask(demo, type=LETTER)
    assert (transactions(demo, since), traces.new()) == ([], [])
    assert "public" in answer.headers["Cache-Control"]
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize(("name", "size"), [("production-context", 15), ("feeding-duty", 3), ("feeding-mark", 3)])
def test_its_codes_are_served(demo: RunningDemo, name: str, size: int) -> None:
    system = valid(demo.call("", "GET", f"/CodeSystem/{name}"), "CodeSystem")
    assert len(system["concept"]) == size
    assert all(concept["definition"] and concept["designation"] for concept in system["concept"])


def _publish(demo: RunningDemo, persona: str = WRITER, code: str = LETTER, headers: Any = None, **changes: Any) -> Any:
    resource = demo.document("adult", pdf(), type=typed(code), **changes)
    sent = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
    return demo.post(persona, "/DocumentReference", resource, **sent)


def test_a_publication_says_what_is_still_owed(demo: RunningDemo) -> None:
    answer = _publish(demo)
    assert valid(answer, "DocumentReference", 201)["type"]["coding"][0]["code"] == LETTER
    assert answer.headers["Still-Owed"] == BOTH_MESSAGES
    address, _, relation = answer.headers["Link"].partition("; ")
    assert relation == 'rel="urn:dmp-facade:operation:obligations"'
    assert owed(demo.call("", "GET", address.strip("<>"))) == BOTH_MESSAGES.split(", ")
    assert demo.patients["adult"]["value"] not in answer.headers["Link"]
    assert set(parse_qs(urlsplit(address.strip("<>")).query)) == {"type", "date", "context"}


def test_an_outcome_tells_it_in_words_and_codes(demo: RunningDemo) -> None:
    for language, word in (("en", "Still owed"), ("fr", "Reste dû")):
        issues = valid(_publish(demo, headers=OUTCOME | {"Accept-Language": language}), "OperationOutcome", 201)[
            "issue"
        ]
        told = [each for each in issues if each["details"]["coding"][0]["code"] == "publication.still-owed"]
        assert [each["details"]["coding"][1] for each in told] == [
            {"system": DUTIES, "code": code} for code in BOTH_MESSAGES.split(", ")
        ]
        assert all(each["severity"] == "information" and each["details"]["text"].startswith(word) for each in told)
        assert "{" not in "".join(each["details"]["text"] for each in told)


def test_nothing_more_is_said_where_nothing_is_owed(demo: RunningDemo) -> None:
    answer = _publish(demo, code="11488-4")
    assert answer.status_code == 201
    assert not {"Still-Owed", "Link"} & set(answer.headers)


def test_an_application_owes_nothing(demo: RunningDemo) -> None:
    answer = _publish(demo, persona="catalogue-app")
    assert answer.status_code == 201, answer.text
    assert "Still-Owed" not in answer.headers
    lot = demo.post("catalogue-app", "", submission(demo, "adult", type=typed(LETTER)), **OUTCOME)
    assert (lot.status_code, "Still-Owed" in lot.headers) == (200, False)


@pytest.mark.parametrize(
    ("flag", "left"),
    [("INVISIBLE_PATIENT", "mssante-professionals"), ("MASQUE_PS", "mssante-patient")],
)
def test_a_mask_keeps_a_document_from_whom_it_is_hidden(demo: RunningDemo, flag: str, left: str) -> None:
    """Attack: told to send a document by mail, a client would show it to the one it is hidden from."""
    answer = _publish(demo, securityLabel=[{"coding": [{"system": MASKS, "code": flag}]}])
    assert answer.headers["Still-Owed"] == left


def test_the_day_a_document_was_made_is_what_counts(demo: RunningDemo) -> None:
    resource = demo.document("adult", pdf(), type=typed("18748-4"))
    resource["content"][0]["attachment"]["creation"] = "2022-06-01T10:00:00Z"
    answer = demo.post(WRITER, "/DocumentReference", resource)
    assert answer.status_code == 201, answer.text
    assert "Still-Owed" not in answer.headers


def test_a_repeated_publication_is_told_the_same(demo: RunningDemo) -> None:
    resource = demo.document("adult", pdf(), type=typed(LETTER))
    answers = [demo.post(WRITER, "/DocumentReference", resource, Idempotency_Key="owed-once") for _ in range(2)]
    assert [each.headers["Still-Owed"] for each in answers] == [BOTH_MESSAGES] * 2


def test_a_lot_tells_it_of_each_of_its_documents(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult", pdf(), pdf())
    part(bundle, "DocumentReference", 1)["resource"]["type"] = typed(LETTER)
    answer = demo.post(WRITER, "", bundle, **OUTCOME)
    entries = valid(answer, "Bundle")["entry"]
    assert answer.headers["Still-Owed"] == BOTH_MESSAGES
    told = [
        [
            issue["details"]["coding"][1]["code"]
            for issue in each["response"].get("outcome", {}).get("issue", [])
            if issue["details"]["coding"][0]["code"] == "publication.still-owed"
        ]
        for each in entries
    ]
    assert [each for each in told if each] == [BOTH_MESSAGES.split(", ")]
    assert "outcome" not in "".join(str(valid(demo.post(WRITER, "", submission(demo, "adult")), "Bundle")["entry"]))

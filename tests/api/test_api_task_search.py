"""GET /Task as FHIR R4 searches: kinds and statuses as alternatives, all kinds without a code, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import TraceBook, valid
from tests.support.demo import RunningDemo, codes_of, ids_of
from tests.support.mail import SEND, send_parameters, settled, tasks_of
from tests.support.tasks import ordered

WRITER, COLLEAGUE = "author-doctor", "nurse"


class Made:
    """A preload and a message of one professional, about one patient."""

    def __init__(self, demo: RunningDemo) -> None:
        self.preload = str(ordered(demo, WRITER)["id"])
        document = demo.publish(WRITER, "adult")["id"]
        answer = demo.post(WRITER, SEND, send_parameters(document, recipients=["dr.search@tests.mssante.fr"]))
        (sent,) = tasks_of(answer)
        self.message = str(sent["id"])
        settled(demo, WRITER, self.message)

    def __contains__(self, task_id: str) -> bool:
        return task_id in (self.preload, self.message)


@pytest.fixture
def made(demo: RunningDemo) -> Made:
    return Made(demo)


def found(demo: RunningDemo, made: Made, persona: str = WRITER, **params: Any) -> list[str]:
    """Which of the two a search finds, in its order, over all its pages."""
    answer = demo.call(persona, "GET", "/Task", params={"_count": "200", **params})
    ids: list[str] = []
    while True:
        bundle = valid(answer, "Bundle")
        ids += [each for each in ids_of(bundle) if each in made]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return ids
        answer = demo.call(persona, "GET", following[0])


def test_kinds_are_alternatives_and_without_one_all_are_found(demo: RunningDemo, made: Made) -> None:
    both = [made.preload, made.message]
    assert found(demo, made) == both
    assert found(demo, made, code="send,preload") == both
    assert found(demo, made, code="urn:dmp-facade:task-code|preload") == [made.preload]
    assert found(demo, made, code="send") == [made.message]
    assert found(demo, made, code=["send", "preload"]) == [], "no Task is of two kinds"
    assert found(demo, made, code=["send", "send,preload"]) == [made.message]
    posted = demo.call(WRITER, "POST", "/Task/_search", data={"_id": f"{made.message},{made.preload}"})
    assert ids_of(valid(posted, "Bundle")) == both


def test_statuses_are_alternatives_over_all_kinds(demo: RunningDemo, made: Made) -> None:
    assert found(demo, made, status="completed") == [made.message]
    assert found(demo, made, status="requested") == [made.preload]
    assert found(demo, made, status="completed,requested") == [made.preload, made.message]
    assert found(demo, made, status=["completed,requested", "requested,failed"]) == [made.preload]
    assert found(demo, made, status="draft,entered-in-error") == [], "statuses of FHIR no Task here has"


def test_both_kinds_are_found_by_their_patient_and_by_their_id(demo: RunningDemo, made: Made) -> None:
    both = [made.preload, made.message]
    assert found(demo, made, **{"patient.identifier": demo.ins("adult")}) == both
    assert found(demo, made, **{"patient.identifier": demo.ins("minor")}) == []
    assert found(demo, made, _id=made.message) == [made.message]
    assert found(demo, made, _id=f"{made.message},{made.preload}", status="completed") == [made.message]


def test_pages_go_over_both_kinds_without_a_gap(demo: RunningDemo, made: Made) -> None:
    ids = f"{made.message},{made.preload}"
    first = valid(demo.call(WRITER, "GET", "/Task", params={"_id": ids, "_count": "1"}), "Bundle")
    assert (ids_of(first), first["total"]) == ([made.preload], 2)
    (following,) = [link["url"] for link in first["link"] if link["relation"] == "next"]
    assert demo.patients["adult"]["value"] not in following
    second = valid(demo.call(WRITER, "GET", following), "Bundle")
    assert (ids_of(second), second["total"]) == ([made.message], 2)
    assert [link["relation"] for link in second["link"]] == ["self"]


def test_no_link_repeats_a_matricule_wherever_it_was_put(demo: RunningDemo, made: Made) -> None:
    matricule = demo.patients["adult"]["value"]
    params = {"_id": f"{matricule},{made.message}", "code": f"{matricule}|send"}
    (link,) = valid(demo.call(WRITER, "GET", "/Task", params=params), "Bundle")["link"]
    assert matricule not in link["url"]
    assert ids_of(demo.call(WRITER, "GET", link["url"]).json()) == [made.message]


def test_a_colleague_sees_nothing_of_anothers(demo: RunningDemo, made: Made) -> None:
    """The same structure knows that a message was sent, and not whose; of another structure nothing is known."""
    assert found(demo, made, COLLEAGUE) == [made.message]
    answer = demo.call(COLLEAGUE, "GET", "/Task", params={"_id": made.message})
    (entry,) = answer.json()["entry"]
    assert not {"for", "focus", "input"} & set(entry["resource"])
    about = {"patient.identifier": demo.ins("adult")}
    for params in (about, {"code": "preload"}, {"_id": made.preload}, {**about, "_id": made.message}):
        assert found(demo, made, COLLEAGUE, **params) == [], params
        assert (
            valid(demo.call(COLLEAGUE, "GET", "/Task", params={**params, "_id": made.preload}), "Bundle")["total"] == 0
        )
    assert found(demo, made, "treating-doctor") == []
    assert found(demo, made, "treating-doctor", _id=f"{made.message},{made.preload}") == []


@pytest.mark.parametrize(
    ("persona", "code", "status", "acts"),
    [
        ("structure", None, 200, [("read-tasks", "permit")]),
        ("structure", "send", 200, [("read-tasks", "permit")]),
        ("structure", "preload", 403, [("list-preloads", "deny")]),
        ("structure", "send,preload", 403, [("list-preloads", "deny")]),
        ("patient-adult", None, 403, [("read-tasks", "deny")]),
        ("patient-adult", "preload,send", 403, [("list-preloads", "deny")]),
        (WRITER, None, 200, [("list-preloads", "permit"), ("read-tasks", "permit")]),
        (WRITER, ["send", "preload"], 200, [("read-tasks", "permit")]),
    ],
)
def test_each_kind_is_judged_and_traced_as_when_it_is_asked_for_alone(
    demo: RunningDemo, persona: str, code: Any, status: int, acts: list[tuple[str, str]]
) -> None:
    traces = TraceBook(demo)
    answer = demo.call(persona, "GET", "/Task", params={} if code is None else {"code": code})
    assert answer.status_code == status, answer.text
    written = [trace for trace in traces.new() if trace.correlation_id == answer.headers["X-Request-Id"]]
    assert [(trace.act, trace.effect) for trace in written] == acts


@pytest.mark.parametrize(
    ("params", "codes"),
    [
        ({"code": "letter"}, ["search.not-one-of"]),
        ({"code": ""}, ["search.not-one-of"]),
        ({"code": "send,letter", "status": "sent"}, ["search.not-one-of", "search.not-one-of"]),
        ({"code:not": "send"}, ["search.modifier-unsupported"]),
        ({"_id": ",".join(f"preload-{n}" for n in range(500))}, ["search.value"]),
        ({"_offset": "-1"}, ["search.value"]),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(demo: RunningDemo, params: dict[str, str], codes: list[str]) -> None:
    answer = demo.call(WRITER, "GET", "/Task", params=params)
    assert (answer.status_code, codes_of(answer)) == (400, codes)
    if "search.not-one-of" in codes:
        assert "preload, send" in answer.text


def test_a_parameter_nobody_knows_is_told_or_refused(demo: RunningDemo, made: Made) -> None:
    answer = valid(demo.call(WRITER, "GET", "/Task", params={"owner": "x", "_id": made.preload}), "Bundle")
    (told,) = [each["resource"] for each in answer["entry"] if each["search"]["mode"] == "outcome"]
    assert told["issue"][0]["details"]["coding"][0]["code"] == "search.parameter-ignored"
    strictly = demo.call(WRITER, "GET", "/Task?owner=x", headers={"Prefer": "handling=strict"})
    assert (strictly.status_code, codes_of(strictly)) == (400, ["search.parameter-unknown"])

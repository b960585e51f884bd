"""A preload over HTTP, from its order to its removal: EXI 11 and EXI 12, sentence by sentence."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from facade.domain.ins import ins_key
from facade.embedded.issuer import issuer_of
from tests.support.api import TraceBook, attachment_of, submission, typed, valid
from tests.support.demo import MASKS, RunningDemo, codes_of, pdf
from tests.support.outbound import consent
from tests.support.tasks import given, ordered, state, task, told

DOCTOR, TREATING, OTHER, NURSE = "author-doctor", "treating-doctor", "other-doctor", "nurse"


def read(demo: RunningDemo, persona: str, made: dict[str, Any], suffix: str = "") -> requests.Response:
    return demo.call(persona, "GET", f"/Task/{made['id']}{suffix}")


def post(demo: RunningDemo, persona: str, made: dict[str, Any], suffix: str) -> requests.Response:
    return demo.call(persona, "POST", f"/Task/{made['id']}{suffix}")


def held(demo: RunningDemo, persona: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    bundle = valid(read(demo, persona, made, "/$preloaded"), "Bundle")
    return [each["resource"] for each in bundle.get("entry", [])]


def eventually(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def rows(demo: RunningDemo, query: str, *values: str) -> list[Any]:
    with sqlite3.connect(f"file:{demo.data / 'facade.db'}?mode=ro", uri=True, timeout=20) as connection:
        return connection.execute(query, values).fetchall()


def copies(demo: RunningDemo, made: dict[str, Any]) -> int:
    found: int = rows(demo, "SELECT count(*) FROM preloaded_documents WHERE preload_id = ?", made["id"])[0][0]
    return found


def fetched(demo: RunningDemo, persona: str, patient: str = "adult", **said: Any) -> dict[str, Any]:
    """A preload that was ordered and fetched on the professional's call."""
    made = ordered(demo, persona, patient, **said)
    answer = post(demo, persona, made, "/$run")
    assert answer.status_code == 200, answer.text
    ran: dict[str, Any] = answer.json()
    return ran


def test_the_whole_life_of_a_preload(quick: RunningDemo) -> None:
    content = pdf()
    document = quick.publish(NURSE, "adult", content, type=typed("11490-0"))
    letters = {"system": "http://loinc.org", "code": "11490-0"}
    made = ordered(quick, DOCTOR, hours=48, content=True, document_type=letters)
    valid(read(quick, DOCTOR, made), "Task")
    assert (state(made), made["status"]) == ("waiting", "requested")
    asked = quick.log()
    ran = post(quick, DOCTOR, made, "/$run").json()
    assert (state(ran), ran["status"], told(ran)["matched"], told(ran)["held"]) == ("ready", "in-progress", 1, 1)
    assert [each["transaction"] for each in quick.log()[len(asked) :]][-1] == "TD3.2"
    asked = quick.log()
    found = held(quick, DOCTOR, made)
    assert [each["id"] for each in found] == [document["id"]]
    bytes_of_it = quick.call(DOCTOR, "GET", attachment_of(found[0])["url"])
    assert (bytes_of_it.content, bytes_of_it.headers["Content-Type"]) == (content, "application/pdf")
    assert quick.log() == asked, "the DMP is asked nothing"
    ended = post(quick, DOCTOR, made, "/$end").json()
    assert (state(ended), ended["status"], copies(quick, made)) == ("ended", "completed", 0)
    assert codes_of(read(quick, DOCTOR, made, "/$preloaded")) == ["preload.not-ready"]
    assert quick.call(DOCTOR, "GET", attachment_of(found[0])["url"]).status_code == 409
    assert quick.call(DOCTOR, "DELETE", f"/Task/{made['id']}").status_code == 204
    assert read(quick, DOCTOR, made).status_code == 404


def test_an_order_that_is_due_is_fetched_before_the_professional_logs_in(quick: RunningDemo) -> None:
    quick.publish(NURSE, "adult", type=typed("11490-0"))
    book = TraceBook(quick)
    made = ordered(quick, TREATING, hours=20, created={"start": "2020"})
    eventually(lambda: state(read(quick, TREATING, made).json()) == "ready")
    by_itself = [trace for trace in book.new() if trace.correlation_id == made["id"]]
    assert [(each.act, each.transaction, each.effect) for each in by_itself] == [
        ("search", "TD3.1", "permit"),
        ("preload", "local", "permit"),
    ]
    assert {(each.person_id, each.structure_id) for each in by_itself} == {("899700000013", "1990000036")}
    sent = [line for line in quick.log() if line["transaction"] == "TD3.1"][-1]
    assert "899700000013" in str(sent)
    assert attachment_of(held(quick, TREATING, made)[0])["url"].startswith(f"{quick.fhir}/Binary/")


@pytest.mark.parametrize("suffix", ["", "/$preloaded", "/$preloaded-content?document=x", "/$run", "/$end", "delete"])
@pytest.mark.parametrize("persona", [NURSE, TREATING, "structure", "patient-adult", "catalogue-app", "regulator"])
def test_whoever_did_not_order_it_finds_nothing(quick: RunningDemo, persona: str, suffix: str) -> None:
    made = _one_of(quick)
    absent = made | {"id": f"preload-{'0' * 8}-0000-4000-8000-{'0' * 12}"}
    answers = []
    for each in (made, absent):
        if suffix in ("/$run", "/$end"):
            answers.append(post(quick, persona, each, suffix))
        elif suffix == "delete":
            answers.append(quick.call(persona, "DELETE", f"/Task/{each['id']}"))
        else:
            answers.append(read(quick, persona, each, suffix))
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert copies(quick, made) == 1


_MADE: dict[str, dict[str, Any]] = {}


def _one_of(demo: RunningDemo) -> dict[str, Any]:
    """A preload of one document, the same for all tests of one demonstration that leave it as it is."""
    if demo.fhir not in _MADE:
        demo.publish(OTHER, "minor")
        _MADE[demo.fhir] = fetched(demo, OTHER, "minor", content=True, maximum=1)
    return _MADE[demo.fhir]


def test_a_search_shows_own_orders_only(quick: RunningDemo) -> None:
    made = _one_of(quick)

    def ids(persona: str, **params: str) -> list[str]:
        bundle = valid(quick.call(persona, "GET", "/Task", params={"code": "preload", **params}), "Bundle")
        return [each["resource"]["id"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]

    assert made["id"] in ids(OTHER)
    assert made["id"] in ids(OTHER, code="preload", status="in-progress", **{"patient.identifier": quick.ins("minor")})
    assert ids(OTHER, status="failed") == []
    assert made["id"] in ids(OTHER, _id=f"preload-unknown,{made['id']}")
    assert ids(OTHER, _id="preload-unknown") == []
    assert ids(OTHER, **{"patient.identifier": quick.ins("objector")}) == []
    assert made["id"] not in ids(NURSE)
    assert quick.call("structure", "GET", "/Task?code=preload").status_code == 403


def test_a_second_factor_is_needed_for_everything(quick: RunningDemo) -> None:
    made = _one_of(quick)
    quick.tokens["one-factor"] = issuer_of(quick.data).mint(OTHER, claims={"acr": "eidas0"})
    answers = [
        read(quick, "one-factor", made),
        read(quick, "one-factor", made, "/$preloaded"),
        post(quick, "one-factor", made, "/$run"),
        post(quick, "one-factor", made, "/$end"),
        quick.call("one-factor", "DELETE", f"/Task/{made['id']}"),
        quick.call("one-factor", "GET", "/Task?code=preload"),
        quick.call("one-factor", "GET", "/Task?code=send,preload"),
        quick.call("one-factor", "GET", "/Task"),
        quick.post("one-factor", "/Task", task(quick)),
    ]
    assert [(each.status_code, codes_of(each)) for each in answers] == [
        (403, ["caller.professional.single-factor"])
    ] * len(answers)
    assert copies(quick, made) == 1


@pytest.mark.parametrize(
    ("persona", "rule"),
    [
        ("structure", "structure.never-reads"),
        ("patient-adult", "right.not-for-this-caller"),
        ("catalogue-app", "application.never-reads"),
    ],
)
def test_only_a_professional_orders(quick: RunningDemo, persona: str, rule: str) -> None:
    answer = quick.post(persona, "/Task", task(quick))
    assert (answer.status_code, codes_of(answer)) == (403, [rule])


def test_nobody_orders_for_a_colleague(quick: RunningDemo) -> None:
    colleague = {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "99700000047"}}
    answer = quick.post(DOCTOR, "/Task", task(quick, owner=colleague))
    assert (answer.status_code, codes_of(answer)) == (422, ["preload.owner"])
    me = {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "99700000021"}}
    assert quick.post(DOCTOR, "/Task", task(quick, owner=me, requester=me)).status_code == 201


def test_four_days_before_it_waits_and_is_not_fetched_even_when_asked(quick: RunningDemo) -> None:
    made = ordered(quick, NURSE, hours=96)
    answer = post(quick, NURSE, made, "/$run")
    assert (answer.status_code, codes_of(answer)) == (422, ["preload.too-early"])
    assert "72 hours" in answer.text
    assert told(made)["opens"] in answer.text
    assert state(read(quick, NURSE, made).json()) == "waiting"
    near = ordered(quick, NURSE, hours=71.9, created={"start": "2090"})
    assert state(post(quick, NURSE, near, "/$run").json()) == "ready"


def test_an_appointment_that_is_over_or_too_far_is_refused(quick: RunningDemo) -> None:
    over = quick.post(NURSE, "/Task", task(quick, hours=-3, lasting=2))
    far = quick.post(NURSE, "/Task", task(quick, hours=31 * 24))
    assert [(each.status_code, codes_of(each)) for each in (over, far)] == [
        (422, ["preload.appointment-over"]),
        (422, ["preload.too-far-ahead"]),
    ]


def test_the_11th_document_of_a_patient_is_left_out(quick: RunningDemo) -> None:
    answer = quick.post(NURSE, "/Task", task(quick, "objector", content=True, maximum=11))
    assert (answer.status_code, codes_of(answer)) == (422, ["preload.too-many-documents"])
    assert "10 documents" in answer.json()["issue"][0]["details"]["text"]
    letters, notes = ({"system": "http://loinc.org", "code": code} for code in ("11490-0", "34133-9"))
    for documents, code in ((11, letters), (1, notes)):
        lot = submission(quick, "objector", *(pdf() for _ in range(documents)), type={"coding": [code]})
        assert quick.post(DOCTOR, "", lot).status_code == 200
    full = fetched(quick, NURSE, "objector", content=True, document_type=letters)
    assert (told(full)["matched"], told(full)["held"]) == (11, 10)
    first = {each["id"] for each in held(quick, NURSE, full)}
    post(quick, NURSE, full, "/$end")
    none = ordered(quick, NURSE, "objector", content=True, document_type=notes)
    refused = post(quick, NURSE, none, "/$run")
    assert (refused.status_code, codes_of(refused)) == (422, ["preload.too-many-documents"])
    assert "11" in refused.json()["issue"][0]["details"]["text"]
    failed = read(quick, NURSE, none).json()
    assert (state(failed), failed["statusReason"]["coding"][0]["code"]) == ("failed", "preload.too-many-documents")
    again = fetched(quick, NURSE, "objector", content=True, document_type=letters)
    assert {each["id"] for each in held(quick, NURSE, again)} == first, "the same ten: others would be an 11th"
    listed = fetched(quick, NURSE, "objector", document_type=notes)
    assert told(listed)["held"] == 1, "the metadata alone are no content (EXI 11)"


def test_the_51st_patient_is_refused_with_the_number(quick: RunningDemo) -> None:
    def order_for(number: int) -> requests.Response:
        body = f"2790175{number:06d}"
        value = f"{body}{ins_key(body):02d}"
        patient = {"identifier": {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": value}}
        return quick.post(TREATING, "/Task", task(quick, hours=20 * 24) | {"for": patient})

    answers = [order_for(number) for number in range(51)]
    assert [each.status_code for each in answers] == [201] * 50 + [422]
    assert codes_of(answers[-1]) == ["preload.too-many-patients"]
    text = answers[-1].json()["issue"][0]["details"]["text"]
    assert "50 patients" in text
    assert "51" in text


def test_the_end_of_the_episode_removes_by_itself(quick: RunningDemo) -> None:
    quick.publish(DOCTOR, "minor")
    made = ordered(quick, TREATING, "minor", hours=0, lasting=8 / 3600, content=True, maximum=1)
    eventually(lambda: state(read(quick, TREATING, made).json()) == "ready")
    ready = read(quick, TREATING, made).json()
    assert (ready["executionPeriod"]["end"], copies(quick, made)) == (made["restriction"]["period"]["end"], 1)
    eventually(lambda: copies(quick, made) == 0)
    assert state(read(quick, TREATING, made).json()) == "expired"


def test_what_is_past_its_three_days_is_removed_by_the_reading_too(quick: RunningDemo) -> None:
    quick.publish(DOCTOR, "minor")
    made = fetched(quick, NURSE, "minor", content=True, maximum=1)
    assert made["executionPeriod"]["start"][:11] != made["executionPeriod"]["end"][:11]
    with sqlite3.connect(quick.data / "facade.db", timeout=20) as connection:
        connection.execute(
            "UPDATE preloads SET expires = '2026-01-01T00:00:00.000000+00:00' WHERE id = ?", [made["id"]]
        )
    answer = read(quick, NURSE, made, "/$preloaded")
    assert (answer.status_code, codes_of(answer)) == (409, ["preload.not-ready"])
    assert copies(quick, made) == 0


def test_an_opposition_recorded_since_ends_it(quick: RunningDemo) -> None:
    quick.publish(DOCTOR, "minor")
    mine = fetched(quick, DOCTOR, "minor", content=True, maximum=1)
    elsewhere = fetched(quick, TREATING, "minor", content=True, maximum=1)
    opposed = quick.post(NURSE, "/Consent", consent(quick, "minor", "opposition-consultation"))
    assert opposed.status_code == 201
    answer = read(quick, DOCTOR, mine, "/$preloaded")
    assert (answer.status_code, codes_of(answer)) == (403, ["opposition.consultation"])
    assert (copies(quick, mine), copies(quick, elsewhere)) == (0, 1), "it is one of the hospital, not of the centre"
    assert post(quick, DOCTOR, mine, "/$end").status_code == 200
    quick.call(NURSE, "DELETE", f"/Consent/{opposed.json()['id']}")
    assert codes_of(read(quick, DOCTOR, mine, "/$preloaded")) == ["preload.not-ready"]


def test_a_document_masked_or_withdrawn_here_since_is_no_longer_held(quick: RunningDemo) -> None:
    notes = {"system": "http://loinc.org", "code": "34133-9"}
    masked, kept = (quick.publish(DOCTOR, "minor", type={"coding": [notes]}) for _ in range(2))
    made = fetched(quick, TREATING, "minor", document_type=notes)
    assert {each["id"] for each in held(quick, TREATING, made)} == {masked["id"], kept["id"]}
    assert quick.label(DOCTOR, masked["id"], "MASQUE_PS").status_code == 200
    assert [each["id"] for each in held(quick, TREATING, made)] == [kept["id"]]
    quick.call(DOCTOR, "DELETE", f"/DocumentReference/{kept['id']}")
    assert held(quick, TREATING, made) == []


def test_a_secret_of_a_minor_stays_one_when_it_is_fetched_and_read(quick: RunningDemo) -> None:
    quick.publish(DOCTOR, "minor")
    book = TraceBook(quick)
    made = quick.post(NURSE, "/Task", task(quick, "minor"), Connexion_Secrete="true").json()
    assert post(quick, NURSE, made, "/$run").status_code == 200
    assert held(quick, NURSE, made)
    traces = [trace for trace in book.new() if trace.person_id == "899700000047"]
    assert {trace.act for trace in traces} == {"preload", "search", "read"}
    assert all(trace.secret for trace in traces)


def test_what_a_reader_may_not_see_is_never_preloaded(quick: RunningDemo) -> None:
    flags = [{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}]
    plans = {"system": "http://loinc.org", "code": "18776-5"}
    hidden = quick.publish(DOCTOR, "adult", type={"coding": [plans]}, securityLabel=flags)
    shown = quick.publish(DOCTOR, "adult", type={"coding": [plans]})
    made = fetched(quick, OTHER, content=True, document_type=plans)
    assert told(made)["matched"] == 1
    assert [each["id"] for each in held(quick, OTHER, made)] == [shown["id"]]
    answers = [
        read(quick, OTHER, made, f"/$preloaded-content?document={document}")
        for document in (hidden["id"], "x", _one_of(quick)["id"])
    ]
    assert [(each.status_code, codes_of(each)) for each in answers] == [(404, ["document.unknown"])] * 3


@pytest.mark.parametrize(("persona", "rule"), [("unauthorised-doctor", "record.not-authorised")])
def test_a_fetch_is_refused_as_a_search_is(quick: RunningDemo, persona: str, rule: str) -> None:
    made = ordered(quick, persona)
    answer = post(quick, persona, made, "/$run")
    assert (answer.status_code, codes_of(answer)) == (403, [rule])
    failed = read(quick, persona, made).json()
    assert (state(failed), failed["statusReason"]["coding"][0]["code"]) == ("failed", rule)
    by_itself = ordered(quick, persona, hours=3)
    eventually(lambda: state(read(quick, persona, by_itself).json()) == "failed")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"status": "draft"}, "task.status"),
        ({"intent": "plan"}, "task.status"),
        ({"code": {"coding": [{"code": "other"}]}}, "task.code"),
        ({"restriction": {"repetitions": 1}}, "preload.period"),
        ({"restriction": {"period": {"start": "2026-11-30"}}}, "preload.period"),
        ({"restriction": {"period": {"end": "2026-11-30T10:00:00Z"}}}, "preload.period"),
        ({"hours": 48, "lasting": -1}, "preload.period"),
        ({"description": "le motif du patient"}, "task.element"),
        ({"for": {"display": "x"}}, "patient.missing"),
        ({"document_type": {"system": "http://loinc.org", "code": "0-0"}}, "code.unknown"),
        ({"author": {"system": "urn:x", "value": ""}}, "fhir.empty-element"),
        ({"created": {"start": "hier"}}, "fhir.invalid"),
        ({"input": [given("maximum", 3), given("maximum", 4)]}, "preload.input"),
        ({"input": [{"type": {"text": "content"}, "valueBoolean": True}]}, "preload.input"),
    ],
)
def test_an_order_that_is_not_understood_is_refused_whole(quick: RunningDemo, said: dict[str, Any], code: str) -> None:
    answer = quick.post(DOCTOR, "/Task", task(quick, **said))
    assert answer.status_code in (400, 422), answer.text
    assert code in codes_of(answer)
    assert "motif" not in answer.text


def test_criteria_filter_by_type_date_and_author(quick: RunningDemo) -> None:
    scans, prescriptions = ({"system": "http://loinc.org", "code": code} for code in ("18748-4", "57833-6"))
    mine = quick.publish(DOCTOR, "adult", type={"coding": [scans]})["id"]
    theirs = quick.publish(OTHER, "adult", type={"coding": [scans]})["id"]
    quick.publish(DOCTOR, "adult", type={"coding": [prescriptions]})

    def found(**said: Any) -> set[str]:
        return {each["id"] for each in held(quick, TREATING, fetched(quick, TREATING, document_type=scans, **said))}

    assert found() == {mine, theirs}
    assert found(author={"system": "https://rpps.esante.gouv.fr", "value": "99700000021"}) == {mine}
    assert found(created={"end": "2020"}) == set()
    assert found(created={"start": "2020"}) == {mine, theirs}


def test_what_is_stored_says_nothing_of_the_patient(quick: RunningDemo) -> None:
    made = _one_of(quick)
    seen = held(quick, OTHER, made)[0]
    stored = b"".join(
        bytes(value, "utf-8") if isinstance(value, str) else value
        for table in ("preloads", "preloaded_documents", "preload_uses")
        for row in rows(quick, f"SELECT * FROM {table}")
        for value in row
        if isinstance(value, str | bytes)
    )
    secrets = [quick.patients["minor"]["value"], attachment_of(seen)["title"], seen["id"]]
    secrets += [each["value"].removeprefix("urn:uuid:") for each in seen["identifier"]]
    assert [each for each in secrets if each.encode() in stored] == []
    assert b"%PDF" not in stored

"""What a recorded opposition does to the other acts, over HTTP, from the next request on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.consent.conftest import Statement
from tests.support.demo import RunningDemo, codes_of, pdf

EMERGENCY = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "urgence%20vitale"}
PERSON = "urn:oid:1.2.250.1.71.4.2.1"
NURSE = "899700000047"


def record(demo: RunningDemo, persona: str, resource: dict[str, Any]) -> str:
    answer = demo.post(persona, "/Consent", resource)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def withdraw(demo: RunningDemo, persona: str, consent_id: str) -> None:
    assert demo.call(persona, "DELETE", f"/Consent/{consent_id}").status_code == 200


def test_an_opposition_to_feeding_blocks_persons_and_machines_until_withdrawn(
    untouched: RunningDemo, statement: Statement
) -> None:
    demo = untouched
    opposed = record(demo, "nurse", statement(demo, "adult", "opposition-feeding"))
    sent = len(demo.log())
    for persona in ("author-doctor", "nurse", "structure"):
        answer = demo.post(persona, "/DocumentReference", demo.document("adult", pdf()))
        assert (answer.status_code, codes_of(answer)) == (403, ["opposition.feeding"]), persona
    assert len(demo.log()) == sent, "nothing may reach the DMP, not even TD0.2"
    assert demo.search("nurse", "adult").status_code == 200, "reading is another opposition"
    assert demo.post("other-doctor", "/DocumentReference", demo.document("adult", pdf())).status_code == 201
    withdraw(demo, "structure", opposed)
    for persona in ("author-doctor", "structure"):
        answer = demo.post(persona, "/DocumentReference", demo.document("adult", pdf()))
        assert answer.status_code == 201, answer.text


def reading(demo: RunningDemo, persona: str, document: str, headers: dict[str, str] | None = None) -> set[int]:
    answers = [
        demo.search(persona, "adult", headers),
        demo.call(persona, "GET", f"/DocumentReference/{document}", headers=headers or {}),
        demo.call(persona, "GET", f"/Binary/{document}", headers=headers or {}),
    ]
    if {answer.status_code for answer in answers} == {403}:
        assert [codes_of(answer) for answer in answers] == [["opposition.consultation"]] * 3
    return {answer.status_code for answer in answers}


def test_an_opposition_to_consultation_closes_the_record_to_the_structure(
    untouched: RunningDemo, statement: Statement
) -> None:
    demo = untouched
    document = demo.publish("author-doctor", "adult")["id"]
    opposed = record(demo, "nurse", statement(demo, "adult", "opposition-consultation"))
    sent = len(demo.log())
    assert (reading(demo, "nurse", document), reading(demo, "author-doctor", document)) == ({403}, {403})
    assert len(demo.log()) == sent, "the DMP must not even be asked"
    assert reading(demo, "other-doctor", document) == {200}, "another structure"
    assert reading(demo, "nurse", document, EMERGENCY) == {200}, "emergency is excepted"
    assert demo.post("author-doctor", "/DocumentReference", demo.document("adult", pdf())).status_code == 201
    withdraw(demo, "nurse", opposed)
    assert reading(demo, "nurse", document) == {200}


def test_the_treating_doctor_is_no_exception(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    document = demo.publish("author-doctor", "adult")["id"]
    assert reading(demo, "treating-doctor", document) == {200}
    opposed = record(demo, "treating-doctor", statement(demo, "adult", "opposition-consultation"))
    assert reading(demo, "treating-doctor", document) == {403}
    withdraw(demo, "treating-doctor", opposed)
    assert reading(demo, "treating-doctor", document) == {200}


def test_an_opposition_to_one_professional_stops_that_one_only(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    document = demo.publish("author-doctor", "adult")["id"]
    actor = {
        "role": {"coding": [{"code": "PRCP"}]},
        "reference": {"identifier": {"system": PERSON, "value": NURSE}},
    }
    limited = statement(demo, "adult", "opposition-consultation", provision={"type": "deny", "actor": [actor]})
    opposed = record(demo, "author-doctor", limited)
    shown = demo.call("nurse", "GET", f"/Consent/{opposed}").json()
    assert shown["provision"]["actor"][0]["reference"]["identifier"]["value"] == NURSE
    assert (reading(demo, "nurse", document), reading(demo, "author-doctor", document)) == ({403}, {200})
    withdraw(demo, "author-doctor", opposed)
    assert reading(demo, "nurse", document) == {200}


@pytest.mark.parametrize("category", ["opposition-feeding", "information-given"])
def test_only_an_opposition_to_consultation_names_a_professional(
    demo: RunningDemo, statement: Statement, category: str
) -> None:
    actor = {"role": {"coding": [{"code": "PRCP"}]}, "reference": {"identifier": {"system": PERSON, "value": NURSE}}}
    more: dict[str, Any] = {"provision": {"actor": [actor]}}
    if category == "information-given":
        more["extension"] = [{"url": "urn:dmp-facade:information-channel", "valueCode": "online"}]
    answer = demo.post("nurse", "/Consent", statement(demo, "absent", category, **more))
    assert (answer.status_code, codes_of(answer)) == (422, ["consent.professional-not-allowed"])


def test_a_mistyped_professional_is_refused(demo: RunningDemo, statement: Statement) -> None:
    actor = {
        "role": {"coding": [{"code": "PRCP"}]},
        "reference": {"identifier": {"system": PERSON, "value": "899700000048"}},
    }
    given = statement(demo, "absent", "opposition-consultation", provision={"type": "deny", "actor": [actor]})
    answer = demo.post("nurse", "/Consent", given)
    assert (answer.status_code, codes_of(answer)) == (422, ["consent.id-malformed"])


def test_an_opposition_is_recorded_and_holds_while_the_dmp_is_away(
    fresh_demo: RunningDemo, statement: Statement
) -> None:
    import os
    import signal

    demo = fresh_demo
    os.kill(demo.pid("dmp"), signal.SIGKILL)
    opposed = record(demo, "nurse", statement(demo, "adult", "opposition-consultation"))
    answer = demo.search("nurse", "adult")
    assert (answer.status_code, codes_of(answer)) == (403, ["opposition.consultation"])
    query = {"patient.identifier": demo.ins("adult"), "category": "opposition-consultation"}
    assert demo.call("nurse", "GET", "/Consent", params=query).json()["entry"][0]["resource"]["id"] == opposed
    withdraw(demo, "nurse", opposed)
    assert demo.search("nurse", "adult").status_code == 503

"""What the DMP holds, as Consent: the caller's authorisation (TD0.3), who else is (TD1.6), emergencies (TD0.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from facade import knowledge
from facade.domain.ins import INS
from facade.translation.sealed_ids import SealedIds, derive_key, statement_digest
from tests.consent.conftest import Statement
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of

HERE = "opposition-feeding,opposition-consultation,information-given"
DMP = "authorisation,blocked,opposition-emergency"
UNAUTHORISED, BLOCKED = "899700000054", "899700000062"


def held(demo: RunningDemo, persona: str, patient: str, **headers: str) -> list[dict[str, Any]]:
    query = {"patient.identifier": demo.ins(patient), "category": DMP}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = demo.call(persona, "GET", "/Consent", params=query, headers=sent)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    get_fhir_model_class("Bundle").model_validate(bundle)
    return [entry["resource"] for entry in bundle.get("entry", [])]


def category(resource: dict[str, Any]) -> str:
    code: str = resource["category"][0]["coding"][0]["code"]
    return code


def people(resources: list[dict[str, Any]], wanted: str) -> list[str]:
    return [
        each["provision"]["actor"][0]["reference"]["identifier"]["value"]
        for each in resources
        if category(each) == wanted
    ]


def transactions(demo: RunningDemo, since: int) -> list[str]:
    return [json.dumps(line) for line in demo.log()[since:]]


def test_an_authorisation_is_declared_by_an_explicit_act_and_taken_back(
    untouched: RunningDemo, statement: Statement
) -> None:
    demo, persona = untouched, "unauthorised-doctor"
    assert demo.search(persona, "adult").status_code == 403
    assert not any("setAuthorization" in line for line in transactions(demo, 0)), "never by itself"
    assert people(held(demo, persona, "adult"), "authorisation") == []

    made = demo.post(persona, "/Consent", statement(demo, "adult", "authorisation"))
    assert made.status_code == 201, made.text
    get_fhir_model_class("Consent").model_validate(made.json())
    assert made.json()["provision"]["type"] == "permit"
    assert UNAUTHORISED not in made.json()["id"]
    assert demo.search(persona, "adult").status_code == 200, "from the next request on"
    assert UNAUTHORISED in people(held(demo, persona, "adult"), "authorisation")
    read = demo.call(persona, "GET", made.headers["Location"])
    assert (read.status_code, read.json()["id"], read.json()["status"]) == (200, made.json()["id"], "active")
    again = demo.post(persona, "/Consent", statement(demo, "adult", "authorisation"))
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"]), "declaring twice is declaring once"

    history = demo.call(persona, "GET", made.headers["Location"] + "/_history").json()
    assert [entry["resource"]["status"] for entry in history["entry"]] == ["active"]
    assert demo.call(persona, "GET", made.headers["Location"] + "/_history/1").status_code == 404

    gone = demo.call(persona, "DELETE", made.headers["Location"])
    assert (gone.status_code, gone.json()["status"]) == (200, "inactive")
    assert demo.search(persona, "adult").status_code == 403
    assert demo.call(persona, "GET", made.headers["Location"]).status_code == 404


def test_each_transaction_leaves_its_trace(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    demo.post("unauthorised-doctor", "/Consent", statement(demo, "adult", "authorisation"))
    assert held(demo, "unauthorised-doctor", "adult")
    answer = demo.call("patient-adult", "GET", "/AuditEvent", params={"patient.identifier": demo.ins("adult")})
    acts = [entry["resource"]["subtype"][1]["code"] for entry in answer.json()["entry"]]
    assert {"authorise", "read-consent", "list-authorisations"} <= set(acts)


def test_those_who_may_see_who_is_authorised_and_blocked(demo: RunningDemo) -> None:
    listed = held(demo, "nurse", "adult")
    assert people(listed, "blocked") == [BLOCKED]
    assert {"899700000047"} <= set(people(listed, "authorisation"))
    assert len({each["id"] for each in listed}) == len(listed), "the own one is not shown twice"
    for each in listed:
        read = demo.call("nurse", "GET", f"/Consent/{each['id']}")
        assert (read.status_code, read.json()) == (200, each)


def test_those_who_may_not_see_their_own_only(demo: RunningDemo, statement: Statement) -> None:
    assert held(demo, "unauthorised-doctor", "adult") == []
    own = held(demo, "blocked-doctor", "adult")
    assert (people(own, "blocked"), people(own, "authorisation")) == ([BLOCKED], [])
    emergency = held(demo, "nurse", "adult", Purpose_Of_Use="bris_de_glace", Purpose_Of_Use_Reason="urgence")
    assert people(emergency, "blocked") == [], "TD1.6 is closed in an emergency"
    assert held(demo, "structure", "adult") == []
    assert held(demo, "patient-adult", "adult") == []
    others = next(each for each in held(demo, "nurse", "adult") if people([each], "authorisation") == ["899700000047"])
    for persona in ("unauthorised-doctor", "structure"):
        for method in ("GET", "DELETE"):
            answer = demo.call(persona, method, f"/Consent/{others['id']}")
            assert (answer.status_code, codes_of(answer)) == (404, ["resource.unknown"]), persona


def test_a_blocked_professional_cannot_declare_itself(demo: RunningDemo, statement: Statement) -> None:
    answer = demo.post("blocked-doctor", "/Consent", statement(demo, "adult", "authorisation"))
    assert (answer.status_code, codes_of(answer)) == (403, ["blocked.by-holder"])


@pytest.mark.parametrize("persona", ["structure", "patient-adult", "catalogue-app"])
def test_only_a_professional_declares(demo: RunningDemo, statement: Statement, persona: str) -> None:
    sent = len(demo.log())
    answer = demo.post(persona, "/Consent", statement(demo, "adult", "authorisation"))
    assert answer.status_code == 403, answer.text
    assert len(demo.log()) == sent


def test_an_authorisation_for_somebody_else_is_refused(demo: RunningDemo, statement: Statement) -> None:
    identifier = {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": UNAUTHORISED}
    actor = {"role": {"coding": [{"code": "PRCP"}]}, "reference": {"identifier": identifier}}
    given = statement(demo, "adult", "authorisation", provision={"type": "permit", "actor": [actor]})
    sent = len(demo.log())
    answer = demo.post("nurse", "/Consent", given)
    assert (answer.status_code, codes_of(answer)) == (422, ["consent.authorisation-own-only"])
    assert len(demo.log()) == sent
    own = demo.post("unauthorised-doctor", "/Consent", given | {"status": "inactive"})
    assert codes_of(own) == ["consent.status"]


def test_an_opposition_to_consultation_stops_a_declaration(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched
    opposed = demo.post("unauthorised-doctor", "/Consent", statement(demo, "adult", "opposition-consultation"))
    assert opposed.status_code == 201
    answer = demo.post("unauthorised-doctor", "/Consent", statement(demo, "adult", "authorisation"))
    assert (answer.status_code, codes_of(answer)) == (403, ["opposition.consultation"])


@pytest.mark.parametrize("code", ["blocked", "opposition-emergency"])
def test_what_the_holder_sets_elsewhere_is_read_only(demo: RunningDemo, statement: Statement, code: str) -> None:
    answer = demo.post("nurse", "/Consent", statement(demo, "adult", code))
    assert (answer.status_code, codes_of(answer)) == (422, ["consent.read-only"])


def test_nothing_the_dmp_holds_is_changed_by_another(demo: RunningDemo, statement: Statement) -> None:
    shown = held(demo, "nurse", "adult")
    blocked = next(each for each in shown if category(each) == "blocked")
    body = statement(demo, "adult", "authorisation") | {"id": blocked["id"]}
    headers = {"Content-Type": FHIR_JSON}
    for method in ("PUT", "DELETE"):
        answer = demo.call("nurse", method, f"/Consent/{blocked['id']}", data=json.dumps(body), headers=headers)
        assert (answer.status_code, codes_of(answer)) == (422, ["consent.read-only"]), method
    assert BLOCKED in people(held(demo, "nurse", "adult"), "blocked")


def test_the_prior_oppositions_to_emergencies_are_shown(demo: RunningDemo) -> None:
    shown = [each for each in held(demo, "nurse", "objector") if category(each) == "opposition-emergency"]
    assert [each["provision"]["purpose"][0]["code"] for each in shown] == ["bris_de_glace", "centre_15"]
    for each in shown:
        assert demo.call("nurse", "GET", f"/Consent/{each['id']}").json() == each
        assert demo.call("nurse", "DELETE", f"/Consent/{each['id']}").status_code == 422
    assert not [each for each in held(demo, "nurse", "adult") if category(each) == "opposition-emergency"]


def test_the_dmp_is_asked_only_for_what_it_holds(demo: RunningDemo) -> None:
    sent = len(demo.log())
    for code in HERE.split(","):
        query = {"patient.identifier": demo.ins("minor"), "category": code}
        assert demo.call("nurse", "GET", "/Consent", params=query).status_code == 200
    assert len(demo.log()) == sent


IDS = SealedIds([derive_key(b"a secret of thirty-two characters")])
PATIENT = INS.of("1.2.250.1.213.1.4.10", "279017500000133")


def test_a_sealed_statement_names_its_patient_and_nothing_else() -> None:
    sealed = IDS.seal_statement(PATIENT, "person:899700000047")
    assert IDS.open_statement(sealed) == (PATIENT, statement_digest("person:899700000047"))
    assert len(sealed) <= 64
    assert len(IDS.seal_statement(PATIENT, "person:3750000001/" + "X" * 60)) == len(sealed)
    assert IDS.open_document(sealed) is None
    assert IDS.open_patient(sealed) is None
    assert IDS.open_statement(IDS.seal_patient(PATIENT)) is None
    assert IDS.open_statement(IDS.seal_document(PATIENT, "00000000-0000-4000-8000-000000000000")) is None
    for position in range(len(sealed)):
        forged = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
        assert IDS.open_statement(forged) is None


def test_rotated_keys_still_open() -> None:
    old, new = derive_key(b"a secret of thirty-two characters"), derive_key(b"b secret of thirty-two characters")
    sealed = SealedIds([old]).seal_statement(PATIENT, "emergency:centre_15")
    assert SealedIds([new, old]).open_statement(sealed) == (PATIENT, statement_digest("emergency:centre_15"))
    assert SealedIds([new]).open_statement(sealed) is None


def test_the_acts_judged_without_the_dmp_do_not_depend_on_it() -> None:
    acts = {row["act"]: row for row in knowledge.rows("access/acts.csv")}
    for act in ("record-consent", "read-consent"):
        row = acts[act]
        assert (row["record"], row["access"], row["blocked"], row["minor"]) == ("any", "no", "ignored", "no"), act

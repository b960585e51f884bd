"""Oppositions block what they are about; every act leaves a trace its reader may or may not see."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from facade.domain.ins import INS
from facade.embedded.issuer import issuer_of
from facade.records.engine import open_database
from facade.records.traces import Trace, Traces
from tests.support.demo import RunningDemo, codes_of, pdf

SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


def _opposition(demo: RunningDemo, patient: str, category: str = "opposition-feeding") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": SCOPE,
        "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": category}]}],
        "patient": {"identifier": demo.patients[patient]},
    }


def test_an_opposition_to_feeding_blocks_publication_before_the_dmp_is_asked(untouched: RunningDemo) -> None:
    demo = untouched
    recorded = demo.post("nurse", "/Consent", _opposition(demo, "objector"))
    assert recorded.status_code == 201, recorded.text
    sent = len(demo.log())
    answer = demo.post("author-doctor", "/DocumentReference", demo.document("objector", pdf()))
    assert (answer.status_code, codes_of(answer)) == (403, ["opposition.feeding"])
    assert len(demo.log()) == sent
    shown = demo.call("nurse", "GET", "/Consent", params={"patient.identifier": demo.ins("objector")}).json()
    codes = [entry["resource"]["category"][0]["coding"][0]["code"] for entry in shown["entry"]]
    assert (codes.count("opposition-feeding"), "authorisation" in codes) == (1, True)
    elsewhere = demo.post("other-doctor", "/DocumentReference", demo.document("objector", pdf()))
    assert elsewhere.status_code == 201, "an opposition is recorded for one structure"


PLACES: dict[str, Any] = {
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">ne veut pas</div>'},
    "sourceAttachment": {"title": "motif"},
    "extension": [{"url": "urn:x", "valueString": "motif"}],
    "provision": {"code": [{"text": "motif"}]},
    "contained": [{"resourceType": "Basic", "id": "x", "code": {"text": "motif"}}],
}


@pytest.mark.parametrize("place", PLACES)
def test_the_reason_of_an_opposition_finds_no_place_to_hide(demo: RunningDemo, place: str) -> None:
    resource = copy.deepcopy(_opposition(demo, "minor")) | {place: PLACES[place]}
    answer = demo.post("nurse", "/Consent", resource)
    assert answer.status_code == 422, answer.text
    assert "consent.free-text" in codes_of(answer)
    assert "motif" not in answer.text
    found = demo.call("nurse", "GET", "/Consent", params={"patient.identifier": demo.ins("minor")}).json()
    codes = {entry["resource"]["category"][0]["coding"][0]["code"] for entry in found["entry"]}
    assert "opposition-feeding" not in codes


def _history(demo: RunningDemo, persona: str, patient: str) -> list[dict[str, Any]]:
    answer = demo.call(persona, "GET", "/AuditEvent", params={"patient.identifier": demo.ins(patient)})
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def _about(events: list[dict[str, Any]], document: str) -> list[str]:
    reference = f"DocumentReference/{document}"
    return [
        event["subtype"][1]["code"]
        for event in events
        if any(entity.get("what", {}).get("reference") == reference for entity in event["entity"])
    ]


def test_the_patient_reads_who_did_what_with_a_document(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.call("nurse", "GET", f"/Binary/{document}").status_code == 200
    demo.label("author-doctor", document, "MASQUE_PS")
    events = _history(demo, "patient-adult", "adult")
    assert _about(events, document) == ["mask", "retrieve", "publish"]
    nurse = next(event for event in events if event["subtype"][1]["code"] == "retrieve")
    assert nurse["agent"][0]["who"]["identifier"]["value"] == "899700000047"


def test_a_refused_act_leaves_a_trace_with_its_rule(demo: RunningDemo) -> None:
    assert demo.search("unauthorised-doctor", "adult").status_code == 403
    events = _history(demo, "patient-adult", "adult")
    denied = next(event for event in events if event["agent"][0]["who"]["identifier"]["value"] == "899700000054")
    assert (denied["outcome"], denied["outcomeDesc"]) == ("4", "record.not-authorised")


def test_a_trace_about_a_document_hidden_from_the_patient_is_not_shown_to_the_patient(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": "INVISIBLE_PATIENT"}]}]
    document = demo.publish("author-doctor", "adult", securityLabel=labels)["id"]
    assert demo.call("nurse", "GET", f"/Binary/{document}").status_code == 200
    assert _about(_history(demo, "patient-adult", "adult"), document) == []
    assert _about(_history(demo, "treating-doctor", "adult"), document) == ["retrieve", "publish"]


@pytest.mark.parametrize(
    ("reader", "flag", "shown"),
    [
        ("patient-adult", "", ["withdraw", "retrieve", "publish"]),
        ("patient-adult", "INVISIBLE_PATIENT", []),
        ("other-doctor", "MASQUE_PS", []),
    ],
)
def test_who_read_a_document_is_told_after_its_withdrawal_to_those_who_saw_it(
    demo: RunningDemo, reader: str, flag: str, shown: list[str]
) -> None:
    labelled: dict[str, Any] = {"securityLabel": [{"coding": [{"code": flag}]}]} if flag else {}
    document = demo.publish("author-doctor", "adult", **labelled)["id"]
    demo.call("author-doctor", "GET", f"/Binary/{document}")
    assert demo.call("author-doctor", "DELETE", f"/DocumentReference/{document}").status_code == 200
    assert demo.call(reader, "GET", f"/Binary/{document}").status_code == 404
    events = _history(demo, reader, "adult")
    assert _about(events, document) == shown
    assert events[0]["outcomeDesc"] == "document.unknown", "one's own attempt reads as one on nothing"


@pytest.mark.parametrize("act", ["search", "publish", "replace", "hide", "withdraw", "consent"])
def test_a_secret_connection_leaves_nothing_a_representative_can_read(demo: RunningDemo, act: str) -> None:
    document = demo.publish("author-doctor", "minor")["id"]
    statements, before = _statements(demo), _total(demo)
    secret = {"Connexion-Secrete": "true"}
    replacing = [{"code": "replaces", "target": {"reference": f"DocumentReference/{document}"}}]
    channel = [{"url": "urn:dmp-facade:information-channel", "valueCode": "face-to-face"}]
    informed = _opposition(demo, "minor", "information-given") | {"extension": channel}
    answer = {
        "search": lambda: demo.search("nurse", "minor", secret),
        "publish": lambda: _post(demo, "/DocumentReference", demo.document("minor", pdf())),
        "replace": lambda: _post(demo, "/DocumentReference", demo.document("minor", pdf(), relatesTo=replacing)),
        "hide": lambda: demo.label("author-doctor", document, "MASQUE_PS", **secret),
        "withdraw": lambda: demo.call("author-doctor", "DELETE", f"/DocumentReference/{document}", headers=secret),
        "consent": lambda: _post(demo, "/Consent", informed),
    }[act]()
    assert answer.status_code in (200, 201), answer.text
    assert _total(demo) == before + 1, "only its own reading of the history came since"
    assert _statements(demo) == statements
    if act in ("publish", "replace"):
        assert not demo.sees("representative-minor", "minor", answer.json()["id"])


def _post(demo: RunningDemo, path: str, resource: dict[str, Any]) -> requests.Response:
    return demo.post("author-doctor", path, resource, Connexion_Secrete="true")


def _total(demo: RunningDemo) -> int:
    params = {"patient.identifier": demo.ins("minor"), "_summary": "count"}
    total: int = demo.call("representative-minor", "GET", "/AuditEvent", params=params).json()["total"]
    return total


def _statements(demo: RunningDemo) -> tuple[int, str]:
    answer = demo.call("representative-minor", "GET", "/Consent", params={"patient.identifier": demo.ins("minor")})
    return answer.status_code, answer.text


def test_the_reason_of_an_emergency_is_in_the_trace(demo: RunningDemo) -> None:
    headers = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "arr%C3%AAt cardiaque"}
    assert demo.search("unauthorised-doctor", "adult", headers).status_code == 200
    newest = _history(demo, "patient-adult", "adult")[0]
    assert newest["purposeOfEvent"][0]["text"] == "arrêt cardiaque"


def test_an_emergency_alerts_the_log_once_and_names_nobody(demo: RunningDemo) -> None:
    reason = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "malaise inexpliqué".replace("é", "%C3%A9")}
    log_file = demo.data / "facade.log"
    before = log_file.read_text().count("access.emergency")
    for _ in range(2):
        assert demo.search("other-doctor", "minor", reason).status_code == 200
    log = log_file.read_text()
    assert log.count("access.emergency") == before + 1
    assert demo.patients["minor"]["value"] not in log
    assert "malaise" not in log


def test_an_emergency_outlasts_its_hour_only_by_another_reason(demo: RunningDemo) -> None:
    """The hour is told from the traces: one of two hours ago stands for it."""
    ins, person = demo.patients["minor"], "899700000054"
    database = open_database(f"sqlite:///{demo.data / 'facade.db'}")
    begun = Trace(
        time=datetime.now(UTC) - timedelta(hours=2),
        kind="professional",
        act="search",
        effect="permit",
        rule="emergency.bris-de-glace",
        outcome="success",
        person_id=person,
        patient=INS.of(ins["system"], ins["value"]),
        purpose="bris_de_glace",
        reason="chute dans la cour",
    )
    Traces(database).append(begun)
    database.close()
    glass = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "chute dans la cour"}
    sent = len(demo.log())
    expired = demo.search("unauthorised-doctor", "minor", glass)
    assert (expired.status_code, codes_of(expired)) == (403, ["emergency.expired"])
    assert len(demo.log()) == sent, "the DMP is not asked"
    again = demo.search("unauthorised-doctor", "minor", glass | {"Purpose-Of-Use-Reason": "perte de conscience"})
    assert again.status_code == 200, again.text
    assert demo.search("unauthorised-doctor", "minor").status_code == 403, "normal access is not opened by it"


def test_the_worklist_tells_the_age_of_a_mask(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": "INVISIBLE_PATIENT"}]}]
    document = demo.publish("author-doctor", "adult", securityLabel=labels)["id"]
    since = (datetime.now(UTC) - timedelta(days=40, hours=1)).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(demo.data / "facade.db")) as database, database:
        database.execute(
            "UPDATE hidden_documents SET since = ? WHERE rowid = (SELECT max(rowid) FROM hidden_documents)", (since,)
        )
    listed = demo.call("author-doctor", "GET", "/DocumentReference/$still-hidden").json()["entry"]
    assert listed[0]["item"]["reference"] == f"DocumentReference/{document}", "longest hidden first"
    assert {"url": "urn:dmp-facade:days-hidden", "valueInteger": 40} in listed[0]["extension"]


def _worklist(demo: RunningDemo, persona: str) -> list[str]:
    answer = demo.call(persona, "GET", "/DocumentReference/$still-hidden")
    assert answer.status_code == 200, answer.text
    return [entry["item"]["reference"].rpartition("/")[2] for entry in answer.json().get("entry", [])]


def test_a_document_hidden_from_its_patient_stays_on_the_worklist_until_it_is_shown(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": "INVISIBLE_PATIENT"}]}]
    at_once = demo.publish("author-doctor", "adult", securityLabel=labels)["id"]
    later = demo.publish("author-doctor", "adult")["id"]
    assert demo.label("author-doctor", later, "INVISIBLE_PATIENT").status_code == 200
    assert {at_once, later} <= set(_worklist(demo, "author-doctor"))
    assert {at_once, later} <= set(_worklist(demo, "structure")), "the author's structure"
    assert not {at_once, later} & set(_worklist(demo, "other-doctor"))
    assert demo.label("nurse", at_once).status_code == 200
    listed = _worklist(demo, "author-doctor")
    assert at_once not in listed
    assert later in listed


def test_the_worklist_is_no_business_of_a_patient(demo: RunningDemo) -> None:
    answer = demo.call("patient-adult", "GET", "/DocumentReference/$still-hidden")
    assert (answer.status_code, codes_of(answer)) == (403, ["right.not-for-this-caller"])


def test_the_worklist_needs_two_factors(demo: RunningDemo) -> None:
    demo.tokens["single"] = issuer_of(demo.data).mint("author-doctor", claims={"acr": "eidas3"})
    answer = demo.call("single", "GET", "/DocumentReference/$still-hidden")
    assert (answer.status_code, codes_of(answer)) == (403, ["caller.professional.single-factor"])
    assert demo.call("author-doctor", "GET", "/DocumentReference/$still-hidden").status_code == 200


@pytest.mark.parametrize(
    ("path", "params"),
    [("/DocumentReference", {"status": "current"}), ("/DocumentReference/{id}", {}), ("/Binary/{id}", {})],
)
def test_an_answer_whose_trace_cannot_be_written_is_withheld(
    demo: RunningDemo, path: str, params: dict[str, str]
) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    query = {**params, "patient.identifier": demo.ins("adult")} if params else {}
    ask = path.format(id=document)
    with _no_room_for_traces(demo):
        refused = demo.call("nurse", "GET", ask, params=query)
        assert (refused.status_code, codes_of(refused)) == (503, ["trace.unavailable"])
        assert "Retry-After" in refused.headers
        assert document not in refused.text
        worklist = demo.call("author-doctor", "GET", "/DocumentReference/$still-hidden")
        assert (worklist.status_code, codes_of(worklist)) == (503, ["trace.unavailable"])
    assert demo.call("nurse", "GET", ask, params=query).status_code == 200


@contextmanager
def _no_room_for_traces(demo: RunningDemo) -> Iterator[None]:
    with closing(sqlite3.connect(demo.data / "facade.db", timeout=20)) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON traces BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        try:
            yield
        finally:
            database.execute("DROP TRIGGER full")

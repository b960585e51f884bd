"""The access history page by page, by period and by purpose; each event of the shape IHE BALP gives its act."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.support.api import matches
from tests.support.balp import faults
from tests.support.demo import MASKS, RunningDemo, codes_of

Event = dict[str, Any]
GLASS = {"Purpose-Of-Use": "bris_de_glace"}
TREATING, PATIENT = "treating-doctor", "patient-adult"


def _bundle(demo: RunningDemo, persona: str, **params: str) -> dict[str, Any]:
    query = {"patient.identifier": demo.ins("adult"), **params}
    answer = demo.call(persona, "GET", "/AuditEvent", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _events(bundle: dict[str, Any]) -> list[Event]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def _links(bundle: dict[str, Any]) -> dict[str, str]:
    return {each["relation"]: each["url"] for each in bundle["link"]}


def _act(event: Event) -> str:
    found: str = event["subtype"][1]["code"]
    return found


def test_the_pages_of_a_history_are_the_whole_of_it(demo: RunningDemo) -> None:
    """Each reading adds a trace of its own: the pages do not move for it."""
    for _ in range(12):
        demo.publish("author-doctor", "adult")
    whole = _bundle(demo, PATIENT, _count="200")
    page = _bundle(demo, PATIENT, _count="3")
    total, seen = page["total"], _events(page)
    assert total == whole["total"] + 1, "the first reading is part of what the second reads"
    for _ in range(3):
        page = demo.call(PATIENT, "GET", _links(page)["next"]).json()
        assert (page["total"], len(_events(page))) == (total, 3)
        seen += _events(page)
    assert len({event["id"] for event in seen}) == 12
    assert [event["id"] for event in seen[1:]] == [event["id"] for event in _events(whole)[:11]]
    back = demo.call(PATIENT, "GET", _links(page)["previous"]).json()
    assert [event["id"] for event in _events(back)] == [event["id"] for event in seen[6:9]]


def test_the_last_page_has_no_next_and_no_link_names_the_patient(untouched: RunningDemo) -> None:
    demo = untouched
    for _ in range(3):
        demo.publish("author-doctor", "adult")
    page = _bundle(demo, PATIENT, _count="2", purpose="normal,bris_de_glace", date=f"ge{_day(-1)}")
    assert "next" in _links(page)
    while "next" in _links(page):
        page = demo.call(PATIENT, "GET", _links(page)["next"]).json()
    links = unquote(" ".join(_links(page).values()))
    assert "purpose=normal,bris_de_glace" in links
    assert demo.patients["adult"]["value"] not in links
    assert _events(page)


def _day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_a_history_of_a_period(demo: RunningDemo) -> None:
    demo.publish("author-doctor", "adult")
    everything = _bundle(demo, PATIENT, _summary="count")["total"]
    assert everything > 0
    for date, some in (
        (f"ge{_day(-1)}", True),
        (f"lt{_day(-1)}", False),
        (f"gt{_day(1)}", False),
        (f"le{_day(1)}", True),
        (f"eq{_day(-2)}", False),
        (_day(0)[:4], True),
    ):
        bundle = _bundle(demo, PATIENT, date=date, _summary="count")
        assert (bundle["total"] >= everything) is some, date
        assert "entry" not in bundle
        assert list(_links(bundle)) == ["self"]
    query = [("patient.identifier", demo.ins("adult")), ("date", f"ge{_day(-1)}"), ("date", f"lt{_day(-1)}")]
    assert demo.call(PATIENT, "GET", "/AuditEvent", params=query).json()["total"] == 0


@pytest.mark.parametrize(
    "params",
    [{"date": "yesterday"}, {"date": "ne2026"}, {"purpose": "curiosity"}, {"_before": "x"}, {"_summary": "text"}],
    ids=str,
)
def test_a_value_that_is_none_is_refused(demo: RunningDemo, params: dict[str, str]) -> None:
    query = {"patient.identifier": demo.ins("adult"), **params}
    answer = demo.call(PATIENT, "GET", "/AuditEvent", params=query)
    assert (answer.status_code, codes_of(answer)) == (400, ["search.value"])


def test_the_parameters_may_stand_in_a_form(demo: RunningDemo) -> None:
    form = {"patient.identifier": demo.ins("adult"), "_count": "1", "outcome": "0"}
    lenient = demo.call(PATIENT, "POST", "/AuditEvent/_search", data=form)
    assert len(matches(lenient)) == 1
    assert lenient.json()["entry"][-1]["resource"]["issue"][0]["details"]["coding"][0]["code"] == (
        "search.parameter-ignored"
    )
    strict = demo.call(PATIENT, "POST", "/AuditEvent/_search", data=form, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, codes_of(strict)) == (400, ["search.parameter-unknown"])


@pytest.mark.parametrize("reader", [TREATING, PATIENT])
def test_an_emergency_stands_out_in_the_list_of_the_treating_doctor_and_of_the_patient(
    demo: RunningDemo, reader: str
) -> None:
    reason = f"malaise {uuid.uuid4()}"
    headers = GLASS | {"Purpose-Of-Use-Reason": reason}
    assert demo.search("unauthorised-doctor", "adult", headers).status_code == 200
    alerts = _events(_bundle(demo, reader, purpose="bris_de_glace,centre_15"))
    assert all(event["purposeOfEvent"][0]["coding"][1]["code"] in ("BTG", "ETREAT") for event in alerts)
    newest = alerts[0]
    assert newest["purposeOfEvent"][0]["text"] == reason
    assert newest["agent"][0]["who"]["identifier"]["value"] == "899700000054"
    assert not [event for event in _events(_bundle(demo, reader, purpose="normal")) if "purposeOfEvent" in event]


def test_every_success_is_of_the_shape_of_balp(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    mask = [{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}]
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{document}"}}]
    demo.publish("author-doctor", "adult", securityLabel=mask, relatesTo=relation)
    machine = demo.publish("structure", "adult")["id"]
    for path in (f"/DocumentReference/{machine}", f"/Binary/{machine}", "/Consent", "/Patient"):
        parameter = "identifier" if path == "/Patient" else "patient.identifier"
        params = {} if machine in path else {parameter: demo.ins("adult")}
        assert demo.call("author-doctor", "GET", path, params=params).status_code == 200
    assert demo.call(PATIENT, "GET", "/Patient", params={"identifier": demo.ins("adult")}).status_code == 200
    assert demo.label("author-doctor", demo.publish("author-doctor", "adult")["id"], "MASQUE_PS").status_code == 200
    assert demo.call("unauthorised-doctor", "GET", f"/DocumentReference/{machine}").status_code == 403
    events = _events(_bundle(demo, TREATING, _count="60"))
    succeeded = [event for event in events if event["outcome"] == "0"]
    assert [(_act(event), faults(event)) for event in succeeded if faults(event)] == []
    acts = {"publish", "replace", "read", "retrieve", "mask", "check", "read-consent", "list-authorisations"}
    assert acts <= {_act(event) for event in succeeded}
    model = get_fhir_model_class("AuditEvent")
    for event in events:
        model.model_validate(event)
        assert ("meta" in event) is (event["outcome"] == "0"), "the pattern is that of a success"


def test_an_id_of_a_request_that_names_a_patient_is_replaced(demo: RunningDemo) -> None:
    """It is logged and given back: nobody's matricule may stand there."""
    ins = demo.patients["adult"]["value"]
    for given in (ins, f"req-{ins}", f"1{ins}.7"):
        answer = demo.call("", "GET", "/metadata", headers={"X-Request-Id": given})
        assert ins not in answer.headers["X-Request-Id"]
    kept = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert demo.call("", "GET", "/metadata", headers={"X-Request-Id": kept}).headers["X-Request-Id"] == kept

"""The statements kept here, over HTTP: create, read, search, change, withdraw, history, and who may know of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from fhir.resources.R4B import get_fhir_model_class

from tests.consent.conftest import Statement
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of

CHANNEL, CASE = "urn:dmp-facade:information-channel", "urn:dmp-facade:information-case"
NON_OPPOSITION = "urn:dmp-facade:non-opposition"
LOCAL = "opposition-feeding,opposition-consultation,information-given"


def put(
    demo: RunningDemo, persona: str, resource: dict[str, Any], if_match: str = "", path: str = ""
) -> requests.Response:
    headers = {"Content-Type": FHIR_JSON} | ({"If-Match": if_match} if if_match else {})
    address = path or f"/Consent/{resource['id']}"
    return demo.call(persona, "PUT", address, data=json.dumps(resource), headers=headers)


def found(demo: RunningDemo, persona: str, patient: str, **params: str) -> list[dict[str, Any]]:
    query = {"patient.identifier": demo.ins(patient), "category": LOCAL, **params}
    answer = demo.call(persona, "GET", "/Consent", params=query)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def information(channel: str, case: str = "1") -> list[dict[str, str]]:
    return [{"url": CHANNEL, "valueCode": channel}, {"url": CASE, "valueCode": case}]


def said(resource: dict[str, Any]) -> dict[str, Any]:
    return {each["url"]: next(value for name, value in each.items() if name != "url") for each in resource["extension"]}


@pytest.fixture
def opposition(untouched: RunningDemo, statement: Statement) -> dict[str, Any]:
    answer = untouched.post("nurse", "/Consent", statement(untouched, "absent", "opposition-feeding"))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("category", ["opposition-feeding", "information-given"])
def test_a_repeated_statement_is_recorded_once_for_its_key_and_caller(
    untouched: RunningDemo, statement: Statement, category: str
) -> None:
    extension = {"extension": information("letter")} if category == "information-given" else {}
    given = statement(untouched, "absent", category, **extension)
    before, key = len(found(untouched, "nurse", "absent")), f"key-{category}"
    first, second = (untouched.post("nurse", "/Consent", given, Idempotency_Key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201), second.text
    assert first.json() == second.json()
    another = statement(untouched, "minor", category, **extension)
    refused = untouched.post("nurse", "/Consent", another, Idempotency_Key=key)
    assert (refused.status_code, codes_of(refused)) == (422, ["publication.idempotency-mismatch"])
    theirs = untouched.post("structure", "/Consent", given, Idempotency_Key=key)
    assert theirs.json()["id"] != first.json()["id"]
    assert len(found(untouched, "nurse", "absent")) == before + 2


def test_a_statement_comes_back_with_an_address_and_a_version(untouched: RunningDemo, statement: Statement) -> None:
    sent = len(untouched.log())
    given = statement(untouched, "absent", "opposition-feeding")
    given["category"][0]["coding"][0].pop("system")
    made = untouched.post("structure", "/Consent", given)
    assert (made.status_code, made.headers["ETag"]) == (201, 'W/"1"')
    read = untouched.call("nurse", "GET", made.headers["Location"])
    assert (read.status_code, read.headers["ETag"]) == (200, 'W/"1"')
    assert read.json() == made.json()
    assert made.json()["category"] == [
        {"coding": [{"system": "urn:dmp-facade:consent-category", "code": "opposition-feeding"}]}
    ]
    get_fhir_model_class("Consent").model_validate(made.json())
    assert len(untouched.log()) == sent, "a statement kept here needs no DMP"


def test_minimal_is_minimal(untouched: RunningDemo, statement: Statement) -> None:
    given = statement(untouched, "absent", "opposition-feeding")
    headers = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
    made = untouched.call("nurse", "POST", "/Consent", data=json.dumps(given), headers=headers)
    assert (made.status_code, made.content, made.headers["ETag"]) == (201, b"", 'W/"1"')


def test_it_is_found_by_patient_category_status_and_id(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    demo, own = untouched, opposition["id"]

    def ids(**params: str) -> list[str]:
        return [each["id"] for each in found(demo, "nurse", "absent", **params)]

    assert own in ids()
    assert ids(_id=own) == [own]
    assert ids(_id=f"{own},other", status="active", category="urn:any|opposition-feeding") == [own]
    assert ids(_id=own, status="inactive") == []
    assert ids(_id=own, category="opposition-consultation") == []
    query = {"patient": opposition["patient"]["reference"], "_id": own, "category": "opposition-feeding"}
    by_reference = demo.call("nurse", "GET", "/Consent", params=query).json()
    by_post = demo.call("nurse", "POST", "/Consent/_search", data=query).json()
    assert by_reference["total"] == 1
    assert by_reference["entry"][0]["fullUrl"] == f"{demo.fhir}/Consent/{own}"
    assert by_post == by_reference
    assert demo.patients["absent"]["value"] not in by_reference["link"][0]["url"]


def test_pages_add_up_to_the_whole(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    del opposition
    every = [each["id"] for each in found(untouched, "nurse", "absent")]
    query = {"patient.identifier": untouched.ins("absent"), "category": LOCAL, "_count": "1"}
    url: str | None = f"{untouched.fhir}/Consent"
    paged: list[str] = []
    while url:
        bundle = untouched.call("nurse", "GET", url, params=query if not paged else None).json()
        assert bundle["total"] == len(every)
        paged += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert paged == every


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "search.patient-missing"),
        ({"patient": "Patient/unknown"}, 400, "search.patient-unknown"),
        ({"patient.identifier": "adult", "category": "nonsense"}, 400, "search.value"),
        ({"patient.identifier": "adult", "status": "draft"}, 400, "search.value"),
        ({"patient.identifier": "adult", "_count": "-1"}, 400, "search.value"),
        ({"patient.identifier": "adult", "status:not": "active"}, 400, "search.modifier-unsupported"),
    ],
)
def test_a_search_that_means_nothing_is_refused(
    untouched: RunningDemo, params: dict[str, str], status: int, code: str
) -> None:
    given = {name: untouched.ins(value) if name == "patient.identifier" else value for name, value in params.items()}
    answer = untouched.call("nurse", "GET", "/Consent", params=given)
    assert (answer.status_code, codes_of(answer)) == (status, [code])


def test_two_patients_in_one_search_are_refused(untouched: RunningDemo) -> None:
    query = [("patient.identifier", untouched.ins("adult")), ("patient.identifier", untouched.ins("minor"))]
    answer = untouched.call("nurse", "GET", "/Consent", params=query)
    assert (answer.status_code, codes_of(answer)) == (400, ["search.patient-several"])


def test_an_unknown_parameter_is_ignored_and_said_so_or_refused(untouched: RunningDemo) -> None:
    query = {"patient.identifier": untouched.ins("absent"), "category": LOCAL, "period": "2026"}
    lenient = untouched.call("nurse", "GET", "/Consent", params=query)
    assert codes_of_last(lenient) == ["search.parameter-ignored"]
    strict = untouched.call("nurse", "GET", "/Consent", params=query, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, codes_of(strict)) == (400, ["search.parameter-unknown"])


def codes_of_last(answer: requests.Response) -> list[str]:
    issues = answer.json()["entry"][-1]["resource"]["issue"]
    return [issue["details"]["coding"][0]["code"] for issue in issues]


def test_every_change_is_a_version_that_stays_readable(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    demo, path = untouched, f"/Consent/{opposition['id']}"
    inactive = put(demo, "nurse", opposition | {"status": "inactive"}, 'W/"1"')
    assert (inactive.status_code, inactive.headers["ETag"], inactive.json()["status"]) == (200, 'W/"2"', "inactive")
    again = put(demo, "author-doctor", opposition, 'W/"2"')
    assert (again.headers["ETag"], again.json()["status"]) == ('W/"3"', "active")
    gone = demo.call("nurse", "DELETE", path, headers={"If-Match": 'W/"3"'})
    assert (gone.status_code, gone.headers["ETag"], gone.json()["status"]) == (200, 'W/"4"', "inactive")
    history = demo.call("nurse", "GET", f"{path}/_history").json()
    get_fhir_model_class("Bundle").model_validate(history)
    versions = [(each["resource"]["meta"]["versionId"], each["resource"]["status"]) for each in history["entry"]]
    assert versions == [("4", "inactive"), ("3", "active"), ("2", "inactive"), ("1", "active")]
    assert [each["request"]["method"] for each in history["entry"]] == ["PUT", "PUT", "PUT", "POST"]
    first = demo.call("nurse", "GET", f"{path}/_history/1")
    assert (first.headers["ETag"], first.json()) == ('W/"1"', history["entry"][-1]["resource"])
    for unknown in ("9", "0", "x", "99999999999999999999"):
        answer = demo.call("nurse", "GET", f"{path}/_history/{unknown}")
        assert (answer.status_code, codes_of(answer)) == (404, ["resource.unknown"])


def test_withdrawing_twice_is_withdrawing_once(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    path = f"/Consent/{opposition['id']}"
    answers = [untouched.call("nurse", "DELETE", path) for _ in range(2)]
    assert [(answer.status_code, answer.headers["ETag"]) for answer in answers] == [(200, 'W/"2"')] * 2


def test_an_outdated_version_changes_nothing(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    put(untouched, "nurse", opposition, 'W/"1"')
    for answer in (
        put(untouched, "nurse", opposition | {"status": "inactive"}, 'W/"1"'),
        untouched.call("nurse", "DELETE", f"/Consent/{opposition['id']}", headers={"If-Match": 'W/"1"'}),
    ):
        assert (answer.status_code, codes_of(answer)) == (412, ["consent.version-conflict"])
    assert put(untouched, "nurse", opposition, "2").status_code == 400
    read = untouched.call("nurse", "GET", f"/Consent/{opposition['id']}")
    assert (read.headers["ETag"], read.json()["status"]) == ('W/"2"', "active")


def test_of_many_changes_at_once_one_wins(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: put(untouched, "nurse", opposition, 'W/"1"').status_code, range(6)))
    assert sorted(answers) == [200, 412, 412, 412, 412, 412]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"category": [{"coding": [{"code": "opposition-consultation"}]}]}, "consent.subject-changed"),
        ({"id": "another-id"}, "consent.id-mismatch"),
        ({"organization": "elsewhere"}, "consent.structure"),
        ({"provision": {"type": "permit"}}, "consent.provision"),
        ({"dateTime": "in the morning"}, "consent.time"),
        ({"status": "entered-in-error"}, "consent.status"),
    ],
)
def test_what_a_statement_is_about_never_changes(
    untouched: RunningDemo, opposition: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    if "organization" in change:
        elsewhere = {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1999999999"}
        change = {"organization": [{"identifier": elsewhere}]}
    answer = put(untouched, "nurse", opposition | change, path=f"/Consent/{opposition['id']}")
    assert codes_of(answer) == [code], answer.text
    assert untouched.call("nurse", "GET", f"/Consent/{opposition['id']}").headers["ETag"] == 'W/"1"'


def test_nor_does_its_patient(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    other = opposition | {"patient": {"identifier": untouched.patients["closed"]}}
    assert codes_of(put(untouched, "nurse", other)) == ["consent.subject-changed"]


def test_a_statement_of_another_structure_does_not_exist(untouched: RunningDemo, opposition: dict[str, Any]) -> None:
    demo, own = untouched, opposition["id"]
    assert own not in [each["id"] for each in found(demo, "other-doctor", "absent")]
    unknown = "00000000-0000-4000-8000-000000000000"
    for method, suffix in (("GET", ""), ("GET", "/_history"), ("GET", "/_history/1"), ("DELETE", ""), ("PUT", "")):
        answers = []
        for consent_id in (own, unknown):
            body = json.dumps(opposition | {"id": consent_id}) if method == "PUT" else None
            headers = {"Content-Type": FHIR_JSON, "X-Request-Id": "the-same-for-both"}
            address = f"/Consent/{consent_id}{suffix}"
            answers.append(demo.call("other-doctor", method, address, data=body, headers=headers))
        seen = [(each.status_code, each.content, sorted(each.headers)) for each in answers]
        assert seen[0] == seen[1], (method, suffix)
        assert seen[0][0] == 404
    assert demo.call("nurse", "GET", f"/Consent/{own}").headers["ETag"] == 'W/"1"'


def test_a_patient_reads_those_of_every_structure_and_nobody_elses(
    untouched: RunningDemo, statement: Statement
) -> None:
    demo = untouched
    given = statement(demo, "adult", "information-given", extension=information("face-to-face"))
    made = [demo.post(persona, "/Consent", given).json()["id"] for persona in ("nurse", "other-doctor")]
    assert set(made) <= {each["id"] for each in found(demo, "patient-adult", "adult")}
    assert demo.call("patient-adult", "GET", f"/Consent/{made[0]}").status_code == 200
    assert demo.call("patient-minor", "GET", f"/Consent/{made[0]}").status_code == 404
    refused = demo.post("patient-adult", "/Consent", statement(demo, "adult", "opposition-feeding"))
    assert refused.status_code == 403, "what a patient states to a structure is recorded by the structure"


def test_information_is_recorded_with_case_channel_and_time(untouched: RunningDemo, statement: Statement) -> None:
    when = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    given = statement(
        untouched, "closed", "information-given", extension=information("telephone", "2"), dateTime=when.isoformat()
    )
    made = untouched.post("nurse", "/Consent", given).json()
    assert datetime.fromisoformat(made["dateTime"]) == when
    assert said(made) == {CHANNEL: "telephone", CASE: "2", NON_OPPOSITION: True}


@pytest.mark.parametrize(
    ("extension", "more", "code"),
    [
        ([], {}, "consent.channel-required"),
        (information("letter") * 2, {}, "consent.channel"),
        ([{"url": CHANNEL, "valueCode": "1"}], {}, "consent.channel"),
        (information("letter", "letter"), {}, "consent.case-unknown"),
        (information("letter"), {"dateTime": "2099-01-01T00:00:00Z"}, "consent.time-future"),
        (information("letter"), {"dateTime": "2026-01-01"}, "consent.time"),
        (information("letter"), {"provision": {"type": "deny"}}, "consent.provision"),
    ],
)
def test_information_that_cannot_be_so_is_refused(
    untouched: RunningDemo, statement: Statement, extension: list[Any], more: dict[str, Any], code: str
) -> None:
    changes = more | ({"extension": extension} if extension else {})
    answer = untouched.post("nurse", "/Consent", statement(untouched, "closed", "information-given", **changes))
    assert answer.status_code == 422
    assert code in codes_of(answer), answer.text


def test_a_letter_is_not_yet_non_opposition(untouched: RunningDemo, statement: Statement) -> None:
    demo = untouched

    def inform(channel: str, days_ago: int, persona: str = "nurse") -> dict[str, Any]:
        when = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")
        given = statement(demo, "closed", "information-given", extension=information(channel), dateTime=when)
        answer = demo.post(persona, "/Consent", given)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def acquired(made: dict[str, Any]) -> Any:
        return said(demo.call("nurse", "GET", f"/Consent/{made['id']}").json()).get(NON_OPPOSITION)

    letter = inform("letter", 400)
    assert said(letter)[NON_OPPOSITION] is False, "however long ago"
    inform("telephone", 500)
    assert acquired(letter) is False, "an earlier contact says nothing about a later letter"
    inform("face-to-face", 0, "other-doctor")
    assert acquired(letter) is False, "another structure's contact is not this one's"
    contact = inform("telephone", 1)
    assert acquired(letter) is True
    opposed = demo.post("nurse", "/Consent", statement(demo, "closed", "opposition-feeding")).json()
    assert (acquired(letter), acquired(contact)) == (False, False)
    demo.call("nurse", "DELETE", f"/Consent/{opposed['id']}")
    assert acquired(letter) is True
    demo.call("nurse", "DELETE", f"/Consent/{contact['id']}")
    assert acquired(letter) is False
    assert acquired(contact) is None, "a withdrawn information says nothing"
    assert put(demo, "nurse", letter | {"extension": information("face-to-face")}).status_code == 200
    assert acquired(letter) is True


@pytest.mark.parametrize("params", [{"_summary": "count"}, {"_count": "0"}], ids=str)
def test_a_total_alone_has_no_page(untouched: RunningDemo, opposition: dict[str, Any], params: dict[str, str]) -> None:
    query = {"patient.identifier": untouched.ins("absent"), "category": LOCAL, **params}
    bundle = untouched.call("nurse", "GET", "/Consent", params=query).json()
    assert bundle["total"] == len(found(untouched, "nurse", "absent", _count="200")) > 0
    assert "entry" not in bundle
    assert [link["relation"] for link in bundle["link"]] == ["self"]

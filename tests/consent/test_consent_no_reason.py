"""EXI 02 as a property: a sentence put anywhere into a valid Consent is refused or forgotten, and never comes back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade import knowledge
from facade.domain.errors import InvalidInput
from facade.translation import fhir_xml
from facade.translation.consent_in import check_consent
from facade.translation.consent_tables import ConsentTables
from tests.consent.conftest import SCOPE, Statement
from tests.support.demo import FHIR_JSON, RunningDemo

TABLES = ConsentTables.from_rows(knowledge.rows)
Path = tuple[str | int, ...]
CODING = {"system": "urn:dmp-facade:consent-category", "code": "opposition-consultation"}
ACTOR = {
    "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]},
    "reference": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700000047"}},
}
FULL: dict[str, Any] = {
    "resourceType": "Consent",
    "id": "some-id",
    "meta": {"versionId": "1", "lastUpdated": "2026-11-22T09:30:00Z", "profile": ["urn:dmp-facade:consent"]},
    "language": "fr",
    "status": "active",
    "scope": SCOPE,
    "category": [{"coding": [CODING | {"display": "Opposition à la consultation"}]}],
    "patient": {"type": "Patient", "identifier": {"use": "official"}},
    "dateTime": "2026-11-22T09:30:00Z",
    "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
    "provision": {"type": "deny", "actor": [ACTOR]},
}
INFORMED: dict[str, Any] = {
    name: value for name, value in FULL.items() if name not in ("provision", "policyRule", "dateTime")
} | {
    "category": [{"coding": [CODING | {"code": "information-given"}]}],
    "extension": [
        {"url": "urn:dmp-facade:information-channel", "valueCode": "face-to-face"},
        {"url": "urn:dmp-facade:information-case", "valueCode": "1"},
        {"url": "urn:dmp-facade:non-opposition", "valueBoolean": True},
    ],
}
# Elements of FHIR that hold prose, or could; ``{}`` stands for the sentence.
ADDITIONS: tuple[dict[str, Any], ...] = (
    {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'}},
    {"text": "{}"},
    {"display": "{}"},
    {"note": [{"text": "{}"}]},
    {"id": "{}"},
    {"extension": [{"url": "urn:x", "valueString": "{}"}]},
    {"extension": [{"url": "urn:dmp-facade:information-channel", "valueString": "{}"}]},
    {"extension": [{"url": "urn:x:{}", "valueBoolean": True}]},
    {"modifierExtension": [{"url": "urn:x", "valueString": "{}"}]},
    {"_status": {"extension": [{"url": "urn:x", "valueString": "{}"}]}},
    {"contained": [{"resourceType": "Basic", "id": "x", "code": {"text": "{}"}}]},
    {"sourceAttachment": {"contentType": "text/plain", "title": "{}"}},
    {"identifier": [{"system": "urn:x", "value": "{}"}]},
    {"verification": [{"verified": True, "verifiedWith": {"display": "{}"}}]},
    {"policy": [{"uri": "urn:{}"}]},
    {"organization": [{"display": "{}"}]},
    {"performer": [{"display": "{}"}]},
    {"code": [{"text": "{}"}]},
    {"securityLabel": [{"system": "urn:x", "code": "{}"}]},
    {"period": {"start": "{}"}},
    {"provision": [{"code": [{"text": "{}"}]}]},
    {"version": "{}"},
    {"assigner": {"display": "{}"}},
    {"implicitRules": "urn:{}"},
    {"{}": "x"},
    {"{}": {"{}": ["{}"]}},
)
TAILS = ("", " ne veut pas que sa famille le sache", "-ne-veut-pas", "/ne.veut%20pas", "\n", "é")


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from places(inner, (*path, position))


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def filled(template: Any, sentence: str) -> Any:
    if isinstance(template, str):
        return template.replace("{}", sentence)
    if isinstance(template, dict):
        return {filled(name, sentence): filled(inner, sentence) for name, inner in template.items()}
    return [filled(inner, sentence) for inner in template] if isinstance(template, list) else template


@st.composite
def hidden_sentences(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A valid Consent with a sentence in one place of it, and the word of that sentence to look for."""
    base = draw(st.sampled_from([FULL, INFORMED]))
    word = "Zq" + draw(st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=8))
    sentence = word + draw(st.sampled_from(TAILS))
    resource = copy.deepcopy(base)
    path = draw(st.sampled_from([place for place in places(base) if place]))
    target, parent, last = at(resource, path), at(resource, path[:-1]), path[-1]
    if isinstance(target, dict) and draw(st.booleans()):
        target.update(filled(draw(st.sampled_from(ADDITIONS)), sentence))
    elif isinstance(target, list):
        target.insert(draw(st.integers(0, len(target))), draw(st.sampled_from([sentence, {"text": sentence}])))
    elif isinstance(target, str):
        parent[last] = draw(st.sampled_from([sentence, target + sentence, sentence + target, f"{target} {sentence}"]))
    else:
        parent[last] = draw(st.sampled_from([sentence, [sentence], {"value": sentence}]))
    if draw(st.booleans()):
        resource.update(filled(draw(st.sampled_from(ADDITIONS)), sentence))
    return word, resource


@given(hidden=hidden_sentences())
@settings(max_examples=600, deadline=None)
def test_a_refusal_repeats_nothing(hidden: tuple[str, dict[str, Any]]) -> None:
    word, resource = hidden
    try:
        check_consent(resource, TABLES)
    except InvalidInput as error:
        problems = error.problems
    else:
        return
    told = repr([(problem.code, problem.expression, dict(problem.values)) for problem in problems])
    assert word.lower() not in told.lower()


def kept_by(demo: RunningDemo) -> bytes:
    """Every byte the facade and the embedded DMP wrote: database with its journals, logs."""
    files = [*demo.data.glob("facade.db*"), demo.data / "facade.log", demo.dmp_log]
    assert len(files) >= 3
    return b"".join(path.read_bytes() for path in files).lower()


@given(hidden=hidden_sentences())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_place_of_a_consent_keeps_or_repeats_a_sentence(
    consent_demo: RunningDemo, hidden: tuple[str, dict[str, Any]]
) -> None:
    word, resource = hidden
    patient = resource.get("patient")
    if isinstance(patient, dict) and isinstance(patient.get("identifier"), dict):
        patient["identifier"] = consent_demo.patients["absent"] | patient["identifier"]
    sent = {"Content-Type": FHIR_JSON}
    answer = consent_demo.call("nurse", "POST", "/Consent", data=json.dumps(resource), headers=sent)
    assert answer.status_code in (201, 400, 422), answer.text
    assert word.lower() not in (answer.text + repr(answer.headers)).lower()
    assert word.lower().encode() not in kept_by(consent_demo)
    if answer.status_code == 201:
        read = consent_demo.call("nurse", "GET", answer.headers["Location"] + "/_history")
        assert word.lower() not in read.text.lower()


@pytest.mark.parametrize("base", [FULL, INFORMED], ids=["opposition", "information"])
def test_without_a_sentence_these_are_accepted(consent_demo: RunningDemo, base: dict[str, Any]) -> None:
    resource = copy.deepcopy(base)
    resource["patient"]["identifier"] |= consent_demo.patients["absent"]
    answer = consent_demo.post("nurse", "/Consent", resource)
    assert answer.status_code == 201, answer.text
    again = answer.json()
    changed = consent_demo.call(
        "nurse", "PUT", f"/Consent/{again['id']}", data=json.dumps(again), headers={"Content-Type": FHIR_JSON}
    )
    assert changed.status_code == 200, "what was given back can be sent again as it is"


@pytest.mark.parametrize(
    ("place", "named", "code"),
    [
        ({"text": {"status": "generated", "div": "<div>x</div>"}}, "Consent.text", "consent.free-text"),
        ({"sourceAttachment": {"title": "x"}}, "Consent.sourceAttachment", "consent.free-text"),
        ({"provision": {"code": [{"text": "x"}]}}, "Consent.provision.code", "consent.free-text"),
        ({"provision": {"period": {"start": "2026"}}}, "Consent.provision.period", "consent.element"),
        ({"patient": {"display": "x"}}, "Consent.patient.display", "consent.free-text"),
        ({"not-of-fhir": "x"}, "Consent", "consent.free-text"),
        ({"extension": [{"url": "urn:x", "valueString": "x"}]}, "Consent.extension[0].url", "consent.free-text"),
    ],
)
def test_the_refusal_names_the_element(place: dict[str, Any], named: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_consent(copy.deepcopy(FULL) | place, TABLES)
    assert (code, (named,)) in [(problem.code, problem.expression) for problem in refused.value.problems]


@pytest.mark.parametrize(
    "sentence",
    [
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">Zqmotif</div></text>',
        '<status value="active"><extension url="urn:x"><valueString value="Zqmotif"/></extension></status>',
        '<Zqmotif value="x"/>',
    ],
)
def test_xml_hides_nothing_either(consent_demo: RunningDemo, statement: Statement, sentence: str) -> None:
    document = fhir_xml.from_dict(statement(consent_demo, "absent", "opposition-feeding")).decode()
    if sentence.startswith("<status"):
        document = document.replace('<status value="active"/>', sentence)
    else:
        document = document.replace("<status", sentence + "<status", 1)
    assert "Zqmotif" in document
    headers = {"Content-Type": "application/fhir+xml"}
    answer = consent_demo.call("nurse", "POST", "/Consent", data=document.encode(), headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert "Zqmotif" not in answer.text
    assert b"zqmotif" not in kept_by(consent_demo)


def test_a_comment_of_xml_is_a_place_too(consent_demo: RunningDemo, statement: Statement) -> None:
    document = fhir_xml.from_dict(statement(consent_demo, "absent", "opposition-feeding")).decode()
    headers = {"Content-Type": "application/fhir+xml"}
    plain = consent_demo.call("nurse", "POST", "/Consent", data=document.encode(), headers=headers)
    assert plain.status_code == 201, plain.text
    commented = document.replace("<status", "<!-- Zqcommentaire --><status", 1)
    answer = consent_demo.call("nurse", "POST", "/Consent", data=commented.encode(), headers=headers)
    assert answer.status_code == 422, answer.text
    assert b"zqcommentaire" not in answer.content.lower() + kept_by(consent_demo)


def test_the_resource_type_is_not_repeated(consent_demo: RunningDemo) -> None:
    answer = consent_demo.post("nurse", "/Consent", {"resourceType": "Zqmotif de refus"})
    assert answer.status_code == 400
    assert "Zqmotif" not in answer.text


# Each with a word of its own: what one lets through must not fail the others.
AROUND: dict[str, dict[str, str]] = {
    "Zqmotif": {"Purpose-Of-Use-Reason": "Zqmotif"},
    "Zqurgence": {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "Zqurgence"},
    "Zqcorrelation": {"X-Request-Id": "Zqcorrelation-ne-veut-pas"},
    "Zqreste": {"Idempotency-Key": "Zqreste", "Prefer": "Zqreste", "traceparent": "Zqreste", "User-Agent": "Zqreste"},
}


@pytest.mark.parametrize("word", AROUND)
def test_no_header_keeps_a_sentence_either(consent_demo: RunningDemo, statement: Statement, word: str) -> None:
    demo, headers = consent_demo, AROUND[word]
    sent = {"Content-Type": FHIR_JSON, **headers}
    body = json.dumps(statement(demo, "absent", "opposition-feeding"))
    made = demo.call("nurse", "POST", f"/Consent?note={word}", data=body, headers=sent)
    assert made.status_code == 201, made.text
    address = f"/Consent/{made.json()['id']}"
    changed = demo.call("nurse", "PUT", address, data=json.dumps(made.json()), headers=sent)
    refused = demo.call("nurse", "PUT", address, data=body, headers=sent)
    withdrawn = demo.call("nurse", "DELETE", address, headers=headers)
    assert [each.status_code for each in (changed, refused, withdrawn)] == [200, 400, 200]
    assert word.lower().encode() not in kept_by(demo)


def test_an_opaque_request_id_of_a_consent_is_given_back(consent_demo: RunningDemo, statement: Statement) -> None:
    given = "0af7651916cd43dd8448eb211c80319c"
    made = consent_demo.post(
        "nurse", "/Consent", statement(consent_demo, "absent", "opposition-feeding"), X_Request_Id=given
    )
    assert (made.status_code, made.headers["X-Request-Id"]) == (201, given)

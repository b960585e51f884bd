"""PATCH and DELETE: both formats, each flag, archive, withdrawal, ETag, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from facade.translation import fhir_xml
from tests.support.api import URI, Resource, TraceBook, flags_of, matches, transactions, valid
from tests.support.demo import FHIR_JSON, JSON_PATCH, LEVELS, MASKS, RunningDemo, codes_of, ids_of

WRITER, READER = "author-doctor", "nurse"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
ARCHIVED, DELETED = f"{PDSM}/pdsm-ext-is-archived", f"{PDSM}/pdsm-ext-is-deleted"
FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
NORMAL = {"coding": [{"system": LEVELS, "code": "N", "display": "normal"}]}
Patch = list[dict[str, Any]] | Resource


def _patch(
    demo: RunningDemo, document: str, body: Any, media_type: str = JSON_PATCH, who: str = WRITER, **headers: str
) -> requests.Response:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    sent = {"Content-Type": media_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return demo.call(who, "PATCH", f"/DocumentReference/{document}", data=data, headers=sent)


def _flag(code: str) -> Resource:
    return {"coding": [{"system": MASKS, "code": code}]}


def _operation(kind: str, path: str, **parts: Any) -> Resource:
    given: list[Resource] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    given += [{"name": name, **value} for name, value in parts.items()]
    return {"name": "operation", "part": given}


def _fhirpath(*operations: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(operations)}


def _add_label(code: str) -> Resource:
    value = {"valueCodeableConcept": _flag(code)}
    return _operation("add", "DocumentReference", name={"valueString": "securityLabel"}, value=value)


def _remove_label(code: str) -> Resource:
    return _operation("delete", f"DocumentReference.securityLabel.where(coding.code = '{code}')")


def _owner(code: str) -> tuple[str, str]:
    return ("minor", WRITER) if code == "INVISIBLE_REPRESENTANTS_LEGAUX" else ("adult", WRITER)


@pytest.mark.parametrize("form", ["JSON Patch", "FHIRPath Patch", "FHIRPath Patch in XML"])
@pytest.mark.parametrize("code", FLAGS)
def test_each_flag_is_set_and_lifted(demo: RunningDemo, code: str, form: str) -> None:
    patient, who = _owner(code)
    document = demo.publish(who, patient)["id"]
    steps: list[tuple[Patch, list[str]]] = [
        ([{"op": "add", "path": "/securityLabel/-", "value": _flag(code)}], ["N", code]),
        ([{"op": "remove", "path": "/securityLabel/1"}], ["N"]),
    ]
    if form != "JSON Patch":
        steps = [(_fhirpath(_add_label(code)), ["N", code]), (_fhirpath(_remove_label(code)), ["N"])]
    for version, (body, expected) in enumerate(steps, start=2):
        if form == "FHIRPath Patch in XML" and isinstance(body, dict):
            answer = _patch(demo, document, fhir_xml.from_dict(body), "application/fhir+xml", who)
        else:
            answer = _patch(demo, document, body, JSON_PATCH if isinstance(body, list) else FHIR_JSON, who)
        updated = valid(answer, "DocumentReference")
        assert (flags_of(updated), updated["id"], answer.headers["ETag"]) == (expected, document, f'W/"{version}"')
        assert flags_of(demo.call(who, "GET", f"/DocumentReference/{document}").json()) == expected


def test_two_flags_at_once_are_one_update_and_two_traces(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    traces, since = TraceBook(demo), len(demo.log())
    assert flags_of(demo.label(WRITER, document, "MASQUE_PS", "INVISIBLE_PATIENT").json())[0] == "N"
    updates = [each for each in transactions(demo, since) if each.startswith("TD3.3")]
    assert len(updates) == 1
    assert sorted(traces.acts()) == [("hide-from-patient", "TD3.3b", "success"), ("mask", "TD3.3a", "success")]


def test_a_refused_flag_refuses_the_whole_patch(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    traces, since = TraceBook(demo), len(demo.log())
    answer = demo.label("patient-adult", document, "MASQUE_PS", "INVISIBLE_PATIENT")
    assert answer.status_code == 403, answer.text
    assert not [each for each in transactions(demo, since) if each.startswith("TD3.3")]
    assert {outcome for _, _, outcome in traces.acts()} == {"refused"}
    assert flags_of(demo.call(WRITER, "GET", f"/DocumentReference/{document}").json()) == ["N"]


# The bodies PDSm4DMP 0.1.0 prints for TD3.3a, b and d.
PDSM4DMP: dict[str, tuple[list[str], Patch, list[str]]] = {
    "TD3.3a mask": ([], [{"op": "replace", "path": "/securityLabel/0", "value": _flag("MASQUE_PS")}], ["N", FLAGS[0]]),
    "TD3.3a unmask": (["MASQUE_PS"], [{"op": "replace", "path": "/securityLabel/0", "value": NORMAL}], ["N"]),
    "TD3.3b hide": ([], [{"op": "replace", "path": "/securityLabel/0", "value": _flag(FLAGS[1])}], ["N", FLAGS[1]]),
    "TD3.3b show": ([FLAGS[1]], [{"op": "replace", "path": "/securityLabel/0", "value": NORMAL}], ["N"]),
}


@pytest.mark.parametrize("example", PDSM4DMP)
def test_the_bodies_of_pdsm4dmp_do_what_they_mean(demo: RunningDemo, example: str) -> None:
    before, body, expected = PDSM4DMP[example]
    document = demo.publish(WRITER, "adult")["id"]
    if before:
        demo.label(WRITER, document, *before)
    assert flags_of(valid(_patch(demo, document, body), "DocumentReference")) == expected


def _archive(value: bool, form: str) -> tuple[Patch, str]:
    if form == "PDSm4DMP":
        path = f"/extension[url:'{ARCHIVED}']/valueBoolean"
        return [{"op": "replace", "path": path, "value": value}], JSON_PATCH
    if form == "JSON Patch":
        extension = {"url": ARCHIVED, "valueBoolean": value}
        return [{"op": "add", "path": "/extension/-", "value": extension}], JSON_PATCH
    path = f"DocumentReference.extension.where(url = '{ARCHIVED}').value"
    return _fhirpath(_operation("replace", path, value={"valueBoolean": value})), FHIR_JSON


@pytest.mark.parametrize("form", ["PDSm4DMP", "JSON Patch", "FHIRPath Patch"])
def test_a_document_is_archived_and_taken_back(demo: RunningDemo, form: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    for archived in (True, False):
        since = len(demo.log())
        updated = valid(_patch(demo, document, *_archive(archived, form)), "DocumentReference")
        assert (updated["status"], updated["extension"]) == ("current", [{"url": ARCHIVED, "valueBoolean": archived}])
        assert "TD3.3d" in transactions(demo, since)
        listed = ids_of(demo.search(READER, "adult", isArchived=str(archived).lower()).json())
        missing = ids_of(demo.search(READER, "adult", isArchived=str(not archived).lower()).json())
        assert (document in listed, document in missing) == (True, False)
        assert document in ids_of(demo.search(READER, "adult").json()), "an archived document is still current"


WITHDRAWAL: Patch = [
    {"op": "replace", "path": "/status", "value": "superseded"},
    {"op": "add", "path": "/extension/-", "value": {"url": DELETED, "valueBoolean": True}},
]


@pytest.mark.parametrize("way", ["PATCH", "DELETE"])
def test_a_withdrawn_document_is_gone_for_everybody(demo: RunningDemo, way: str) -> None:
    document, since = demo.publish(WRITER, "adult")["id"], len(demo.log())
    if way == "PATCH":
        answer = _patch(demo, document, WITHDRAWAL)
    else:
        answer = demo.call(WRITER, "DELETE", f"/DocumentReference/{document}")
    valid(answer, "OperationOutcome")
    assert "TD3.3c" in transactions(demo, since)
    for who in (WRITER, READER, "patient-adult", "treating-doctor"):
        assert not demo.sees(who, "adult", document)
    for status in ("current", "superseded", "current,superseded"):
        assert document not in ids_of(demo.search(READER, "adult", status=status).json())
    again = demo.call(WRITER, "DELETE", f"/DocumentReference/{document}")
    assert (again.status_code, codes_of(again)) == (404, ["document.unknown"])


def test_only_its_author_withdraws(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = demo.call("other-doctor", "DELETE", f"/DocumentReference/{document}")
    assert answer.status_code == 403, answer.text
    assert demo.sees(READER, "adult", document)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([{"op": "replace", "path": "/status", "value": "entered-in-error"}], "patch.delete-incomplete"),
        ([{"op": "replace", "path": "/status", "value": "superseded"}], "patch.delete-incomplete"),
        (
            [{"op": "add", "path": "/extension/-", "value": {"url": DELETED, "valueBoolean": True}}],
            "patch.delete-incomplete",
        ),
        ([{"op": "test", "path": "/status", "value": "superseded"}], "patch.test-failed"),
        ([{"op": "add", "path": "/securityLabel/-", "value": _flag("NO_SUCH")}], "security-label.unknown"),
    ],
)
def test_a_state_that_cannot_be_is_refused_with_422(demo: RunningDemo, body: Patch, code: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = _patch(demo, document, body)
    assert (answer.status_code, codes_of(answer)) == (422, [code])
    assert demo.call(READER, "GET", f"/DocumentReference/{document}").headers["ETag"] == 'W/"1"'


ELEMENTS = ("/description", "/type", "/subject", "/masterIdentifier", "/content/0/attachment/title", "/id")


@pytest.mark.parametrize("path", ELEMENTS)
def test_no_other_element_may_change(demo: RunningDemo, path: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = _patch(demo, document, [{"op": "replace", "path": path, "value": "x"}])
    assert (answer.status_code, codes_of(answer)) == (405, ["patch.element-not-allowed"])
    inside = path.strip("/").replace("/0/", ".").replace("/", ".")
    body = _fhirpath(_operation("replace", f"DocumentReference.{inside}", value={"valueString": "x"}))
    answer = _patch(demo, document, body, FHIR_JSON)
    assert (answer.status_code, codes_of(answer)) == (405, ["patch.element-not-allowed"])


MALFORMED: dict[str, tuple[bytes, str, int, str]] = {
    "no operation": (b"[]", JSON_PATCH, 400, "patch.malformed"),
    "nothing": (b"", JSON_PATCH, 400, "body.not-json"),
    "half of one": (b'[{"op":', JSON_PATCH, 400, "body.not-json"),
    "an object": (b"{}", JSON_PATCH, 400, "patch.malformed"),
    "text": (b'"x"', JSON_PATCH, 400, "patch.malformed"),
    "an unknown operation": (b'[{"op":"move","from":"/status","path":"/status"}]', JSON_PATCH, 400, "patch.malformed"),
    "no value": (b'[{"op":"replace","path":"/status"}]', JSON_PATCH, 400, "patch.malformed"),
    "a path that is none": (
        b'[{"op":"replace","path":"status","value":"current"}]',
        JSON_PATCH,
        400,
        "patch.malformed",
    ),
    "no such label": (b'[{"op":"remove","path":"/securityLabel/7"}]', JSON_PATCH, 400, "patch.malformed"),
    "XML that is not": (b"<Parameters", "application/fhir+xml", 400, "body.not-xml"),
    "a merge patch": (b"{}", "application/merge-patch+json", 415, "patch.media-type"),
    "an XML patch": (b"<diff/>", "application/xml-patch+xml", 415, "patch.media-type"),
}


@pytest.mark.parametrize("mistake", MALFORMED)
def test_a_patch_that_is_none_is_refused_by_name(demo: RunningDemo, mistake: str) -> None:
    data, media_type, status, code = MALFORMED[mistake]
    document = demo.publish(WRITER, "adult")["id"]
    answer = _patch(demo, document, data, media_type)
    assert (answer.status_code, codes_of(answer)) == (status, [code])


def test_the_etag_leads_from_one_version_to_the_next(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    read = demo.call(WRITER, "GET", f"/DocumentReference/{document}")
    first = demo.label(WRITER, document, "MASQUE_PS", If_Match=read.headers["ETag"])
    assert (first.status_code, first.json()["meta"]["versionId"]) == (200, "2")
    stale = demo.label(WRITER, document, If_Match=read.headers["ETag"])
    assert (stale.status_code, codes_of(stale)) == (412, ["version.stale"])
    assert demo.label(WRITER, document, If_Match=first.headers["ETag"]).status_code == 200
    assert demo.label(WRITER, document, "MASQUE_PS", If_Match="*").status_code == 200
    wrong = demo.label(WRITER, document, If_Match="two")
    assert (wrong.status_code, codes_of(wrong)) == (400, ["version.malformed"])
    late = demo.call(WRITER, "DELETE", f"/DocumentReference/{document}", headers={"If-Match": 'W/"1"'})
    assert late.status_code == 412
    retrieved = demo.call(WRITER, "GET", f"/Binary/{document}")
    assert retrieved.headers["ETag"] == 'W/"4"'


def test_a_patch_that_changes_nothing_sends_nothing(demo: RunningDemo) -> None:
    document, since = demo.publish(WRITER, "adult")["id"], len(demo.log())
    answer = demo.label(WRITER, document)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
    assert not [each for each in transactions(demo, since) if each.startswith("TD3.3")]


def test_a_minimal_answer_has_no_body(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    answer = demo.label(WRITER, document, "MASQUE_PS", Prefer="return=minimal")
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, b"", 'W/"2"')


def _conditional(demo: RunningDemo, who: str, code: str, **params: str) -> requests.Response:
    body = json.dumps([{"op": "add", "path": "/securityLabel/-", "value": _flag(code)}])
    return demo.call(who, "PATCH", "/DocumentReference", params=params, data=body, headers={"Content-Type": JSON_PATCH})


@pytest.mark.parametrize("named", [True, False])
def test_a_document_is_patched_by_its_business_identifier(demo: RunningDemo, named: bool) -> None:
    document = demo.publish(WRITER, "adult")
    params = {"identifier": f"{URI}|{document['masterIdentifier']['value']}"}
    if named:
        params["patient.identifier"] = demo.ins("adult")
    updated = valid(_conditional(demo, WRITER, "MASQUE_PS", **params), "DocumentReference")
    assert (updated["id"], flags_of(updated)) == (document["id"], ["N", "MASQUE_PS"])


def test_a_conditional_patch_tells_nothing_of_what_the_caller_may_not_see(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult", securityLabel=[_flag("MASQUE_PS")])
    there = {"identifier": f"{URI}|{document['masterIdentifier']['value']}"}
    nowhere = {"identifier": f"{URI}|urn:oid:2.25.1"}
    for who in ("other-doctor", "unauthorised-doctor", "nurse", "patient-minor", "catalogue-app"):
        answers = [_conditional(demo, who, "INVISIBLE_PATIENT", **params) for params in (there, nowhere)]
        assert [(each.status_code, codes_of(each)) for each in answers] == [(404, ["document.unknown-identifier"])] * 2


def test_a_conditional_patch_without_the_right_to_it_says_so_to_who_sees_the_document(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")
    unique_id = f"{URI}|{document['masterIdentifier']['value']}"
    by_identifier = _conditional(demo, "patient-adult", "INVISIBLE_PATIENT", identifier=unique_id)
    body = [{"op": "add", "path": "/securityLabel/-", "value": _flag("INVISIBLE_PATIENT")}]
    by_address = _patch(demo, document["id"], body, who="patient-adult")
    assert (by_identifier.status_code, codes_of(by_identifier)) == (403, codes_of(by_address))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "patch.condition-missing"),
        ({"identifier": "urn:oid:1.2.3"}, "patch.condition-missing"),
        ({"identifier": "urn:ietf:rfc:3986|http://example.org/1"}, "identifier.not-a-document"),
    ],
)
def test_a_conditional_patch_needs_a_document_identifier(demo: RunningDemo, params: dict[str, str], code: str) -> None:
    answer = _conditional(demo, WRITER, "MASQUE_PS", **params)
    assert (answer.status_code, codes_of(answer)) == (400, [code])


def test_masking_shows_in_every_answer_of_the_masker_only(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    demo.label(WRITER, document, "MASQUE_PS")
    (found,) = matches(demo.search(WRITER, "adult", _id=document))
    assert flags_of(found) == ["N", "MASQUE_PS"]
    assert matches(demo.search(READER, "adult", _id=document)) == []
    assert demo.search(READER, "adult", _id=document, _summary="count").json()["total"] == 0

"""What the server says of itself is what it serves; every resource that leaves is valid FHIR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

import facade
from facade.api.openapi import document
from tests.support.api import application, attachment_of, matches, submission, valid
from tests.support.demo import RunningDemo, pdf

OPENAPI = Path(facade.__file__).parents[1] / "openapi" / "openapi.json"
READER = "treating-doctor"
_METHODS = {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _served() -> dict[str, set[str]]:
    """Resource type -> interactions, read off the routes themselves ('' for the system)."""
    found: dict[str, set[str]] = {}
    for rule in application().url_map.iter_rules():
        parts = rule.rule.removeprefix("/fhir").strip("/").split("/")
        own = rule.rule.startswith("/fhir") and parts[0] not in ("metadata", ".well-known")
        if not own or any(part.startswith("$") for part in parts):
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            found.setdefault(parts[0], set()).add(_interaction(method, parts[1:]))
    return found


def _interaction(method: str, after: list[str]) -> str:
    if "_history" in after:
        return "vread" if after[-1] != "_history" else "history-instance"
    if method == "POST":
        return "search-type" if after == ["_search"] else "create"
    if not after and method == "GET":
        return "search-type"
    return _METHODS[method]


def test_the_capability_statement_says_exactly_what_the_routes_serve(demo: RunningDemo) -> None:
    statement = valid(demo.call("", "GET", "/metadata"), "CapabilityStatement")
    rest = statement["rest"][0]
    said = {each["type"]: {one["code"] for one in each["interaction"]} for each in rest["resource"]}
    served = _served()
    assert served.pop("") == {"create"}
    assert [one["code"] for one in rest["interaction"]] == ["batch", "transaction"]
    assert said == served


def test_the_capability_statement_says_what_a_client_must_know(demo: RunningDemo) -> None:
    statement = demo.call("", "GET", "/metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    assert set(statement["format"]) == {"application/fhir+json", "application/fhir+xml"}
    assert set(statement["patchFormat"]) == {
        "application/fhir+json",
        "application/fhir+xml",
        "application/json-patch+json",
    }
    documents = next(each for each in statement["rest"][0]["resource"] if each["type"] == "DocumentReference")
    assert documents["conditionalUpdate"] is documents["conditionalCreate"] is True
    assert documents["conditionalRead"] == "not-match"
    assert [each["name"] for each in documents["operation"]] == [
        "changes",
        "explain-access",
        "fed",
        "generate-metadata",
        "obligations",
        "send",
        "still-hidden",
    ]
    names = {each["name"] for each in documents["searchParam"]}
    assert {"patient.identifier", "patient", "status", "type", "category", "date", "identifier", "isArchived"} <= names
    assert all(each["documentation"] for each in documents["searchParam"])


VALUES = {
    "date": "2001",
    "creation": "2001",
    "period": "2001",
    "period-start": "2001",
    "period-end": "2001",
    "_lastUpdated": "2001",
    "isArchived": "false",
    "status": "current",
    "type": "11488-4",
    "category": "10",
    "facility": "SA01",
    "setting": "AMBULATOIRE",
    "format": "urn:ihe:iti:xds-sd:pdf:2008",
    "security-label": "N",
    "identifier": "urn:oid:1.2.3",
    "code": "submissionset",
    "designationType": "97",
    "sourceId": "1.2.3",
}


@pytest.mark.parametrize("kind", ["DocumentReference", "List"])
def test_every_parameter_the_capability_statement_names_is_known(demo: RunningDemo, kind: str) -> None:
    statement = demo.call("", "GET", "/metadata").json()
    resource = next(each for each in statement["rest"][0]["resource"] if each["type"] == kind)
    named = [(each["name"], VALUES.get(each["name"], "x")) for each in resource["searchParam"]]
    assert len(named) > 15
    for name, value in [*named, *(("_include", each) for each in resource["searchInclude"])]:
        if name.startswith("patient"):
            continue
        params = {"patient.identifier": demo.ins("adult"), "_count": "0", name: value}
        answer = demo.call(READER, "GET", f"/{kind}", params=params, headers={"Prefer": "handling=strict"})
        assert answer.status_code == 200, (name, answer.text)


MHD_RESPONDER = {
    "DocumentReference": "author.given author.family category creation date event facility format identifier patient "
    "patient.identifier period related security-label setting status type _id",
    "List": "code date identifier patient patient.identifier source.given source.family status designationType "
    "sourceId _id _lastUpdated",
}


@pytest.mark.parametrize("kind", MHD_RESPONDER)
def test_the_parameters_of_an_mhd_document_responder_are_declared(demo: RunningDemo, kind: str) -> None:
    statement = demo.call("", "GET", "/metadata").json()
    resource = next(each for each in statement["rest"][0]["resource"] if each["type"] == kind)
    assert set(MHD_RESPONDER[kind].split()) <= {each["name"] for each in resource["searchParam"]}
    assert not {"since", "known"} & {each["name"] for each in resource["searchParam"]}


def test_the_openapi_document_is_the_one_of_the_code(demo: RunningDemo) -> None:
    generated = document(application())
    assert OPENAPI.read_text(encoding="utf-8") == generated, "run scripts/openapi"
    assert requests.get(f"{demo.root}/openapi.json", timeout=10).text == generated


def test_the_openapi_document_is_valid_and_complete() -> None:
    specification: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
    validate(specification)
    for rule in application().url_map.iter_rules():
        path = rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}")
        operations = specification["paths"][path]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            operation = operations[method.lower()]
            assert operation["summary"], path
            if operation.get("security"):
                assert {"401", "403", "406"} <= set(operation["responses"]), path


def test_the_documentation_is_served_from_here(demo: RunningDemo) -> None:
    page = requests.get(demo.docs, timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text.replace("<!doctype html>", ""), "nothing from another host"
    kinds = {"docs/assets/swagger-ui.css": "text/css", "docs/assets/swagger-ui-bundle.js": "text/javascript"}
    for name, kind in {**kinds, "docs/start.js": "text/javascript"}.items():
        assert name in page.text
        asset = requests.get(f"{demo.root}/{name}", timeout=10)
        assert (asset.status_code, asset.headers["Content-Type"].split(";")[0]) == (200, kind)
    assert "openapi.json" in requests.get(f"{demo.root}/docs/start.js", timeout=10).text
    assert requests.get(f"{demo.docs}/", timeout=10).url == demo.docs, "its links are relative"


@pytest.mark.parametrize(
    "name", ["nothing.js", "%2e%2e/security.py", "%2e%2e%2f%2e%2e%2fsettings.py", "assets/..%2f..%2fx"]
)
def test_only_the_documentation_is_served(demo: RunningDemo, name: str) -> None:
    answer = requests.get(f"{demo.docs}/{name}", timeout=10)
    assert answer.status_code in (401, 404), "401: another address than the documentation's"
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_the_smart_configuration_names_the_issuers(demo: RunningDemo) -> None:
    answer = demo.call("", "GET", "/.well-known/smart-configuration")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    configuration = answer.json()
    assert {each["kind"] for each in configuration["token_issuers"]} == {"professional", "structure", "citizen"}
    assert configuration["capabilities"]
    for each in configuration["token_issuers"]:
        assert requests.get(f"{each['issuer']}/.well-known/openid-configuration", timeout=10).status_code == 200


def test_every_resource_that_leaves_is_valid(demo: RunningDemo) -> None:
    content = pdf()
    created = valid(
        demo.post("author-doctor", "/DocumentReference", demo.document("adult", content)), "DocumentReference", 201
    )
    valid(demo.post("author-doctor", "", submission(demo, "adult")), "Bundle")
    valid(demo.call(READER, "GET", f"/DocumentReference/{created['id']}"), "DocumentReference")
    binary = demo.call(READER, "GET", f"/Binary/{created['id']}", headers={"Accept": "application/fhir+json"})
    assert valid(binary, "Binary")["contentType"] == attachment_of(created)["contentType"]
    valid(demo.call(READER, "GET", "/DocumentReference/none"), "OperationOutcome", 404)
    valid(demo.call("", "GET", "/Patient"), "OperationOutcome", 401)
    valid(demo.label("author-doctor", created["id"], "MASQUE_PS"), "DocumentReference")
    by_patient = {"patient.identifier": demo.ins("adult")}
    for path in ("/DocumentReference", "/Consent", "/AuditEvent"):
        found = demo.call(READER, "GET", path, params={**by_patient, "_count": "50"})
        assert {each["resourceType"] for each in matches(found)} == {path.strip("/")}
    for patient, total, active in (("adult", 1, True), ("closed", 1, False), ("absent", 0, None)):
        found = demo.call(READER, "GET", "/Patient", params={"identifier": demo.ins(patient)})
        assert valid(found, "Bundle")["total"] == total
        assert [each["active"] for each in matches(found)] == ([] if active is None else [active])


def test_a_patient_shows_the_state_of_a_record_and_no_trait(demo: RunningDemo) -> None:
    (found,) = matches(demo.call(READER, "GET", "/Patient", params={"identifier": demo.ins("adult")}))
    assert not {"name", "birthDate", "gender", "telecom", "address", "deceasedBoolean"} & set(found)
    extensions = {each["url"].rpartition("/")[2]: each for each in found["extension"]}
    assert extensions["dmp-medecin-traitant"]["valueBoolean"] is True
    (closed,) = matches(demo.call(READER, "GET", "/Patient", params={"identifier": demo.ins("closed")}))
    closure = next(each for each in closed["extension"] if each["url"].endswith("/dmp-fermeture"))
    assert {"url": "dateFermeture", "valueDate": "2024-02-01"} in closure["extension"]
    posted = demo.call(READER, "POST", "/Patient/_search", data={"identifier": demo.ins("adult")})
    assert matches(posted) == [found]


def test_each_search_parameter_is_defined_and_those_fhir_lacks_are_served(demo: RunningDemo) -> None:
    statement = demo.call("", "GET", "/metadata").json()
    named: dict[str, set[tuple[str, str]]] = {}
    for resource in statement["rest"][0]["resource"]:
        for parameter in resource.get("searchParam", []):
            if "." not in parameter["name"]:
                named.setdefault(parameter["definition"], set()).add((resource["type"], parameter["name"]))
    others = {url: uses for url, uses in named.items() if not url.startswith("http://hl7.org/fhir/")}
    served = {each["url"]: each for each in matches(demo.call("", "GET", "/SearchParameter"))}
    assert served.keys() == others.keys()
    assert {url.rpartition("/")[2] for url in served} >= {"PDSm-isArchived", "DocumentReference-Creation"}
    for url, uses in others.items():
        assert {(base, served[url]["code"]) for base in served[url]["base"]} == uses
        (found,) = matches(demo.call("", "GET", "/SearchParameter", params={"url": url}))
        assert valid(demo.call("", "GET", f"/SearchParameter/{found['id']}"), "SearchParameter") == served[url]


def test_a_parameter_of_an_operation_is_no_search_parameter(demo: RunningDemo) -> None:
    statement = demo.call("", "GET", "/metadata").json()
    consent = next(each for each in statement["rest"][0]["resource"] if each["type"] == "Consent")
    assert "case" not in {each["name"] for each in consent["searchParam"]}


def test_each_operation_is_declared_and_those_of_the_facade_are_defined(demo: RunningDemo) -> None:
    routed = {rule.rule.replace("/<id>/", "/") for rule in application().url_map.iter_rules() if "/$" in rule.rule}
    statement = demo.call("", "GET", "/metadata").json()
    declared = {
        f"/fhir/{resource['type']}/${operation['name']}": operation["definition"]
        for resource in statement["rest"][0]["resource"]
        for operation in resource.get("operation", [])
    }
    assert declared.keys() == routed
    defined = {each["url"]: each for each in matches(demo.call("", "GET", "/OperationDefinition"))}
    assert defined.keys() == {url for url in declared.values() if url.startswith("urn:dmp-facade:")}
    notice = defined["urn:dmp-facade:operation:information-notice"]
    assert [(each["name"], each["use"], each["min"]) for each in notice["parameter"]] == [
        ("case", "in", 1),
        ("return", "out", 1),
    ]
    assert valid(demo.call("", "GET", "/OperationDefinition/information-notice"), "OperationDefinition") == notice

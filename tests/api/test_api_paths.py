"""An address is what it says: an operation or a search is never taken for a resource of that id."""

from __future__ import annotations

import json

import pytest

from facade.api.openapi import document as openapi_document
from tests.support.api import application
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of

WRITER = "author-doctor"
OPERATIONS = {
    "/Consent/$information-notice": {"GET", "HEAD", "OPTIONS"},
    "/Consent/_search": {"POST", "OPTIONS"},
    "/DocumentReference/$still-hidden": {"GET", "HEAD", "OPTIONS"},
    "/DocumentReference/_search": {"POST", "OPTIONS"},
    "/Patient/_search": {"POST", "OPTIONS"},
}


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_methods_of_an_operation_are_its_own(demo: RunningDemo, path: str) -> None:
    answer = demo.call(WRITER, "OPTIONS", path)
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == OPERATIONS[path]
    refused = demo.call(WRITER, "DELETE", path)
    assert (refused.status_code, codes_of(refused)) == (405, ["route.method"])


@pytest.mark.parametrize("name", ["a_b", "$nothing", "%20", "x" * 65, "é"])
@pytest.mark.parametrize("kind", ["DocumentReference", "Binary", "Consent"])
def test_what_is_no_fhir_id_is_no_address(demo: RunningDemo, kind: str, name: str) -> None:
    answer = demo.call(WRITER, "GET", f"/{kind}/{name}")
    assert (answer.status_code, codes_of(answer)) == (404, ["route.not-found"])


@pytest.mark.parametrize("header", ["Connexion-Secrete", "Masking-On-Behalf-Of-Holder"])
def test_a_flag_is_true_or_false_as_documented(demo: RunningDemo, header: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    for value in ("TRUE", "1", "yes"):
        answer = demo.call(WRITER, "GET", f"/DocumentReference/{document}", headers={header: value})
        assert (answer.status_code, codes_of(answer)) == (400, ["header.not-boolean"])
    assert demo.call(WRITER, "GET", f"/DocumentReference/{document}", headers={header: "false"}).status_code == 200


def test_every_refusal_is_documented_as_what_it_is() -> None:
    specification = json.loads(openapi_document(application()))
    for path, operations in specification["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            assert "default" not in operation["responses"], (path, method)
            for status, response in operation["responses"].items():
                if int(status) >= 400 and path.startswith("/fhir"):
                    schema = response["content"][FHIR_JSON]["schema"]
                    assert schema == {"$ref": "#/components/schemas/OperationOutcome"}, (path, status)

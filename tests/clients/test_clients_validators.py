"""What leaves the facade, judged by three that know nothing of it: fhir.resources, npm's fhir, FHIRPath invariants."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhirpathpy import compile as compiled
from fhirpathpy.models import models

from facade.translation import fhir_xml
from tests.support.api import Resource
from tests.support.demo import RunningDemo
from tests.support.node import needs_node, run_node
from tests.support.outbound import inside, outbound

_TABLE = Path(__file__).parent / "invariants.csv"
INVARIANTS = list(csv.DictReader(_TABLE.read_text(encoding="utf-8").splitlines()))
OWN = "urn:dmp-facade:"
_CHOICES_WITH_FALSE = re.compile(r"\.(?:property|input|output)\[\d+\]\.value\[x\]$")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT.*")
KINDS = {
    *("AuditEvent", "Binary", "Bundle", "CapabilityStatement", "CodeSystem", "Consent", "DocumentReference", "List"),
    *(
        "OperationDefinition",
        "OperationOutcome",
        "Parameters",
        "Patient",
        "SearchParameter",
        "StructureDefinition",
        "ValueSet",
    ),
}


@pytest.fixture(scope="module")
def leaving(demo: RunningDemo) -> dict[str, Resource]:
    """Everything that leaves, by where it came from."""
    return outbound(demo)


def test_every_kind_of_resource_is_looked_at(leaving: dict[str, Resource], demo: RunningDemo) -> None:
    kinds = {each["resourceType"] for each in inside(list(leaving.values()))}
    assert kinds >= KINDS
    served = {each["type"] for each in demo.call("", "GET", "/metadata").json()["rest"][0]["resource"]}
    assert kinds >= served, "a kind that is served and never looked at here: add it to tests/support/outbound.py"


def test_the_models_accept_all_of_it(leaving: dict[str, Resource]) -> None:
    for name, resource in leaving.items():
        read = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert read.get_resource_type() == resource["resourceType"], name


@needs_node
def test_another_validator_accepts_all_of_it(leaving: dict[str, Resource]) -> None:
    found = run_node("validate.mjs", list(leaving.values()))
    errors = {
        name: [error for error in each if not _false_taken_for_absent(error)]
        for name, each in zip(leaving, found, strict=True)
    }
    assert {name: each for name, each in errors.items() if each} == {}


def _false_taken_for_absent(error: dict[str, str]) -> bool:
    """fhir 4.12.0 takes a choice element whose value is ``false`` or 0 for an absent one; the models do not."""
    return error["message"] == "Missing property" and bool(_CHOICES_WITH_FALSE.search(error["location"]))


@needs_node
def test_xml_read_by_another_library_says_what_json_says(leaving: dict[str, Resource]) -> None:
    texts = [fhir_xml.from_dict(resource).decode() for resource in leaving.values()]
    for name, read in zip(leaving, run_node("read_xml.mjs", texts), strict=True):
        assert _instants(read) == _instants(leaving[name]), name


def _instants(value: Any) -> Any:
    """The same JSON with its moments as such: one has several spellings (``Z``, ``+00:00``, trailing zeros)."""
    if isinstance(value, dict):
        return {key: _instants(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_instants(inner) for inner in value]
    return datetime.fromisoformat(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else value


@needs_node
def test_the_other_validator_refuses_what_is_wrong(leaving: dict[str, Resource]) -> None:
    document = leaving["documents: read"]
    wrong = [document | {"status": "final"}, document | {"conten": []}, {**document, "content": []}]
    assert all(run_node("validate.mjs", wrong))


@cache
def _invariant(context: str, expression: str) -> Any:
    return compiled(f"{context}.all({expression})", models["r4"])


def _broken(resource: Resource) -> list[str]:
    return [
        f"{row['context']} {row['key']}: {row['expression']} ({row['source']})"
        for row in INVARIANTS
        if row["context"].partition(".")[0] == resource["resourceType"]
        and not (row["key"].startswith("pdsm") and _shortened(resource))
        and _invariant(row["context"], row["expression"])(resource, {"resource": resource}) != [True]
    ]


def _shortened(resource: Resource) -> bool:
    """Whether it says that elements were left out: what PDSm demands of a whole one is not there then."""
    return "SUBSETTED" in {tag["code"] for tag in resource.get("meta", {}).get("tag", [])}


def test_every_invariant_holds(leaving: dict[str, Resource]) -> None:
    broken = {
        (name, each.get("id", ""), problem)
        for name, resource in leaving.items()
        for each in inside(resource)
        for problem in _broken(each)
    }
    assert broken == set()


def test_every_invariant_is_met_by_something_and_can_be_broken(leaving: dict[str, Resource]) -> None:
    kinds = {each["resourceType"] for each in inside(list(leaving.values()))}
    assert {row["context"].partition(".")[0] for row in INVARIANTS} <= kinds
    assert all(row["source"] for row in INVARIANTS)
    document = leaving["documents: read"]
    for name in ("masterIdentifier", "type", "category", "subject", "author", "custodian", "context"):
        assert _broken({key: value for key, value in document.items() if key != name}), name
    listed = leaving["documents: still hidden"]
    assert [each.split()[1] for each in _broken(listed | {"mode": "snapshot"})] == ["lst-3:"]
    statement = leaving["conformance: capabilities"]
    assert {each.split()[1] for each in _broken({**statement, "implementation": {}})} <= {"cpb-14:"}
    assert _broken({key: value for key, value in statement.items() if key != "rest"})


def test_every_code_and_extension_of_the_facade_can_be_looked_up(leaving: dict[str, Resource]) -> None:
    served = {each["url"]: each for each in inside(list(leaving.values())) if each.get("url", "").startswith(OWN)}
    codes = {
        url: {concept["code"] for concept in each["concept"]}
        for url, each in served.items()
        if each["resourceType"] == "CodeSystem"
    }
    for name, resource in leaving.items():
        if name.startswith("conformance"):
            continue
        for system, code in _codings(resource):
            assert code in codes.get(system, set()), (name, system, code)
        for url in _extensions(resource):
            assert served[url]["resourceType"] == "StructureDefinition", (name, url)
    assert len(codes) >= 6


def _codings(value: Any) -> list[tuple[str, str]]:
    """Every (system, code) of the facade's own, wherever it stands."""
    if isinstance(value, dict):
        own = str(value.get("system", "")).startswith(OWN) and "code" in value
        found = [(value["system"], value["code"])] if own else []
        return found + [each for inner in value.values() for each in _codings(inner)]
    return [each for inner in value for each in _codings(inner)] if isinstance(value, list) else []


def _extensions(value: Any) -> list[str]:
    """The URLs of the facade's own extensions, wherever they stand."""
    if isinstance(value, dict):
        here = [each["url"] for each in value.get("extension", []) if each["url"].startswith(OWN)]
        return here + [each for inner in value.values() for each in _extensions(inner)]
    return [each for inner in value for each in _extensions(inner)] if isinstance(value, list) else []

"""What the models let through is closed here; what they refuse comes out with its place and without its value."""

from __future__ import annotations

from typing import Any

import pytest

from facade.domain.errors import InvalidInput
from facade.translation.validation import validate_resource
from tests.support.translation import Json, codes_of, publication


def refused(resource: Json, *expected: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        validate_resource(resource, *expected)
    return error.value


def test_a_publication_is_valid() -> None:
    validate_resource(publication(), "DocumentReference")


@pytest.mark.parametrize("kind", [None, 42, "", "documentreference", "Patient"])
def test_another_type(kind: Any) -> None:
    error = refused({**publication(), "resourceType": kind}, "DocumentReference", "Bundle")
    assert codes_of(error) == ["resource.wrong-type"]
    assert error.problems[0].values["expected"] == "DocumentReference, Bundle"


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"title": "x"}, "fhir.invalid", "DocumentReference.title"),
        ({"content": None}, "fhir.invalid", "DocumentReference.content"),
        (
            {"content": [{"attachment": {"size": "many"}}]},
            "fhir.invalid",
            "DocumentReference.content[0].attachment.size",
        ),
        ({"contained": []}, "fhir.empty-element", "DocumentReference.contained"),
        ({"description": ""}, "fhir.empty-element", "DocumentReference.description"),
        ({"type": {}}, "fhir.empty-element", "DocumentReference.type"),
        ({"category": [None]}, "fhir.empty-element", "DocumentReference.category[0]"),
        ({"description": "a\u0001b"}, "fhir.control-character", "DocumentReference.description"),
        ({"description": "a\ud800b"}, "fhir.control-character", "DocumentReference.description"),
        ({"id": "x" * 65}, "fhir.invalid", "DocumentReference.id"),
        ({"contained": [{"resourceType": "Nonsense"}]}, "resource.wrong-type", "DocumentReference.contained[0]"),
        ({"contained": [{"id": "x"}]}, "resource.wrong-type", "DocumentReference.contained[0]"),
    ],
)
def test_each_gap_of_the_models(changes: Json, code: str, place: str) -> None:
    error = refused(publication(**changes))
    found = [(problem.code, problem.expression[0]) for problem in error.problems]
    assert any(got == code and where.startswith(place) for got, where in found), found


def test_a_null_is_refused_where_a_value_is_meant() -> None:
    resource = publication()
    resource["description"] = None
    assert "fhir.empty-element" in codes_of(refused(resource))


def test_a_null_that_keeps_the_place_of_an_extended_primitive_is_fhir() -> None:
    name = {"given": [None, "Anne"], "_given": [{"extension": [{"url": "http://x", "valueString": "y"}]}, None]}
    validate_resource({"resourceType": "Patient", "name": [name]})


def test_an_unknown_resource_inside_a_bundle() -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {"resourceType": "Nope"}}]}
    error = refused(bundle)
    assert codes_of(error) == ["resource.wrong-type"]
    assert error.problems[0].expression == ("Bundle.entry[0].resource",)


def test_depth_is_bounded() -> None:
    deep: Json = {"url": "http://x", "valueString": "y"}
    for _ in range(60):
        deep = {"url": "http://x", "extension": [deep]}
    assert codes_of(refused(publication(extension=[deep]))) == ["fhir.too-deep"]


def test_no_error_repeats_a_value() -> None:
    resource = publication(subject={"identifier": {"value": 279035121518989}}, author=[{"display": {"a": "SECRET"}}])
    problems = repr(refused(resource).problems)
    assert "279035121518989" not in problems
    assert "SECRET" not in problems

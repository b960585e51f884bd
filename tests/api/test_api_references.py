"""Every way a publication may name its patient leads to the same record, alone or in a lot."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.api import Resource, entry, matches, part, submission, urn, valid
from tests.support.demo import RunningDemo, codes_of, pdf

WRITER, READER = "author-doctor", "nurse"
Naming = Callable[[RunningDemo, Resource], Resource]


def _sealed(demo: RunningDemo) -> str:
    (patient,) = matches(demo.call(WRITER, "GET", "/Patient", params={"identifier": demo.ins("adult")}))
    return f"Patient/{patient['id']}"


def _patient(demo: RunningDemo) -> Resource:
    return {"resourceType": "Patient", "id": "p", "identifier": [demo.patients["adult"]]}


def _contained(demo: RunningDemo, document: Resource) -> Resource:
    document["contained"] = [_patient(demo)]
    return {"reference": "#p"}


WAYS: dict[str, Naming] = {
    "logical": lambda demo, _: {"identifier": demo.patients["adult"]},
    "conditional": lambda demo, _: {"reference": f"Patient?identifier={demo.ins('adult')}"},
    "conditional, encoded": lambda demo, _: {"reference": f"Patient?identifier={quote(demo.ins('adult'))}"},
    "contained": _contained,
    "relative": lambda demo, _: {"reference": _sealed(demo)},
    "absolute": lambda demo, _: {"reference": f"{demo.fhir}/{_sealed(demo)}"},
    "absolute and logical": lambda demo, _: {
        "reference": f"{demo.fhir}/{_sealed(demo)}",
        "identifier": demo.patients["adult"],
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_a_document_finds_its_patient(demo: RunningDemo, way: str) -> None:
    document = demo.document("adult", pdf())
    document["subject"] = WAYS[way](demo, document)
    created = valid(demo.post(WRITER, "/DocumentReference", document), "DocumentReference", 201)
    assert created["subject"]["identifier"] == demo.patients["adult"]
    assert demo.sees(READER, "adult", created["id"])


@pytest.mark.parametrize("way", [*WAYS, "bundled"])
def test_a_lot_finds_its_patient(demo: RunningDemo, way: str) -> None:
    bundle = submission(demo, "adult")
    for kind in ("List", "DocumentReference"):
        resource = part(bundle, kind)["resource"]
        resource["subject"] = {"reference": "urn:uuid:p"} if way == "bundled" else WAYS[way](demo, resource)
    if way == "bundled":
        bundle["entry"].insert(0, entry(_patient(demo), "PUT", "Patient/p", full_url=(name := urn())))
        for kind in ("List", "DocumentReference"):
            part(bundle, kind)["resource"]["subject"] = {"reference": name}
    response = valid(demo.post(WRITER, "", bundle), "Bundle")
    made = [each["response"].get("location", "") for each in response["entry"]]
    (document,) = [each.partition("/")[2] for each in made if each.startswith("DocumentReference/")]
    assert demo.sees(READER, "adult", document)


@pytest.mark.parametrize(
    ("one", "other"), [("contained", "logical"), ("logical", "conditional"), ("conditional", "contained")]
)
def test_a_lot_whose_parts_name_two_patients_is_refused_however_they_do(
    demo: RunningDemo, one: str, other: str
) -> None:
    bundle, since = submission(demo, "adult"), len(demo.log())
    document = part(bundle, "DocumentReference")["resource"]
    document["subject"] = WAYS[one](demo, document)
    lot = part(bundle, "List")["resource"]
    minor = {"identifier": demo.patients["minor"]}
    lot["subject"] = {"reference": f"Patient?identifier={demo.ins('minor')}"} if other == "conditional" else minor
    if other == "contained":
        lot["contained"] = [{"resourceType": "Patient", "id": "m", "identifier": [demo.patients["minor"]]}]
        lot["subject"] = {"reference": "#m"}
    answer = demo.post(WRITER, "", bundle)
    assert (answer.status_code, codes_of(answer)) == (422, ["patient.mismatch"])
    assert len(demo.log()) == since

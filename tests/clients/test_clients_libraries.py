"""The FHIR clients applications are written with, as they are: fhirpy, fhirclient (SMART), fhir-kit-client.

None knows of the DMP: each publishes, searches, pages, reads and changes a document over plain FHIR with a token.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.documentreference import DocumentReference
from fhirclient.server import FHIRNotFoundException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from fhirpy.base.searchset import Raw

from tests.support.api import Resource, flags_of
from tests.support.demo import LEVELS, MASKS, RunningDemo, ids_of, pdf
from tests.support.node import needs_node, run_node

WRITER = "author-doctor"
LABELS = [{"coding": [{"system": LEVELS, "code": "N"}]}, {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}]
JSON_PATCH = [{"op": "replace", "path": "/securityLabel", "value": LABELS}]


def _whole(demo: RunningDemo) -> list[str]:
    """The ids of the current documents of the adult, in one page."""
    return ids_of(demo.search(WRITER, "adult").json())


def _add_the_mask() -> Resource:
    """A FHIRPath Patch that masks a document to professionals."""
    concept = {"name": "value", "valueCodeableConcept": LABELS[1]}
    path = {"name": "path", "valueString": "DocumentReference"}
    part = [{"name": "type", "valueCode": "add"}, path, {"name": "name", "valueString": "securityLabel"}, concept]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


def _typed(resource: Resource) -> Resource:
    """A resource as the arguments of fhirpy's ``client.resource``."""
    return {("resource_type" if name == "resourceType" else name): value for name, value in resource.items()}


def test_fhirpy(demo: RunningDemo) -> None:
    client = SyncFHIRClient(demo.fhir, authorization=f"Bearer {demo.tokens[WRITER]}")
    contents = [pdf(), pdf(), pdf()]
    published = [client.resource(**_typed(demo.document("adult", each))).create() for each in contents]
    ids = [each["id"] for each in published]

    of_patient = Raw(**{"patient.identifier": demo.ins("adult")})  # type: ignore[no-untyped-call]
    search = client.resources("DocumentReference").search(of_patient)
    paged = [each["id"] for each in search.search(status="current").limit(2)]
    assert sorted(paged) == sorted(set(paged)) == sorted(_whole(demo)), "every page once, nothing twice"
    assert set(ids) <= set(paged)
    assert search.search(status="current").count() == len(paged)

    read = client.get("DocumentReference", ids[0])
    assert read["masterIdentifier"] == published[0]["masterIdentifier"]
    binary = client.get("Binary", ids[0])
    assert base64.b64decode(binary["data"]) == contents[0]

    patched = client.patch("DocumentReference", ids[0], **_add_the_mask())
    assert flags_of(patched) == ["N", "MASQUE_PS"]
    with pytest.raises(OperationOutcome) as refused:
        client.patch("DocumentReference", ids[0], description="another")
    assert refused.value.resource["issue"][0]["details"]["coding"][0]["code"] == "patch.malformed"
    client.delete("DocumentReference", ids[0])
    with pytest.raises(ResourceNotFound):
        client.get("DocumentReference", ids[0])


@pytest.fixture
def smart(demo: RunningDemo) -> Iterator[FHIRClient]:
    """fhirclient as a session that already holds its token: the state an application saved."""
    auth = {"auth_type": "oauth2", "auth": {"app_id": "tests", "access_token": demo.tokens[WRITER]}}
    state = {"app_id": "tests", "server": {"base_uri": f"{demo.fhir}/", **auth}}
    client = FHIRClient(state=state, save_func=lambda _: None)
    yield client
    client.server.session.close()


def test_fhirclient(demo: RunningDemo, smart: FHIRClient) -> None:
    """It knows no PATCH: what it can change is withdrawn. Its own models read every answer, strictly."""
    assert smart.ready
    contents = [pdf(), pdf(), pdf()]
    created = [DocumentReference(demo.document("adult", each)).create(smart.server) for each in contents]
    ids = [each["id"] for each in created]

    wanted = {"patient.identifier": demo.ins("adult"), "status": "current", "_count": "2"}
    pages = list(DocumentReference.where(wanted).perform_iter(smart.server))
    assert [len(page.entry) for page in pages[:-1]] == [2] * (len(pages) - 1)
    paged = [entry.resource.id for page in pages for entry in page.entry]
    assert sorted(paged) == sorted(set(paged)) == sorted(_whole(demo))
    assert set(ids) <= set(paged)
    assert {page.total for page in pages} == {len(paged)}

    read = DocumentReference.read(ids[0], smart.server)
    assert read.content[0].attachment.contentType == "application/pdf"
    assert smart.server.request_data(read.content[0].attachment.url, {"Accept": "application/pdf"}) == contents[0]

    read.delete()
    with pytest.raises(FHIRNotFoundException):
        DocumentReference.read(ids[0], smart.server)
    statement = smart.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"


@needs_node
def test_fhir_kit_client(demo: RunningDemo) -> None:
    contents = [pdf(), pdf(), pdf()]
    given = {
        "fhir": demo.fhir,
        "token": demo.tokens[WRITER],
        "ins": demo.ins("adult"),
        "documents": [demo.document("adult", each) for each in contents],
        "patch": JSON_PATCH,
    }
    before = _whole(demo)
    found: dict[str, Any] = run_node("kit.mjs", given)
    published, pages = found["published"], found["pages"]
    paged = [each for page in pages for each in page]
    assert sorted(paged) == sorted({*before, *published})
    assert len(paged) == len(before) + 3
    assert found["back"] == pages[0] == found["posted"]
    assert found["read"]["id"] == published[0]
    assert base64.b64decode(found["binary"]["data"]) == contents[0]
    assert flags_of(found["patched"]) == ["N", "MASQUE_PS"]
    assert found["refused"] == {"status": 404, "resourceType": "OperationOutcome"}
    assert found["statement"] == "CapabilityStatement"

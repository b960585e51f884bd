"""A DMP that gives documents its own entryUUIDs (setting ``entry_uuids``): the facade's ids are those of the DMP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facade.embedded.misbehaviour import behave, order
from tests.support.api import TraceBook, submission
from tests.support.demo import RunningDemo, codes_of, ids_of, pdf, running_demo

AUTHOR, READER = "author-doctor", "nurse"


@pytest.fixture(scope="module")
def own_ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_DMP__ENTRY_UUIDS", "dmp")
        with running_demo(tmp_path_factory.mktemp("own-ids")) as running:
            yield running


def readable(demo: RunningDemo, document: str) -> bool:
    statuses = {demo.call(READER, "GET", f"/{kind}/{document}").status_code for kind in ("DocumentReference", "Binary")}
    return statuses == {200} and document in ids_of(demo.search(READER, "adult").json())


def test_the_id_of_a_publication_is_the_one_the_dmp_gave(own_ids: RunningDemo) -> None:
    traces = TraceBook(own_ids)
    made = own_ids.post(AUTHOR, "/DocumentReference", own_ids.document("adult", pdf()))
    assert made.status_code == 201, made.text
    document = made.json()["id"]
    assert made.headers["Location"].endswith(f"/DocumentReference/{document}")
    assert readable(own_ids, document)
    [written] = [trace for trace in traces.new() if trace.act == "publish"]
    uuids = {each["value"].removeprefix("urn:uuid:") for each in made.json()["identifier"]}
    assert written.document in uuids
    history = own_ids.call("treating-doctor", "GET", "/AuditEvent", params={"patient.identifier": own_ids.ins("adult")})
    assert document in history.text


def test_a_lot_and_what_is_done_with_its_documents(own_ids: RunningDemo) -> None:
    bundle = submission(own_ids, "adult", pdf(), pdf())
    made = own_ids.post(AUTHOR, "", bundle)
    assert made.status_code == 200, made.text
    ids = [
        each["response"]["location"].split("/")[-1].split("?")[0]
        for each in made.json()["entry"]
        if "DocumentReference/" in each["response"].get("location", "")
    ]
    assert len(ids) == 2
    assert "List/" not in made.text, "its id cannot be learnt, and a wrong one is none"
    assert all(readable(own_ids, document) for document in ids)
    assert own_ids.label(AUTHOR, ids[0], "INVISIBLE_PATIENT").status_code == 200
    target = [{"code": "replaces", "target": {"reference": f"DocumentReference/{ids[1]}"}}]
    assert readable(own_ids, own_ids.publish(AUTHOR, "adult", relatesTo=target)["id"])


def test_a_document_hidden_from_its_patient_is_on_the_worklist_under_that_id(own_ids: RunningDemo) -> None:
    hidden = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}]
    masks = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    hidden.append({"coding": [{"system": masks, "code": "INVISIBLE_PATIENT"}]})
    document = own_ids.publish(AUTHOR, "adult", securityLabel=hidden)["id"]
    assert document in own_ids.call(AUTHOR, "GET", "/DocumentReference/$still-hidden").text


def test_an_id_that_cannot_be_learnt_is_learnt_by_the_repeated_request(own_ids: RunningDemo) -> None:
    document = own_ids.document("adult", pdf())
    order(own_ids.data, [{"transaction": "TD3.1", "what": "close-after", "times": None}])
    first = own_ids.post(AUTHOR, "/DocumentReference", document, Idempotency_Key="learnt")
    assert (first.status_code, codes_of(first)) == (503, ["publication.unknown-outcome"])
    behave(own_ids.data)
    again = own_ids.post(AUTHOR, "/DocumentReference", document, Idempotency_Key="learnt")
    assert again.status_code == 201, again.text
    assert readable(own_ids, again.json()["id"])
    assert (
        own_ids.post(AUTHOR, "/DocumentReference", document, Idempotency_Key="learnt").json()["id"]
        == (again.json()["id"])
    )

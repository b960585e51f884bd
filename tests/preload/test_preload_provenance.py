"""Whatever comes out of the DMP says so, by every way out (référentiel EXI 13)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.demo import FHIR_JSON, RunningDemo
from tests.support.outbound import inside
from tests.support.tasks import ordered

READER = "treating-doctor"
DMP = {"system": "urn:dmp-facade:provenance", "code": "DMP", "display": "Dossier médical partagé"}
OUT_OF_THE_DMP = ("DocumentReference", "List", "Binary")


@pytest.fixture(scope="module")
def document(quick: RunningDemo) -> str:
    found: str = quick.publish("author-doctor", "adult")["id"]
    return found


def _provenances(answer: Any) -> list[bool]:
    resources = [each for each in inside(answer.json()) if each["resourceType"] in OUT_OF_THE_DMP]
    return [DMP in each["meta"].get("tag", ()) for each in resources]


@pytest.mark.parametrize(
    "path",
    [
        "/DocumentReference?{patient}",
        "/DocumentReference?{patient}&_summary=true",
        "/DocumentReference?{patient}&_elements=status",
        "/DocumentReference/{document}",
        "/DocumentReference/$changes?{patient}",
        "/List?{patient}",
        "/Binary/{document}",
    ],
)
def test_every_resource_that_comes_out_of_the_dmp_is_tagged(quick: RunningDemo, document: str, path: str) -> None:
    place = path.format(document=document, patient=f"patient.identifier={quick.ins('adult')}")
    answer = quick.call(READER, "GET", place, headers={"Accept": FHIR_JSON})
    assert answer.status_code == 200, answer.text
    told = _provenances(answer)
    assert told
    assert all(told)


def test_a_batch_and_a_preload_are_tagged_too(quick: RunningDemo, document: str) -> None:
    entries = [{"request": {"method": "GET", "url": f"{kind}/{document}"}} for kind in ("Binary", "DocumentReference")]
    batch = quick.post(READER, "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert _provenances(batch) == [True, True]
    made = ordered(quick, READER)
    assert quick.call(READER, "POST", f"/Task/{made['id']}/$run").status_code == 200
    told = _provenances(quick.call(READER, "GET", f"/Task/{made['id']}/$preloaded"))
    assert told
    assert all(told)


@pytest.mark.parametrize("kind", ["application/pdf", "application/xml", "*/*"])
def test_a_file_says_it_in_a_header(quick: RunningDemo, document: str, kind: str) -> None:
    answer = quick.call(READER, "GET", f"/Binary/{document}", headers={"Accept": kind})
    assert (answer.status_code, answer.headers["Document-Provenance"]) == (200, "DMP")


def test_the_code_is_defined(quick: RunningDemo) -> None:
    system = quick.call("", "GET", "/CodeSystem/provenance").json()
    assert (system["url"], [each["code"] for each in system["concept"]]) == (DMP["system"], ["DMP"])

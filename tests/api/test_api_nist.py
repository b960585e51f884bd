"""The negative cases of the NIST MHD test engine, and what of them this facade fills instead.

Source: NIST Asbestos, MHD 4.2.0 document recipient, comprehensive and minimal collections (names of the cases). Each
row of nist_matrix.json takes something from a sample that says everything; a null removes.
"""

from __future__ import annotations

import base64
import json
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import AssociationType, DmpSession
from facade.domain.document import SubmissionSet
from facade.domain.ins import INS
from facade.settings import Settings
from facade.wiring import dmp_config
from tests.support.api import URI, Resource, attachment_of, master, oid, sha1, transactions, valid
from tests.support.demo import RunningDemo, pdf

WRITER = "author-doctor"
SAMPLE = Path(__file__).parents[1] / "bundles" / "feeding-imaging-report.json"
ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "nist_matrix.json").read_text(encoding="utf-8"))
REFUSED = [row for row in ROWS if "status" in row]
FILLED = [row for row in ROWS if "rule" in row]
# The cases of the two collections; two of them, of one List, bear one name each in both.
CASES = """
Bad_Patient_Link Bad_Patient_Link_SubmissionSetTypeList Bad_Profile Missing_Profile Bad_SourcePatientInfo_Link
Missing_ContentTypeCode Missing_Document Missing_Format_Code Missing_HealthcareFacilityTypeCode Missing_LanguageCode
Missing_MimeType Missing_PatientID Missing_PatientID_Reference Missing_PatientID_SubmissionSetTypeList
Missing_PracticeSettingCode Missing_SourceId Missing_SourcePatientId Missing_SubmissionTime Missing_TypeCode
Missing_UniqueId_Reference Missing_UniqueId_SubmissionSetTypeList Missing_SubmissionSetTypeList
Missing_DocumentReference_with_reference Missing_DocumentReference_without_reference
"""
NURSE = Caller(
    CallerKind.PROFESSIONAL,
    "899700000047",
    "PAUL DUMAS",
    Structure("1990000028", "HOPITAL DE ROCHEVAL", "SA01"),
    "DUMAS",
    "PAUL",
    "60",
)


def named(row: dict[str, Any]) -> str:
    return f"{row['case']}: {row['what']}"


def bundle(changes: list[list[Any]]) -> Resource:
    """The sample with bytes and identifiers of its own, and the changes of a row (JSON pointer, new value)."""
    found: Resource = json.loads(SAMPLE.read_text(encoding="utf-8"))
    lot, document, binary = (each["resource"] for each in found["entry"])
    content = pdf()
    binary["data"] = base64.b64encode(content).decode()
    attachment_of(document).update(size=len(content), hash=sha1(content))
    document["masterIdentifier"], lot["identifier"] = master(oid()), [master(oid())]
    for pointer, value in changes:
        *steps, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
        holder: Any = found
        for step in steps:
            holder = holder[step]
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return found


def total(demo: RunningDemo) -> int:
    found: int = demo.search(WRITER, "adult", _summary="count", status="current,superseded").json()["total"]
    return found


def test_every_case_of_the_two_collections_is_here() -> None:
    assert {row["case"] for row in ROWS} == set(CASES.split())
    assert len(REFUSED) + len(FILLED) == len(ROWS)


def test_the_sample_itself_is_stored_with_nothing_filled(demo: RunningDemo) -> None:
    answer = valid(demo.post(WRITER, "", bundle([]), Prefer="return=OperationOutcome"), "Bundle")
    issues = answer["entry"][0]["response"]["outcome"]["issue"]
    assert [issue["details"]["coding"][0]["code"] for issue in issues] == ["publication.complete"]


@pytest.mark.parametrize("row", REFUSED, ids=named)
def test_a_case_is_refused_by_its_element_and_nothing_is_stored(demo: RunningDemo, row: dict[str, Any]) -> None:
    before, since, sent = total(demo), len(demo.log()), bundle(row["change"])
    outcome = valid(demo.post(WRITER, "", sent), "OperationOutcome", row["status"])
    told = [(issue["details"]["coding"][0]["code"], issue["expression"]) for issue in outcome["issue"]]
    assert (row["code"], [row["element"]]) in told
    assert {issue["severity"] for issue in outcome["issue"]} == {"error"}
    assert "TD2.1" not in transactions(demo, since)
    assert total(demo) == before


@pytest.mark.parametrize("row", FILLED, ids=named)
def test_what_a_case_leaves_out_is_stored_as_filled(demo: RunningDemo, dmp: SoapGateway, row: dict[str, Any]) -> None:
    answer = valid(demo.post(WRITER, "", bundle(row["change"]), Prefer="return=OperationOutcome"), "Bundle")
    filled = [issue.get("expression", []) for issue in answer["entry"][0]["response"]["outcome"]["issue"]]
    assert filled == [[row["filled"]] if "filled" in row else []]
    document = demo.call(WRITER, "GET", f"/{answer['entry'][1]['response']['location']}").json()
    path, expected = row["stored"]
    if path.startswith("lot."):
        value = operator.attrgetter(path.removeprefix("lot."))(lot_of(dmp, demo, document))
    else:
        value = document
        for step in path.split("/")[1:]:
            value = value[int(step) if step.isdigit() else step]
    assert re.fullmatch(expected[1:] if expected.startswith("~") else re.escape(expected), value)
    found = demo.search(WRITER, "adult", identifier=f"{URI}|{document['masterIdentifier']['value']}").json()
    assert found["total"] == 1


def test_the_patient_of_the_source_is_held_as_the_source_gave_it(demo: RunningDemo, dmp: SoapGateway) -> None:
    local = {"system": "urn:oid:1.2.250.1.999.7.1", "value": "IPP-0042"}
    patient = {"resourceType": "Patient", "id": "patient", "identifier": [local], "name": [{"family": "PAT TROIS"}]}
    answer = valid(demo.post(WRITER, "", bundle([["/entry/1/resource/contained/0", patient]])), "Bundle")
    document = demo.call(WRITER, "GET", f"/{answer['entry'][1]['response']['location']}").json()
    held = dmp.get_documents(session_of(demo), unique_ids=[document["masterIdentifier"]["value"][8:]]).entries[0]
    assert held.source_patient.id == "IPP-0042^^^&1.2.250.1.999.7.1&ISO^PI"
    assert held.source_patient.family == "PAT TROIS"
    # What the source leaves out is the record's own.
    assert (held.source_patient.given, held.source_patient.sex) == ("DOMINIQUE", "F")
    assert "IPP-0042" not in json.dumps(document)


@pytest.fixture(scope="module")
def demo(shared_demo: RunningDemo) -> RunningDemo:
    """With the records the demonstration began with: the samples name them."""
    return shared_demo


@pytest.fixture(scope="module")
def dmp(demo: RunningDemo) -> Iterator[SoapGateway]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMP_FACADE_CONFIG", str(demo.data / "facade.toml"))
        settings = Settings()
    own = next(each for each in settings.structures if each.id == settings.own_structure)
    found = SoapGateway(dmp_config(settings, Structure(own.id, own.name, own.sector)))
    yield found
    found.close()


def session_of(demo: RunningDemo) -> DmpSession:
    identity = demo.patients["adult"]
    return DmpSession(NURSE, INS.of(identity["system"], identity["value"]), Purpose.NORMAL)


def lot_of(dmp: SoapGateway, demo: RunningDemo, document: Resource) -> SubmissionSet:
    """The lot a document came in, as the DMP holds it."""
    session = session_of(demo)
    official = next(each["value"] for each in document["identifier"] if each["use"] == "official")
    links = dmp.get_associations(session, [official.removeprefix("urn:uuid:")])
    lot = next(each.source for each in links if each.type == AssociationType.HAS_MEMBER)
    return dmp.get_lot(session, entry_uuid=lot).lots[0]

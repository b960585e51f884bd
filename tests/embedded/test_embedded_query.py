"""TD3.1: FindDocuments with each of its parameters, GetDocuments by each kind of id, references."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received
from tests.support.embedded_lot import Document, Lot
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT

MASKS = "1.2.250.1.213.1.1.4.13"
NORMAL = ("N", "2.16.840.1.113883.5.25")
BY_REFERENCE = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"
CXI = "ACC1^^^&1.2.250.1.213.1.1.4.347&ISO^urn:ihe:iti:xds:2013:accession"


def _ids(answer: Received) -> set[str]:
    assert answer.errors == []
    return {node.get("id", "") for node in answer.all("rim:ExtrinsicObject")}


@pytest.fixture(scope="module")
def patient() -> str:
    """The record these tests look at: nobody else feeds this one with a report of imaging."""
    return sample.MINOR.ins


@pytest.fixture
def pair(raw: RawClient, patient: str) -> tuple[Document, Document]:
    """A plain report and a masked imaging report that differ in everything a query can see."""
    plain = Document(patient=patient)
    other = Document(
        patient=patient,
        type_code=("18748-4", "2.16.840.1.113883.6.1"),
        class_code=("31", "1.2.250.1.213.1.1.4.1"),
        format_code=("urn:ihe:iti:xds-sd:text:2008", "1.3.6.1.4.1.19376.1.2.3"),
        facility=("SA05", "1.2.250.1.71.4.2.4"),
        practice=("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9"),
        confidentiality=(NORMAL, ("MASQUE_PS", MASKS), ("INVISIBLE_PATIENT", MASKS)),
        events=(("ZBQK002", "1.2.250.1.213.2.5"), ("CT", "1.2.250.1.213.1.1.5.618")),
        author=sample.TREATING_DOCTOR.id,
        created="20230102",
        service_start="202301011200",
        slots=(("serviceStopTime", "20230103"), ("urn:ihe:iti:xds:2013:referenceIdList", CXI)),
    )
    assert raw.provide(plain, other, vihf=Vihf(mode=INDIRECT, patient=patient)).outcome == "Success"
    return plain, other


def test_all_documents_come_masked_or_not_with_the_signature(
    raw: RawClient, patient: str, pair: tuple[Document, Document]
) -> None:
    answer = raw.find(Vihf(patient=patient))
    assert {document.id for document in pair} <= _ids(answer)
    languages = [
        value.text
        for node in answer.all("rim:Slot")
        if node.get("name") == "languageCode"
        for value in node.iterfind("{*}ValueList/{*}Value")
    ]
    assert "art" in languages, "the signature of the lot is an entry too"
    response = answer.find("query:AdhocQueryResponse")
    assert response is not None
    assert response.get("totalResultCount") == str(len(answer.all("rim:ExtrinsicObject")))


def test_an_entry_looks_like_one_of_the_registry(raw: RawClient, patient: str, pair: tuple[Document, Document]) -> None:
    _, other = pair
    (entry,) = raw.get(Vihf(patient=patient), EntryUUID=f"('{other.id}')").all("rim:ExtrinsicObject")
    assert entry.get("lid") == other.id
    assert entry.get("status") == APPROVED
    assert entry.get("isOpaque") == "false"
    assert entry.get("home") is None
    info = entry.find("{*}VersionInfo")
    assert info is not None
    assert info.get("versionName") == "1"
    slots = {
        node.get("name"): [v.text for v in node.iterfind("{*}ValueList/{*}Value")] for node in entry.iterfind("{*}Slot")
    }
    assert slots["hash"] == [other.sha1]
    assert slots["size"] == [str(len(other.bytes))]
    assert slots["repositoryUniqueId"] == ["1.2.250.1.213.4.1.1.1.2"]
    identifiers = {
        node.get("identificationScheme"): node.get("value") for node in entry.iterfind("{*}ExternalIdentifier")
    }
    assert identifiers["urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"] == other.unique_id
    patient_id = identifiers["urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"]
    assert patient_id == f"{patient}^^^&1.2.250.1.213.1.4.10&ISO^NH^^20220103"
    flags = [
        node.get("nodeRepresentation")
        for node in entry.iterfind("{*}Classification")
        if node.get("classificationScheme") == "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
    ]
    assert flags == ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]


@pytest.mark.parametrize(
    ("name", "matching", "missing"),
    [
        ("TypeCode", "('18748-4^^2.16.840.1.113883.6.1')", "('18748-4^^1.2.3')"),
        ("TypeCode", ["('57833-6^^2.16.840.1.113883.6.1')", "('18748-4^^2.16.840.1.113883.6.1')"], "('x^^y')"),
        ("ClassCode", "('10^^1.2.3','31^^1.2.250.1.213.1.1.4.1')", "('11^^1.2.250.1.213.1.1.4.1')"),
        ("FormatCode", "('urn:ihe:iti:xds-sd:text:2008^^1.3.6.1.4.1.19376.1.2.3')", "('x^^1')"),
        ("HealthcareFacilityTypeCode", "('SA05^^1.2.250.1.71.4.2.4')", "('SA07^^1.2.250.1.71.4.2.4')"),
        ("PracticeSettingCode", "('ETABLISSEMENT^^1.2.250.1.213.1.1.4.9')", "('HAD^^1.2.250.1.213.1.1.4.9')"),
        ("EventCodeList", ["('CT^^1.2.250.1.213.1.1.5.618')", "('ZBQK002^^1.2.250.1.213.2.5')"], "('MR^^1')"),
        (
            "ConfidentialityCode",
            [f"('MASQUE_PS^^{MASKS}')", f"('INVISIBLE_PATIENT^^{MASKS}','x^^y')"],
            [f"('MASQUE_PS^^{MASKS}')", f"('INVISIBLE_REPRESENTANTS_LEGAUX^^{MASKS}')"],
        ),
        ("AuthorPerson", f"('{sample.TREATING_DOCTOR.id}^LIBRE%')", "('%NOBODY%')"),
        ("AuthorPerson", "('%^libre^%')", "('LIBRE')"),
        ("CreationTimeFrom", "'20230102'", "'20230103'"),
        ("CreationTimeTo", "20230103", "'20230102'"),
        ("ServiceStartTimeFrom", "'202301011200'", "'202301011201'"),
        ("ServiceStartTimeTo", "'20230102'", "'202301011200'"),
        ("ServiceStopTimeFrom", "'20230103'", "'20230104'"),
        ("ServiceStopTimeTo", "'20230104'", "'20230103'"),
        ("Status", f"('{ARCHIVED}','{APPROVED}')", f"('{ARCHIVED}')"),
        ("PatientId", None, "('x')"),
    ],
)
def test_each_parameter_keeps_what_matches_and_leaves_the_rest(
    raw: RawClient, patient: str, pair: tuple[Document, Document], name: str, matching: Any, missing: Any
) -> None:
    _, other = pair
    vihf = Vihf(patient=patient)
    assert other.id in _ids(raw.find(vihf, **{name: matching}))
    if name != "PatientId":
        assert other.id not in _ids(raw.find(vihf, **{name: missing}))


def test_a_time_that_is_missing_matches_no_bound(raw: RawClient, patient: str, pair: tuple[Document, Document]) -> None:
    plain, _ = pair
    assert plain.id not in _ids(raw.find(Vihf(patient=patient), ServiceStopTimeFrom="'2000'"))


def test_a_quote_in_a_parameter_is_doubled(raw: RawClient) -> None:
    assert _ids(raw.find(AuthorPerson="('%O''BRIEN%','none')")) == set()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Status": None}, "XDSStoredQueryMissingParam"),
        ({"PatientId": f"'{sample.MINOR.ins}^^^&1.2.250.1.213.1.4.10&ISO^NH'"}, "XDSPatientIdDoesNotMatch"),
        ({"PatientId": f"'{sample.ADULT.ins}^^^&1.2.250.1.213.1.4.8&ISO^NH'"}, "XDSPatientIdDoesNotMatch"),
        ({"CreationTimeFrom": "('2020','2021')"}, "XDSStoredQueryParamNumber"),
        ({"TypeCode": "18748-4^^2.16.840.1.113883.6.1"}, "XDSStoredQueryParamNumber"),
        ({"TypeCode": "('18748-4')"}, "XDSRegistryError"),
        ({"Typecode": "('18748-4^^1')"}, "XDSRegistryError"),
    ],
)
def test_wrong_parameters_are_refused(raw: RawClient, parameters: dict[str, Any], code: str) -> None:
    answer = raw.find(**parameters)
    assert (answer.outcome, answer.errors) == ("Failure", [code])
    assert raw.lines()[-1]["result"] == code


def test_other_stored_queries_are_unknown(raw: RawClient) -> None:
    find_folders = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431"
    assert raw.query(find_folders, {"$XDSFolderStatus": f"('{APPROVED}')"}).errors == ["XDSUnknownStoredQuery"]


def test_return_types(raw: RawClient, patient: str, pair: tuple[Document, Document]) -> None:
    plain, _ = pair
    answer = raw.get(Vihf(patient=patient), "ObjectRef", UniqueId=f"('{plain.unique_id}')")
    assert [node.get("id") for node in answer.all("rim:ObjectRef")] == [plain.id]
    assert raw.get(Vihf(patient=patient), "RegistryObject", UniqueId="('1')").errors == ["XDSRegistryError"]


def test_find_documents_by_reference(raw: RawClient, patient: str, pair: tuple[Document, Document]) -> None:
    vihf = Vihf(patient=patient)
    parameters = {"$XDSDocumentEntryStatus": f"('{APPROVED}')", "$XDSDocumentEntryReferenceIdList": f"('{CXI}')"}
    found = _ids(raw.query(BY_REFERENCE, parameters, vihf))
    assert pair[1].id in found
    assert pair[0].id not in found
    assert raw.query(BY_REFERENCE, {"$XDSDocumentEntryStatus": "('x')"}, vihf).errors == ["XDSStoredQueryMissingParam"]


def test_documents_by_each_kind_of_id(raw: RawClient) -> None:
    document = Document()
    raw.provide(document)
    masked = document.but(id=uuid.uuid4().urn, lid=document.id, confidentiality=(NORMAL, ("MASQUE_PS", MASKS)))
    assert raw.mask(masked, 1).outcome == "Success"
    assert _ids(raw.get(EntryUUID=f"('{document.id}')")) == {document.id}
    assert _ids(raw.get(UniqueId=f"('{document.unique_id}')")) == {masked.id}, "the last version"
    assert _ids(raw.get(LogicalID=f"('{document.id}')", MetadataLevel="2")) == {document.id, masked.id}
    assert _ids(raw.get(UniqueId="('1.2.3')")) == set()
    assert raw.get(LogicalID=f"('{document.id}')").errors == ["XDSRegistryError"]
    assert raw.get().errors == ["XDSStoredQueryMissingParam"]
    assert raw.get(UniqueId="('1')", EntryUUID="('2')").errors == ["XDSStoredQueryParamNumber"]


def test_documents_of_another_record_are_not_given(raw: RawClient, pair: tuple[Document, Document]) -> None:
    assert _ids(raw.get(EntryUUID=f"('{pair[0].id}')")) == set()
    assert _ids(raw.get(UniqueId=f"('{pair[0].unique_id}')")) == set()


def test_the_patient_of_the_vihf_is_enough(raw: RawClient, patient: str, pair: tuple[Document, Document]) -> None:
    assert pair[0].id in _ids(raw.find(Vihf(patient=patient), PatientId=None))


def test_indirect_authentication_finds_references_by_unique_id_only(
    raw: RawClient, patient: str, pair: tuple[Document, Document]
) -> None:
    vihf = Vihf(mode=INDIRECT, patient=patient)
    denied = ["DMPAccessDeniedByRightsService"]
    found = raw.get(vihf, "ObjectRef", UniqueId=f"('{pair[0].unique_id}')")
    assert [node.get("id") for node in found.all("rim:ObjectRef")] == [pair[0].id]
    assert raw.get(vihf, "ObjectRef", EntryUUID=f"('{pair[0].id}')").errors == denied
    assert raw.get(vihf, "LeafClass", UniqueId=f"('{pair[0].unique_id}')").errors == denied
    assert raw.find(vihf).errors == denied


@pytest.mark.parametrize(
    ("vihf", "code"),
    [
        (Vihf().of(sample.UNAUTHORISED_DOCTOR), "DMPAccessDeniedByRightsService"),
        (
            Vihf(patient=sample.OBJECTOR.ins, purpose="bris_de_glace").of(sample.OTHER_DOCTOR),
            "DMPAccessDeniedByRightsService",
        ),
        (Vihf(patient=sample.OBJECTOR.ins, purpose="centre_15").of(sample.REGULATOR), "DMPAccessDeniedByRightsService"),
        (Vihf(patient=sample.ABSENT.ins), "XDSUnknownPatientId"),
        (Vihf(patient=sample.CLOSED.ins), "DMPClosed"),
    ],
)
def test_who_may_not_search(raw: RawClient, vihf: Vihf, code: str) -> None:
    assert raw.find(vihf).errors == [code]


@pytest.mark.parametrize(
    "vihf",
    [
        Vihf().of(sample.BLOCKED_DOCTOR),
        Vihf(purpose="bris_de_glace").of(sample.UNAUTHORISED_DOCTOR),
        Vihf(purpose="centre_15").of(sample.REGULATOR),
        Vihf().of(sample.NURSE),
        Vihf(name_id="idpe", roles=(("EXP_PATIENT", "1.2.250.1.213.1.1.4.6"),)),
    ],
)
def test_who_may_search(raw: RawClient, vihf: Vihf) -> None:
    assert raw.find(vihf).outcome == "Success"


def test_deleted_documents_come_only_when_asked_for(raw: RawClient) -> None:
    document = Document()
    raw.provide(document, lot=Lot())
    assert raw.change_status(document.id, APPROVED, DELETED).outcome == "Success"
    assert document.id not in _ids(raw.find(Status=f"('{APPROVED}','{ARCHIVED}')"))
    assert document.id in _ids(raw.find(Status=f"('{DELETED}')"))

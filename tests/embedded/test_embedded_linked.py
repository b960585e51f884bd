"""TD3.1: submission sets, associations, batches."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received
from tests.support.embedded_lot import HAS_MEMBER, RPLC, SIGNS, Document, Lot
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, cx

SETS = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
WITH_ASSOCIATIONS = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
STATUS = {"$XDSSubmissionSetStatus": f"('{APPROVED}')"}
MASK = ("MASQUE_PS", "1.2.250.1.213.1.1.4.13")
NORMAL = ("N", "2.16.840.1.113883.5.25")
UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"


@dataclass
class Fed:
    """A lot of two documents, the second masked; then the first replaced by a third."""

    lot: Lot
    first: Document
    second: Document
    third: Document


@pytest.fixture
def fed(raw: RawClient) -> Fed:
    lot = Lot(submitted="20210304050607", source_id="1.2.250.1.213.99.7", content_type=("07", "1.2.250.1.213.2.2"))
    first = Document(created="2021")
    second = Document(created="2021", confidentiality=(NORMAL, MASK))
    assert raw.provide(first, second, lot=lot).outcome == "Success"
    third = Document(replaces=first.unique_id)
    assert raw.provide(third, replaces={third.id: first.id}).outcome == "Success"
    return Fed(lot, first, second, third)


def _sets(answer: Received) -> set[str]:
    assert answer.errors == []
    return {
        node.get("value", "")
        for node in answer.all("rim:RegistryPackage/rim:ExternalIdentifier")
        if node.get("identificationScheme") == UNIQUE_ID
    }


def _links(answer: Received) -> list[tuple[str, str, str]]:
    assert answer.errors == []
    return [
        (node.get("associationType", ""), node.get("sourceObject", ""), node.get("targetObject", ""))
        for node in answer.all("rim:Association")
    ]


def _documents(answer: Received) -> list[str]:
    return [node.get("id", "") for node in answer.all("rim:ExtrinsicObject")]


@pytest.mark.parametrize(
    ("name", "matching", "missing"),
    [
        ("PatientId", f"'{cx(sample.ADULT.ins)}'", None),
        ("SourceId", "('1.2.3','1.2.250.1.213.99.7')", "('1.2.3')"),
        ("SubmissionTimeFrom", "'20210304050607'", "'20210304050608'"),
        ("SubmissionTimeTo", "20210305", "'202103040506'"),
        ("AuthorPerson", f"'{sample.AUTHOR_DOCTOR.id}^%'", "'%NOBODY%'"),
        ("ContentType", "('07^^1.2.250.1.213.2.2')", "('04^^1.2.250.1.213.2.2')"),
        ("Status", f"('{APPROVED}')", f"('{DEPRECATED}')"),
    ],
)
def test_each_parameter_of_submission_sets(
    raw: RawClient, fed: Fed, name: str, matching: str, missing: str | None
) -> None:
    assert fed.lot.unique_id in _sets(raw.query(SETS, STATUS | {f"$XDSSubmissionSet{name}": matching}))
    if missing is not None:
        assert fed.lot.unique_id not in _sets(raw.query(SETS, STATUS | {f"$XDSSubmissionSet{name}": missing}))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "XDSStoredQueryMissingParam"),
        (STATUS | {"$XDSSubmissionSetPatientId": f"'{cx(sample.MINOR.ins)}'"}, "XDSPatientIdDoesNotMatch"),
        (STATUS | {"$XDSSubmissionSetAuthorPerson": "('a','b')"}, "XDSStoredQueryParamNumber"),
        (STATUS | {"$XDSSubmissionSetContentType": "('04')"}, "XDSRegistryError"),
        (STATUS | {"$XDSDocumentEntryStatus": "('x')"}, "XDSRegistryError"),
    ],
)
def test_wrong_parameters_of_submission_sets(raw: RawClient, parameters: dict[str, Any], code: str) -> None:
    assert raw.query(SETS, parameters).errors == [code]


def test_submission_sets_of_another_record_are_not_found(raw: RawClient, fed: Fed) -> None:
    vihf = Vihf(patient=sample.MINOR.ins)
    assert fed.lot.unique_id not in _sets(raw.query(SETS, STATUS, vihf))
    asked = {"$XDSSubmissionSetUniqueId": f"'{fed.lot.unique_id}'"}
    assert raw.query(CONTENTS, asked, vihf).all("rim:RegistryObjectList/*") == []
    assert _links(raw.query(ASSOCIATIONS, {"$uuid": f"('{fed.first.id}')"}, vihf)) == []
    named = {"$XDSDocumentEntryEntryUUID": f"('{fed.first.id}')"}
    assert raw.query(WITH_ASSOCIATIONS, named, vihf).all("rim:RegistryObjectList/*") == []


def test_associations_that_start_or_end_at_an_object(raw: RawClient, fed: Fed) -> None:
    links = _links(raw.query(ASSOCIATIONS, {"$uuid": f"('{fed.first.id}')"}))
    (member, replaced) = links
    assert (member[0], member[2]) == (HAS_MEMBER, fed.first.id)
    assert replaced == (RPLC, fed.third.id, fed.first.id)
    of_lot = _links(raw.query(ASSOCIATIONS, {"$uuid": [f"('{member[1]}')", f"('{uuid.uuid4().urn}')"]}))
    assert sorted(kind for kind, _, _ in of_lot) == sorted([HAS_MEMBER] * 3 + [SIGNS])
    assert raw.query(ASSOCIATIONS, {}).errors == ["XDSStoredQueryMissingParam"]


@pytest.mark.parametrize("by", ["EntryUUID", "UniqueId"])
def test_documents_come_with_their_associations(raw: RawClient, fed: Fed, by: str) -> None:
    named = {"EntryUUID": (fed.first.id, fed.third.id), "UniqueId": (fed.first.unique_id, fed.third.unique_id)}[by]
    asked = {f"$XDSDocumentEntry{by}": f"('{named[0]}','{named[1]}')"}
    answer = raw.query(WITH_ASSOCIATIONS, asked)
    assert set(_documents(answer)) == {fed.first.id, fed.third.id}
    kinds = [kind for kind, _, _ in _links(answer)]
    assert sorted(kinds) == sorted([HAS_MEMBER, HAS_MEMBER, RPLC]), "each once"
    references = raw.query(WITH_ASSOCIATIONS, asked, returns="ObjectRef")
    assert len(references.all("rim:ObjectRef")) == 5
    assert references.all("rim:Association") == []


def test_twenty_documents_at_most(raw: RawClient, fed: Fed) -> None:
    some = [uuid.uuid4().urn for _ in range(19)]
    twenty = ",".join(f"'{name}'" for name in (fed.first.id, *some))
    assert _documents(raw.query(WITH_ASSOCIATIONS, {"$XDSDocumentEntryEntryUUID": f"({twenty})"})) == [fed.first.id]
    more = [f"({twenty})", f"('{uuid.uuid4().urn}')"]
    answer = raw.query(WITH_ASSOCIATIONS, {"$XDSDocumentEntryEntryUUID": more})
    assert (answer.outcome, answer.errors) == ("Failure", ["XDSStoredQueryParamNumber"])
    assert "20" in answer.contexts
    assert raw.query(WITH_ASSOCIATIONS, {}).errors == ["XDSStoredQueryMissingParam"]


def test_a_lot_and_what_is_in_it(raw: RawClient, fed: Fed) -> None:
    asked = {"$XDSSubmissionSetUniqueId": f"'{fed.lot.unique_id}'"}
    answer = raw.query(CONTENTS, asked)
    assert _sets(answer) == {fed.lot.unique_id}
    documents = _documents(answer)
    assert {fed.first.id, fed.second.id} < set(documents)
    assert len(documents) == 3, "the signature is in the lot"
    links = _links(answer)
    assert {kind for kind, _, _ in links} == {HAS_MEMBER}
    assert {target for _, _, target in links} == set(documents)
    by_uuid = raw.query(CONTENTS, {"$XDSSubmissionSetEntryUUID": f"'{links[0][1]}'"}, returns="ObjectRef")
    assert {node.get("id") for node in by_uuid.all("rim:ObjectRef")} > {links[0][1], *documents}


def test_the_contents_of_a_lot_are_filtered_with_their_links(raw: RawClient, fed: Fed) -> None:
    asked = {
        "$XDSSubmissionSetUniqueId": f"'{fed.lot.unique_id}'",
        "$XDSDocumentEntryConfidentialityCode": f"('MASQUE_PS^^{MASK[1]}')",
        "$XDSDocumentEntryFormatCode": "('urn:ihe:iti:xds-sd:pdf:2008^^1.3.6.1.4.1.19376.1.2.3')",
    }
    answer = raw.query(CONTENTS, asked)
    assert _documents(answer) == [fed.second.id]
    assert [target for _, _, target in _links(answer)] == [fed.second.id]
    two = asked | {"$XDSSubmissionSetUniqueId": "('1.2','1.3')"}
    assert raw.query(CONTENTS, two).errors == ["XDSStoredQueryParamNumber"]
    assert raw.query(CONTENTS, {}).errors == ["XDSStoredQueryMissingParam"]


@pytest.mark.parametrize(
    ("identifier", "parameters"),
    [
        (SETS, STATUS),
        (ASSOCIATIONS, {"$uuid": "('x')"}),
        (WITH_ASSOCIATIONS, {"$XDSDocumentEntryUniqueId": "('1.2')"}),
        (CONTENTS, {"$XDSSubmissionSetUniqueId": "'1.2'"}),
    ],
)
@pytest.mark.parametrize("returns", ["LeafClass", "ObjectRef"])
def test_who_may_ask(raw: RawClient, identifier: str, parameters: dict[str, Any], returns: str) -> None:
    denied = ["DMPAccessDeniedByRightsService"]
    assert raw.query(identifier, parameters, Vihf(), returns).outcome == "Success"
    assert raw.query(identifier, parameters, Vihf(mode=INDIRECT), returns).errors == denied
    assert raw.query(identifier, parameters, Vihf().of(sample.UNAUTHORISED_DOCTOR), returns).errors == denied
    absent = raw.query(identifier, parameters, Vihf(patient=sample.ABSENT.ins), returns)
    assert absent.errors == ["XDSUnknownPatientId"]

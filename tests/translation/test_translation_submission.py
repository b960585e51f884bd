"""ITI-65 Bundles taken apart, and lots read or made."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from facade.domain.errors import InvalidInput
from facade.translation.identifiers import DocumentTarget
from facade.translation.submission_in import read_common_subject, read_submission_bundle
from facade.translation.submission_set_in import SubmissionContext, make_submission_set, read_submission_set
from facade.translation.vocabulary import DESIGNATION_TYPE, LIST_TYPES, SOURCE_ID
from tests.support.translation import (
    DOCTOR,
    NOS,
    NOW,
    OTHER_PATIENT,
    PATIENT,
    RULES,
    Json,
    author,
    codes_of,
    publication,
    subject,
    tables,
)

URI = "urn:ietf:rfc:3986"


def reference(ins: Any = PATIENT) -> Json:
    return {"identifier": {"system": ins.system, "value": ins.value}}


def lot(*documents: str, **changes: Any) -> Json:
    return {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
        "subject": reference(),
        "entry": [{"item": {"reference": name}} for name in documents],
        **changes,
    }


def entry(url: str, resource: Json, method: str = "POST", to: str = "") -> Json:
    return {"fullUrl": url, "resource": resource, "request": {"method": method, "url": to or resource["resourceType"]}}


def document(url: str, binary: str, **changes: Any) -> Json:
    content = [{"attachment": {"contentType": "application/pdf", "url": binary}}]
    return entry(url, publication(content=content, **changes))


def binary(url: str) -> Json:
    return entry(url, {"resourceType": "Binary", "contentType": "application/pdf"})


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def simple() -> Json:
    return bundle(entry("urn:uuid:l", lot("urn:uuid:d")), document("urn:uuid:d", "urn:uuid:b"), binary("urn:uuid:b"))


def patch(value: str = "superseded", path: str = "DocumentReference.status") -> Json:
    part = [
        {"name": "path", "valueString": path},
        {"name": "type", "valueCode": "replace"},
        {"name": "value", "valueCode": value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


REPLACES = [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]


def refused(body: Json, contents: tuple[int, ...] = (2,)) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        read_submission_bundle(body, contents)
    return codes_of(error.value)


def test_two_documents_in_any_order() -> None:
    sent = [
        entry("urn:uuid:l", lot("urn:uuid:d1", "urn:uuid:d2")),
        document("urn:uuid:d1", "urn:uuid:b1"),
        document("urn:uuid:d2", "urn:uuid:b2"),
        binary("urn:uuid:b1"),
        binary("urn:uuid:b2"),
        entry("urn:uuid:p", {"resourceType": "Patient", "id": "x"}),
    ]
    for entries in itertools.permutations(sent):
        contents = [number for number, found in enumerate(entries) if found["resource"]["resourceType"] == "Binary"]
        parts = read_submission_bundle(bundle(*entries), contents)
        assert parts.kinds == tuple(found["resource"]["resourceType"] for found in entries)
        assert len(parts.documents) == 2
        for part in parts.documents:
            assert entries[part.index]["fullUrl"] == part.full_url
            assert entries[part.content_index]["fullUrl"] == part.full_url.replace("d", "b", 2).replace("uuib", "uuid")
            assert part.media_type == "application/pdf"
        assert parts.lot is entries[parts.lot_index]["resource"]
        assert read_common_subject(parts, RULES).ins == PATIENT


def test_data_inside_the_attachment_needs_no_binary() -> None:
    parts = read_submission_bundle(bundle(entry("l", lot("d")), document("d", "")), (1,))
    assert parts.documents[0].content_index == 1


def test_replacement_with_its_redundant_patch() -> None:
    body = simple()
    body["entry"][1]["resource"]["relatesTo"] = REPLACES
    body["entry"].append(entry("urn:uuid:x", patch(), "PATCH", "DocumentReference/old"))
    parts = read_submission_bundle(body, (2,))
    assert parts.patches == ((3, DocumentTarget(id="old")),)
    assert parts.kinds[3] == "Parameters"


@pytest.mark.parametrize(
    ("parameters", "target", "relation"),
    [
        (patch("current"), "DocumentReference/old", REPLACES),
        (patch(path="DocumentReference.securityLabel"), "DocumentReference/old", REPLACES),
        (patch(), "DocumentReference/another", REPLACES),
        (patch(), "DocumentReference/old", None),
        ({"resourceType": "Parameters"}, "DocumentReference/old", REPLACES),
    ],
)
def test_a_patch_that_says_anything_else_is_refused(parameters: Json, target: str, relation: Any) -> None:
    body = simple()
    if relation:
        body["entry"][1]["resource"]["relatesTo"] = relation
    body["entry"].append(entry("urn:uuid:x", parameters, "PATCH", target))
    assert refused(body) == ["bundle.patch"]


def test_a_folder_is_told_apart_from_the_lot() -> None:
    body = simple()
    folder = lot("urn:uuid:d", code={"coding": [{"system": LIST_TYPES, "code": "folder"}]})
    body["entry"].append(entry("urn:uuid:f", folder))
    body["entry"][0]["resource"]["entry"].append({"item": {"reference": "urn:uuid:f"}})
    assert read_submission_bundle(body, (2,)).folders == (3,)


def mutated(change: Any) -> Json:
    body = copy.deepcopy(simple())
    change(body)
    return body


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body.update(type="batch"), "bundle.not-transaction"),
        (lambda body: body.update(type="document"), "bundle.fhir-document"),
        (
            lambda body: body["entry"].__setitem__(0, entry("urn:uuid:p", {"resourceType": "Patient"})),
            "bundle.submission-set",
        ),
        (lambda body: body["entry"].append(entry("urn:uuid:l2", lot())), "bundle.submission-set"),
        (
            lambda body: body["entry"].append(entry("m", {"resourceType": "DocumentManifest"})),
            "bundle.document-manifest",
        ),
        (
            lambda body: body["entry"].append(entry("m", {"resourceType": "Bundle", "type": "document"})),
            "bundle.fhir-document",
        ),
        (lambda body: body["entry"].append(entry("m", {"resourceType": "Observation"})), "bundle.entry-type"),
        (lambda body: body["entry"].append({"fullUrl": "m"}), "bundle.entry-type"),
        (lambda body: body["entry"][1]["request"].update(method="PUT"), "bundle.method"),
        (lambda body: body["entry"][1].pop("request"), "bundle.method"),
        (lambda body: body["entry"][2].update(fullUrl="urn:uuid:d"), "bundle.full-url"),
        (lambda body: body["entry"][1].pop("fullUrl"), "bundle.full-url"),
        (
            lambda body: body["entry"][1]["resource"]["content"][0]["attachment"].update(url="Binary/9"),
            "bundle.binary-missing",
        ),
        (
            lambda body: body["entry"][0]["resource"]["entry"].append({"item": {"reference": "urn:uuid:9"}}),
            "bundle.item-missing",
        ),
        (lambda body: body["entry"][0]["resource"].update(entry=[]), "bundle.item-missing"),
    ],
)
def test_bundles_that_are_refused(change: Any, code: str) -> None:
    assert refused(mutated(change)) == [code]


_OURS = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"
_MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"


@pytest.mark.parametrize(
    ("claimed", "taken"),
    [
        ([_OURS], True),
        ([f"{_MHD}|4.2.3"], True),
        (["https://example.org/local", _OURS], True),
        (["https://example.org/local"], False),
        ([f"{_MHD}.Other"], False),
    ],
)
def test_the_profile_a_bundle_claims_is_one_of_a_publication(claimed: list[str], taken: bool) -> None:
    claiming = {**simple(), "meta": {"profile": claimed}}
    if taken:
        assert read_submission_bundle(claiming, {2}).documents
        return
    with pytest.raises(InvalidInput) as error:
        read_submission_bundle(claiming, {2})
    assert codes_of(error.value) == ["bundle.profile"]


def test_a_bundle_without_a_document() -> None:
    assert refused(bundle(entry("l", lot()))) == ["bundle.no-document"]


def test_a_binary_whose_data_are_missing() -> None:
    assert refused(simple(), ()) == ["bundle.binary-missing"]


def test_all_resources_are_of_one_patient() -> None:
    body = simple()
    body["entry"][1]["resource"]["subject"] = reference(OTHER_PATIENT)
    with pytest.raises(InvalidInput) as error:
        read_common_subject(read_submission_bundle(body, (2,)), RULES)
    assert codes_of(error.value) == ["patient.mismatch"]
    body["entry"][0]["resource"].pop("subject")
    with pytest.raises(InvalidInput) as error:
        read_common_subject(read_submission_bundle(body, (2,)), RULES)
    assert codes_of(error.value) == ["patient.missing"]


def context() -> SubmissionContext:
    return SubmissionContext(DOCTOR, tables(), NOW, "e" * 8, "1.2.3.55", "1.2.3")


def test_a_lot_is_made_where_there_is_no_list() -> None:
    made = make_submission_set(subject(), context(), (author(), author()), "Titre")
    assert (made.unique_id, made.source_id, made.title) == ("1.2.3.55", "1.2.3", "Titre")
    assert made.content_type.code == "97"
    assert made.authors == (author(),)
    assert made.submission_time.digits == "20260612080000"


def designated(system: str, code: str) -> Json:
    coding = {"coding": [{"system": system, "code": code}]}
    return {"extension": [{"url": DESIGNATION_TYPE, "valueCodeableConcept": coding}]}


R209 = f"{NOS}TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite"
A03 = f"{NOS}TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"


def read(**changes: Any) -> tuple[Any, dict[str, str]]:
    made, filled = read_submission_set(lot(**changes), subject(), context(), (author(),))
    return made, dict(filled)


def test_a_list_is_read() -> None:
    made, filled = read(
        title="Lot",
        note=[{"text": "une"}, {"text": "deux"}],
        date="2026-06-12T10:00:00+02:00",
        identifier=[
            {"use": "official", "system": URI, "value": "urn:uuid:33333333-dddd-eeee-ffff-444444444444"},
            {"use": "usual", "system": URI, "value": "urn:oid:1.2.3.4"},
        ],
        extension=[
            *designated(R209, "04")["extension"],
            {"url": SOURCE_ID, "valueIdentifier": {"system": URI, "value": "urn:oid:1.2.250.9"}},
        ],
    )
    assert (made.unique_id, made.source_id, made.title, made.comments) == ("1.2.3.4", "1.2.250.9", "Lot", "une\ndeux")
    assert (made.content_type.code, made.content_type.scheme) == ("04", "1.2.250.1.213.2.2")
    assert made.submission_time.digits == "20260612080000"
    assert filled == {}


def test_a_bare_list_is_completed() -> None:
    made, filled = read()
    assert made.unique_id == "1.2.3.55"
    assert set(filled) == {
        "List.extension[designationType]",
        "List.extension[sourceId]",
        "List.identifier",
        "List.date",
    }


def test_the_class_put_in_place_of_the_content_type_by_pdsm4dmp_leaves_the_default() -> None:
    made, filled = read(**designated(A03, "11"))
    assert made.content_type.code == "97"
    assert filled["List.extension[designationType]"] == "97"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (designated(R209, "ZZ"), "code.unknown"),
        (designated("http://snomed.info/sct", "80146002"), "code.unknown"),
        ({"status": "retired"}, "submission-set.status"),
        ({"mode": "snapshot"}, "submission-set.status"),
        ({"date": "hier"}, "date.malformed"),
        ({"identifier": [{"use": "usual", "value": "42"}]}, "identifier.not-unique-id"),
        (
            {"extension": [{"url": SOURCE_ID, "valueIdentifier": {"system": URI, "value": "SRC"}}]},
            "submission-set.source-id",
        ),
        ({"extension": [{"url": SOURCE_ID, "valueIdentifier": {"value": "SRC"}}]}, "submission-set.source-id"),
    ],
)
def test_lists_that_are_refused(changes: Json, code: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read(**changes)
    assert codes_of(error.value) == [code]


def test_pdsm_source_id_with_the_oid_as_system() -> None:
    identifier = {"system": "urn:oid:1.2.250.1.213.1.1.1", "value": "SRC-01"}
    made, _ = read(extension=[{"url": SOURCE_ID, "valueIdentifier": identifier}])
    assert made.source_id == "1.2.250.1.213.1.1.1"

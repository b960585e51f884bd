"""TD2.1: what a lot must be, and what becomes of what it replaces."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_lot import (
    HAS_MEMBER,
    RPLC,
    Document,
    Lot,
    association,
    lot_signature,
)
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import AIR, INDIRECT, TD21, oid

ERROR = "XDSRegistryMetadataError"
PRODUCERS = "1.2.250.1.213.1.1.4.6"
MASKS = "1.2.250.1.213.1.1.4.13"
NORMAL = ("N", "2.16.840.1.113883.5.25")
FEED = Vihf(mode=INDIRECT)


def _stored(raw: RawClient, document: Document) -> bool:
    return bool(raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject"))


def test_a_signed_lot_is_stored_with_its_documents(raw: RawClient) -> None:
    first, second = Document(), Document(title="Deuxième", confidentiality=(NORMAL, ("MASQUE_PS", MASKS)))
    answer = raw.provide(first, second)
    assert (answer.status, answer.outcome, answer.errors) == (200, "Success", [])
    assert raw.retrieve([first.unique_id, second.unique_id], Vihf()).documents == {
        first.unique_id: first.bytes,
        second.unique_id: second.bytes,
    }
    line = raw.lines()[-2]
    assert (line["transaction"], line["signature_ok"], line["mtom"]) == ("TD2.1", True, True)
    assert (line["result"], line["vihf"]["mode"]) == ("success", INDIRECT)


@pytest.mark.parametrize(
    ("vihf", "person", "institution"),
    [
        (FEED.but(name_id="idpe-1", roles=(("EXP_PATIENT", PRODUCERS),)), "x", "other"),
        (FEED.but(name_id="app", roles=(("SNR", PRODUCERS),), sector=f"SNR^{PRODUCERS}"), "x", "other"),
        (FEED.but(name_id=sample.HOSPITAL.id, roles=(("AUTOMATE", PRODUCERS),)), "x", sample.HOSPITAL.id),
        (FEED.but(purpose="centre_15"), "x", sample.HOSPITAL.id),
        (FEED.of(sample.UNAUTHORISED_DOCTOR), "x", sample.CLINIC.id),
    ],
)
def test_who_may_feed(raw: RawClient, vihf: Vihf, person: str, institution: str) -> None:
    """Feeding needs no authorisation, and only users who are not of a structure may sign for another author."""
    document = Document(author=person, institution=institution)
    assert raw.provide(document, vihf=vihf, lot=Lot(author=person, institution=institution)).outcome == "Success"


@pytest.mark.parametrize("transform", ["", "http://www.w3.org/2001/10/xml-exc-c14n#"])
def test_the_transform_of_the_manifest_is_the_declared_one(raw: RawClient, transform: str) -> None:
    document, lot = Document(), Lot()
    signature = lot_signature(raw.signer, lot.unique_id, {document.unique_id: document.bytes}, transform=transform)
    assert raw.provide(document, lot=lot, signature=signature).outcome == "Success"


@pytest.mark.parametrize(
    ("patient", "code"),
    [(sample.ABSENT, "XDSUnknownPatientId"), (sample.CLOSED, "DMPClosed")],
)
def test_the_record_must_exist_and_be_open(raw: RawClient, patient: sample.SamplePatient, code: str) -> None:
    answer = raw.provide(Document(patient=patient.ins), vihf=FEED.but(patient=patient.ins))
    assert (answer.outcome, answer.errors) == ("Failure", [code])
    assert raw.lines()[-1]["result"] == code


def test_air_does_not_feed_nor_does_break_glass(raw: RawClient) -> None:
    for vihf in (FEED.but(mode=AIR), FEED.but(purpose="bris_de_glace")):
        assert raw.provide(Document(), vihf=vihf).errors == ["DMPAccessDeniedByRightsService"]


@pytest.mark.parametrize(
    "changes",
    [
        {"type_code": ("11506-9", "2.16.840.1.113883.6.1")},
        {"type_code": ("11502-2", "1.2.3")},
        {"class_code": ("99", "1.2.250.1.213.1.1.4.1")},
        {"format_code": ("urn:unknown", "1.3.6.1.4.1.19376.1.2.3")},
        {"facility": ("SA99", "1.2.250.1.71.4.2.4")},
        {"practice": ("OTHER", "1.2.250.1.213.1.1.4.9")},
        {"confidentiality": ()},
        {"confidentiality": (("MASQUE_PS", MASKS),)},
        {"confidentiality": (NORMAL, NORMAL)},
        {"confidentiality": (NORMAL, ("R", NORMAL[1]))},
        {"confidentiality": (NORMAL, ("MASQUE_TOUS", MASKS))},
        {"title": ""},
        {"slots": (("creationTime", ""),)},
        {"slots": (("creationTime", "20241301"),)},
        {"slots": (("serviceStartTime", ""),)},
        {"slots": (("serviceStopTime", "x"),)},
        {"slots": (("languageCode", ""),)},
        {"slots": (("legalAuthenticator", ""),)},
        {"slots": (("legalAuthenticator", "1^A^B"),)},
        {"slots": (("sourcePatientId", ""),)},
        {"mime_type": "application/pdf"},
        {"created": "20991231"},
    ],
)
def test_metadata_that_is_wrong_or_missing_is_refused(raw: RawClient, changes: dict[str, Any]) -> None:
    document = Document(**changes)
    assert raw.provide(document).errors == [ERROR]
    assert not _stored(raw, document)


@pytest.mark.parametrize(
    ("lot", "code"),
    [
        (Lot(institution=sample.CLINIC.id), ERROR),
        (Lot(content_type=("04", "1.2.3")), ERROR),
        (Lot(content_type=("zz", "1.2.250.1.213.2.2")), ERROR),
        (Lot(submitted="now"), ERROR),
        (Lot(source_id="x"), ERROR),
        (Lot(unique_id="x"), ERROR),
        (Lot(node=False), ERROR),
        (Lot(patient=sample.MINOR.ins), "XDSPatientIdDoesNotMatch"),
    ],
)
def test_a_wrong_submission_set_is_refused(raw: RawClient, lot: Lot, code: str) -> None:
    answer = raw.provide(Document(), lot=lot)
    assert answer.errors == [code]
    if lot.institution == sample.CLINIC.id:
        assert answer.contexts == "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF"


@pytest.mark.parametrize("unique_id", ["1.2.3^4", "urn:oid:1.2.3", "1.02.3", "2.25." + "1" * 70])
def test_a_unique_id_is_a_plain_oid(raw: RawClient, unique_id: str) -> None:
    assert raw.provide(Document(unique_id=unique_id)).errors == ["XDSDocumentUniqueIdError"]


def test_the_same_document_or_lot_twice(raw: RawClient) -> None:
    document, lot = Document(), Lot()
    assert raw.provide(document, lot=lot).outcome == "Success"
    again = document.but(id=uuid.uuid4().urn)
    assert raw.provide(again).errors == ["XDSDuplicateUniqueIdInRegistry"]
    changed = again.but(cda_changes={"CR d'examens": "Autre"})
    assert raw.provide(changed).errors == ["XDSNonIdenticalHash"]
    assert raw.provide(Document(id=document.id)).errors == [ERROR]
    assert raw.provide(Document(), lot=lot).errors == ["XDSDuplicateUniqueIdInRegistry"]


def test_a_stated_hash_and_size_must_be_right(raw: RawClient) -> None:
    document = Document()
    wrong = document.but(slots=(("hash", "0" * 40),))
    assert raw.provide(wrong).errors == ["XDSRepositoryMetadataError"]
    assert raw.provide(document.but(slots=(("size", "1"),))).errors == ["XDSRepositoryMetadataError"]
    right = (("hash", document.sha1), ("size", str(len(document.bytes))))
    assert raw.provide(document.but(slots=right)).outcome == "Success"


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b"%PDF-1.7"},
        {"content": b"<ClinicalDocument/>"},
        {"content": b"<!DOCTYPE x><x/>"},
        {"cda_changes": {"<id root": "<id extension='1' root"}},
        {"cda_changes": {"<id root": "<id root='1.2.3'/><id root"}},
        {"cda_changes": {'code="11502-2"': 'code="11490-0"'}},
        {"cda_changes": {sample.ADULT.ins: sample.MINOR.ins}},
        {"cda_changes": {"1.2.250.1.213.1.4.10": "1.2.250.1.213.1.4.8"}},
        {"cda_changes": {"<ClinicalDocument": '<?xml-stylesheet type="text/xsl" href="x.xsl"?><ClinicalDocument'}},
    ],
)
def test_the_document_is_a_cda_that_says_what_its_metadata_say(raw: RawClient, changes: dict[str, Any]) -> None:
    document, lot = Document(**changes), Lot()
    signature = lot_signature(raw.signer, lot.unique_id, {document.unique_id: document.bytes}, transform="")
    assert raw.provide(document, lot=lot, signature=signature).errors == ["XDSRepositoryMetadataError"]


def test_a_self_presentable_cda_is_accepted(raw: RawClient) -> None:
    inside = '<?xml-stylesheet type="text/xsl" href="#inside"?><ClinicalDocument'
    assert raw.provide(Document(cda_changes={"<ClinicalDocument": inside})).outcome == "Success"


def test_the_lot_is_signed_by_the_signature_certificate(raw: RawClient) -> None:
    document, lot = Document(), Lot()
    signature = lot_signature(raw.wrong_signer, lot.unique_id, {document.unique_id: document.bytes})
    assert raw.provide(document, lot=lot, signature=signature).errors == ["DMPInvalidCertificate"]
    assert raw.lines()[-1]["signature_ok"] is False
    assert not _stored(raw, document)


def _signatures(raw: RawClient, document: Document, lot: Lot) -> dict[str, bytes]:
    right = lot_signature(raw.signer, lot.unique_id, {document.unique_id: document.bytes})
    other = Document()
    return {
        "not XML": b"signature",
        "not a signature": b"<a/>",
        "another lot": lot_signature(raw.signer, oid(), {document.unique_id: document.bytes}),
        "other bytes": lot_signature(raw.signer, lot.unique_id, {document.unique_id: other.bytes}),
        "no document": lot_signature(raw.signer, lot.unique_id, {}),
        "one document too many": lot_signature(
            raw.signer, lot.unique_id, {document.unique_id: document.bytes, other.unique_id: other.bytes}
        ),
        "changed after signing": right.replace(b"AA==", b"AQ=="),
        "other manifest": right.replace(b"IHEManifest", b"OtherManifest"),
        "sha1": right.replace(b"xmldsig-more#rsa-sha256", b"xmldsig#rsa-sha1"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "not XML",
        "not a signature",
        "another lot",
        "other bytes",
        "no document",
        "one document too many",
        "changed after signing",
        "other manifest",
        "sha1",
    ],
)
def test_a_lot_whose_signature_does_not_hold_is_refused(raw: RawClient, kind: str) -> None:
    document, lot = Document(), Lot()
    answer = raw.provide(document, lot=lot, signature=_signatures(raw, document, lot)[kind])
    assert answer.errors == ["XDSRepositoryError"]
    assert "signature du lot invalide" in answer.contexts
    assert raw.lines()[-1]["signature_ok"] is False
    assert not _stored(raw, document)


def test_every_object_has_its_document_and_its_place_in_the_lot(raw: RawClient) -> None:
    document, lot = Document(), Lot()
    signature = lot_signature(raw.signer, lot.unique_id, {document.unique_id: document.bytes})
    both = {document.id: document.bytes, "Signature01": signature}
    assert raw.provide(document, lot=lot, parts={"Signature01": signature}).errors == ["XDSMissingDocument"]
    assert raw.provide(document, lot=lot, parts=both | {"x": b"<x/>"}).errors == ["XDSMissingDocumentMetadata"]
    assert raw.provide(document, lot=lot, parts=both | {document.id: b""}).errors == ["XDSRepositoryError"]
    link = association(HAS_MEMBER, "SubmissionSet01", "other", SubmissionSetStatus="Original")
    assert raw.provide(document, lot=lot, objects=link).errors == [ERROR]
    apnd = association("urn:ihe:iti:2007:AssociationType:APND", document.id, uuid.uuid4().urn)
    assert raw.provide(document, lot=lot, objects=apnd).errors == [ERROR]
    assert raw.provide(document, lot=lot, leave_out="AssociationType:signs").errors == [ERROR]
    assert raw.provide(document, lot=lot, leave_out="Original").errors == [ERROR]


def test_feeding_without_mtom_is_refused(raw: RawClient) -> None:
    envelope = raw.envelope(
        TD21, '<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"/>', raw.assertion(FEED)
    )
    code, reason = raw.post("repository", envelope).fault
    assert code == "Sender"
    assert "MTOM" in reason


def test_a_patient_that_is_not_the_one_of_the_vihf(raw: RawClient) -> None:
    assert raw.provide(Document(patient=sample.MINOR.ins)).errors == ["XDSPatientIdDoesNotMatch"]


def test_a_replacement_deprecates_its_target(raw: RawClient) -> None:
    old = Document()
    raw.provide(old)
    new = Document(replaces=old.unique_id)
    assert raw.provide(new, replaces={new.id: old.id}).outcome == "Success"
    found = {
        node.get("id"): node.get("status", "").rsplit(":", 1)[-1]
        for node in raw.get(EntryUUID=f"('{old.id}','{new.id}')").all("rim:ExtrinsicObject")
    }
    assert found == {old.id: "Deprecated", new.id: "Approved"}
    assert raw.retrieve([old.unique_id]).documents == {old.unique_id: old.bytes}, "older versions may still be read"
    third = Document(replaces=old.unique_id)
    assert raw.provide(third, replaces={third.id: old.id}).errors == ["XDSRegistryDeprecatedDocumentError"]
    assert not _stored(raw, third)


def test_a_stale_entry_uuid_is_not_replaced(raw: RawClient) -> None:
    old = Document()
    raw.provide(old)
    masked = old.but(id=uuid.uuid4().urn, lid=old.id, confidentiality=(NORMAL, ("MASQUE_PS", MASKS)))
    assert raw.mask(masked, 1).outcome == "Success"
    new = Document(replaces=old.unique_id)
    assert raw.provide(new, replaces={new.id: old.id}).errors == ["XDSRegistryDeprecatedDocumentError"]
    assert raw.provide(new, replaces={new.id: masked.id}).outcome == "Success"


def test_what_cannot_be_replaced(raw: RawClient) -> None:
    theirs = Document(patient=sample.MINOR.ins)
    raw.provide(theirs, vihf=FEED.but(patient=sample.MINOR.ins))
    mine = Document()
    raw.provide(mine)
    new = Document(replaces=mine.unique_id)
    assert raw.provide(new, replaces={new.id: uuid.uuid4().urn}).errors == ["UnresolvedReferenceException"]
    assert raw.provide(new, replaces={new.id: theirs.id}).errors == ["XDSPatientIdDoesNotMatch"]
    assert raw.provide(new, replaces={mine.id: new.id}).errors == [ERROR]
    silent = Document()
    assert raw.provide(silent, replaces={silent.id: mine.id}).errors == ["XDSRepositoryMetadataError"]
    twice = association(RPLC, new.id, uuid.uuid4().urn)
    assert raw.provide(new, replaces={new.id: mine.id}, objects=twice).errors == [ERROR]


def test_symbolic_ids_become_uuids(raw: RawClient) -> None:
    document = Document(id="Document01")
    assert raw.provide(document).outcome == "Success"
    (entry,) = raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject")
    assert entry.get("id", "").startswith("urn:uuid:")
    assert entry.get("lid") == entry.get("id")
    for node in entry.iterchildren():
        for name in ("classifiedObject", "registryObject"):
            assert node.get(name) in (None, entry.get("id"))

"""The examples published by ANS and IHE: each is accepted, or refused for the reason written beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facade.domain.caller import Caller, CallerKind
from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import InvalidInput
from facade.domain.masking import Flag, Level, Masking
from facade.translation import attachment
from facade.translation.cda_read import check_against, is_cda, read_header
from facade.translation.document_in import read_document_reference
from facade.translation.patch import TargetState, read_patch
from facade.translation.subject_in import SubjectRules, read_subject
from facade.translation.submission_in import read_common_subject, read_submission_bundle
from facade.translation.submission_set_in import SubmissionContext, read_submission_set
from facade.translation.validation import validate_resource
from tests.support.translation import DOCTOR, HOSPITAL, NOW, RULES, Json, codes_of, context, entry, examples, tables

FOLDER = examples()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="the published examples are not beside the checkout")
# The author of PDSm4DMP's examples is the caller; its patient 123456789012345 has a wrong key on purpose.
AUTHOR = Caller(CallerKind.PROFESSIONAL, "899700218896", "", HOSPITAL, family="TEST", given="AUTEUR", profession="10")
LAX = SubjectRules(test_identities=True, check_test_keys=False)


def load(name: str) -> Any:
    assert FOLDER is not None
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def with_valid_patient(resource: Any) -> Any:
    """The example with a test identity of the same shape instead of the placeholder under the real NIR's OID."""
    text = json.dumps(resource).replace("urn:oid:1.2.250.1.213.1.4.8|", "urn:oid:1.2.250.1.213.1.4.10|")
    return json.loads(text.replace('"urn:oid:1.2.250.1.213.1.4.8"', '"urn:oid:1.2.250.1.213.1.4.10"'))


def publish(resource: Json, contents: dict[int, Any], rules: SubjectRules, caller: Caller) -> DocumentEntry:
    """Everything a publication by ITI-105 goes through here."""
    validate_resource(resource, "DocumentReference")
    subject = read_subject(resource, {}, rules)
    file = attachment.decode(contents[0])
    content = bytes(file)
    cda = read_header(content) if is_cda(content) else None
    draft = read_document_reference(resource, subject, context(caller), cda=cda)
    attachment.check_attachment(draft.attachment, file)
    if cda is not None:
        problems = check_against(cda, draft.entry)
        if problems:
            raise InvalidInput(problems)
    return draft.entry


@pytest.mark.parametrize(
    ("name", "caller", "codes"),
    [
        # The INS is a placeholder whose key is wrong.
        ("pdsm4dmp/DocumentReference-td2-iti105.json", AUTHOR, ["identity.ins-key"]),
        # A wrong test key is not looked at here; the structure and the author are the caller's.
        ("pdsm/DocumentReference-simplified-replace-draft.json", AUTHOR, []),
        # Its patient is on a server nobody named here.
        ("pdsm/DocumentReference-simplified-publish.json", DOCTOR, ["patient.unresolved"]),
    ],
)
def test_simplified_publication(name: str, caller: Caller, codes: list[str]) -> None:
    resource = load(name)
    contents = attachment.take_out(resource)
    if not codes:
        made = publish(resource, contents, LAX, caller)
        assert made.masking.flags == {Flag.MASKED_TO_PROFESSIONALS}
        return
    with pytest.raises(InvalidInput) as error:
        publish(resource, contents, LAX, caller)
    assert codes_of(error.value) == codes


def test_simplified_publication_of_pdsm4dmp_holds_an_empty_cda() -> None:
    resource = with_valid_patient(load("pdsm4dmp/DocumentReference-td2-iti105.json"))
    contents = attachment.take_out(resource)
    with pytest.raises(InvalidInput) as error:
        publish(resource, contents, LAX, AUTHOR)
    assert set(codes_of(error.value)) == {"cda.patient-missing", "cda.element-missing"}


@pytest.mark.parametrize("name", ["pdsm4dmp/Bundle-td2-iti65.json", "pdsm4dmp/Bundle-td2-1-replace.json"])
def test_bundles_of_pdsm4dmp(name: str) -> None:
    bundle = load(name)
    contents = attachment.take_out(bundle)
    validate_resource(bundle, "Bundle")
    parts = read_submission_bundle(bundle, contents)
    assert len(parts.documents) == 1
    assert len(parts.patches) == ("replace" in name)
    with pytest.raises(InvalidInput) as error:
        read_common_subject(parts, LAX)
    assert set(codes_of(error.value)) == {"identity.ins-key"}

    parts = read_submission_bundle(with_valid_patient(bundle), contents)
    subject = read_common_subject(parts, LAX)
    file = attachment.decode(contents[parts.documents[0].content_index])
    resource = parts.documents[0].resource
    with pytest.raises(InvalidInput) as error:
        read_document_reference(resource, subject, context(AUTHOR), index=parts.index, cda=read_header(bytes(file)))
    # Class 11 is not the class of 11488-4, and mimeTypeSufficient is not a format of the DMP.
    assert sorted(codes_of(error.value)) == ["category.contradicts-type", "code.unknown"]
    attachment.check_attachment(resource["content"][0]["attachment"], file)
    lot, filled = read_submission_set(
        parts.lot, subject, SubmissionContext(AUTHOR, tables(), NOW, "e", "1.2.3", "1.2"), ()
    )
    assert lot.source_id == "1.2.3.4.5.6.7.8"
    assert "List.extension[designationType]" in dict(filled)


def test_replace_bundle_of_pdsm() -> None:
    bundle = load("pdsm/Bundle-provide-replace.json")
    contents = attachment.take_out(bundle)
    validate_resource(bundle, "Bundle")
    parts = read_submission_bundle(bundle, contents)
    assert parts.patches[0][1].id == "doc-old"
    with pytest.raises(InvalidInput) as error:
        read_common_subject(parts, RULES)
    # Its subject is a Patient of another server.
    assert set(codes_of(error.value)) == {"patient.unresolved"}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("comprehensiveProvideDocumentBundleSimple", []),
        ("comprehensiveProvideDocumentBundleMultiple", []),
        ("comprehensiveProvideDocumentBundleReplace", []),
        ("minimalProvideDocumentBundleSimple", []),
        ("comprehensiveProvideDocumentBundleDocument", ["bundle.fhir-document"]),
    ],
)
def test_bundles_of_mhd(name: str, codes: list[str]) -> None:
    bundle = load(f"mhd/Bundle-{name}.json")
    contents = attachment.take_out(bundle)
    if not codes:
        parts = read_submission_bundle(bundle, contents)
        assert parts.documents
        return
    with pytest.raises(InvalidInput) as error:
        read_submission_bundle(bundle, contents)
    assert codes_of(error.value) == codes


MASKED = Masking(Level.NORMAL, frozenset({Flag.MASKED_TO_PROFESSIONALS}))
HIDDEN = Masking(Level.NORMAL, frozenset({Flag.HIDDEN_FROM_PATIENT}))
APPROVED, ARCHIVED, DELETED = Availability.APPROVED, Availability.ARCHIVED, Availability.DELETED


@pytest.mark.parametrize(
    ("name", "current", "expected"),
    [
        ("pdsm4dmp/patch-td3-3a-mask", entry(), TargetState(MASKED, APPROVED)),
        ("pdsm4dmp/patch-td3-3a-unmask", entry(masking=MASKED), TargetState(Masking(), APPROVED)),
        ("pdsm4dmp/patch-td3-3b-hide", entry(), TargetState(HIDDEN, APPROVED)),
        ("pdsm4dmp/patch-td3-3b-show", entry(masking=HIDDEN), TargetState(Masking(), APPROVED)),
        ("pdsm4dmp/patch-td3-3d-archive", entry(), TargetState(Masking(), ARCHIVED)),
        ("pdsm4dmp/patch-td3-3d-unarchive", entry(availability=ARCHIVED), TargetState(Masking(), APPROVED)),
        ("pdsm/patch-fhirpath-update-draft", entry(), TargetState(Masking(Level.RESTRICTED), ARCHIVED)),
        ("pdsm/patch-fhirpath-delete-draft", entry(), TargetState(Masking(), DELETED)),
        ("pdsm/patch-json-delete-draft", entry(), TargetState(Masking(), DELETED)),
    ],
)
def test_patches(name: str, current: DocumentEntry, expected: TargetState) -> None:
    assert read_patch(load(f"{name}.json"), current, tables()) == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        # entered-in-error is overtaken by isDeleted and superseded.
        ("pdsm4dmp/patch-td3-3c-delete", "patch.delete-incomplete"),
        # securityLabel as a bare text.
        ("pdsm/patch-json-as-published", "patch.malformed"),
    ],
)
def test_patches_that_are_refused(name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_patch(load(f"{name}.json"), entry(), tables())
    assert codes_of(error.value) == [code]


def test_every_resource_of_the_guides_is_valid_or_refused_without_a_crash() -> None:
    assert FOLDER is not None
    valid = 0
    for path in sorted(FOLDER.glob("*/*.json")):
        resource = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(resource, dict):
            continue
        attachment.take_out(resource)
        try:
            validate_resource(resource)
        except InvalidInput:
            continue
        valid += 1
    assert valid > 50

"""Publications as they come in: what is filled, what is refused, and that everything wrong is told at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facade.domain.errors import InvalidInput
from facade.domain.masking import Flag, Level
from facade.translation.cda_read import CdaHeader
from facade.translation.document_in import DocumentDraft, read_document_reference
from facade.translation.identifiers import DocumentTarget, unique_id_of_uuid
from tests.support.translation import (
    DOCTOR,
    LOINC,
    NOS,
    OTHER_PATIENT,
    PATIENT,
    TRE_A07,
    UNIQUE_ID,
    UUID_ENTRY,
    V3,
    Json,
    codes_of,
    context,
    known,
    publication,
    subject,
    tables,
)

CLASSES = f"{NOS}TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
MISSPELT = f"{NOS}TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"


def read(changes: Json | None = None, **options: Any) -> DocumentDraft:
    return read_document_reference(
        publication(**(changes or {})), subject(), options.pop("given", context()), **options
    )


def refused(changes: Json, **options: Any) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        read(changes, **options)
    assert PATIENT.value not in repr(error.value.problems)
    return codes_of(error.value)


def attachment(**changes: Any) -> Json:
    content: Json = {"attachment": {"contentType": "application/pdf", "title": "CR", **changes}}
    return {"content": [content]}


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def test_the_least_a_modern_app_sends_is_completed() -> None:
    draft = read()
    entry = draft.entry
    assert entry.unique_id == UNIQUE_ID
    assert (entry.entry_uuid, entry.logical_id) == (UUID_ENTRY, UUID_ENTRY)
    assert entry.class_code.code == "10"
    assert entry.facility.code == "SA01"
    assert entry.practice.code == "ETABLISSEMENT"
    assert entry.format_code.code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert entry.creation_time.digits == "20260612080000"
    assert entry.service_start == entry.creation_time
    assert entry.language == "fr-FR"
    assert entry.masking.level is Level.NORMAL
    assert entry.mime_type == "text/xml"
    assert entry.authors[0].person.id == DOCTOR.id
    assert entry.authors[0].institutions[0].id == DOCTOR.structure.id
    assert entry.authors[0].specialties[0].code == "G15_10/SM26"
    assert entry.legal_authenticator == entry.authors[0].person
    assert entry.source_patient.family == "PAT-TROIS"
    assert draft.media_type == "application/pdf"
    elements = {element for element, _ in draft.filled}
    assert elements >= {
        "DocumentReference.masterIdentifier",
        "DocumentReference.category",
        "DocumentReference.author",
        "DocumentReference.authenticator",
        "DocumentReference.securityLabel",
        "DocumentReference.content.format",
        "DocumentReference.content.attachment.creation",
        "DocumentReference.content.attachment.language",
        "DocumentReference.context.facilityType",
        "DocumentReference.context.practiceSetting",
        "DocumentReference.context.period.start",
        "DocumentReference.context.sourcePatientInfo",
    }
    assert "DocumentReference.content.attachment.title" not in elements


def test_what_is_filled_says_no_trait() -> None:
    assert "PAT-TROIS" not in repr(read().filled)


def test_title_is_the_label_of_the_type_when_there_is_none() -> None:
    draft = read({"content": [{"attachment": {"contentType": "application/pdf"}}]})
    assert draft.entry.title == "CR ou fiche de consultation ou de visite"


def test_creation_is_the_attachments_then_the_resources_date() -> None:
    both = {**attachment(creation="2026-01-02"), "date": "2026-01-03T10:00:00+01:00"}
    assert read(both).entry.creation_time.digits == "20260102"
    assert read({"date": "2026-01-03T00:30:00+01:00"}).entry.creation_time.digits == "20260102233000"


@pytest.mark.parametrize(
    "date", ["2026-01-03T10:00:00", "03/01/2026", "2026-13-01", "2026-02-30T00:00:00Z", 20260103, ""]
)
def test_dates_that_are_not_fhir(date: Any) -> None:
    assert refused({"date": date}) == ["date.malformed"]


def test_period_is_kept_and_must_not_end_before_it_starts() -> None:
    period = {"start": "2026-06-01T08:00:00+02:00", "end": "2026-06-02"}
    entry = read({"context": {"period": period}}).entry
    assert entry.service_start is not None
    assert entry.service_stop is not None
    assert (entry.service_start.digits, entry.service_stop.digits) == ("20260601060000", "20260602")
    assert refused({"context": {"period": {"start": "2026-06-03", "end": "2026-06-02"}}}) == ["period.reversed"]
    same_day = {"start": "2026-06-02T08:00:00Z", "end": "2026-06-02"}
    assert read({"context": {"period": same_day}}).entry.service_stop is not None


def test_unique_id_of_an_oid_and_of_a_uuid() -> None:
    uuid = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    system = "urn:ietf:rfc:3986"
    assert read({"masterIdentifier": {"system": system, "value": "urn:oid:1.2.3.4"}}).entry.unique_id == "1.2.3.4"
    # The example of ITU-T X.667, section 8.
    assert unique_id_of_uuid(uuid) == "2.25.329800735698586629295641978511506172918"
    assert read({"masterIdentifier": {"system": system, "value": uuid}}).entry.unique_id == unique_id_of_uuid(uuid)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("urn:oid:1.2.3^42", "identifier.oid-extension"),
        ("urn:uuid:abcd-efgh-ijkl-mnop", "identifier.not-unique-id"),
        ("urn:oid:1.2.", "identifier.not-unique-id"),
        ("urn:oid:1.02.3", "identifier.not-unique-id"),
        ("urn:oid:3.2.3", "identifier.not-unique-id"),
        ("urn:oid:1." + "9" * 63, "identifier.not-unique-id"),
        ("42", "identifier.not-unique-id"),
    ],
)
def test_unique_ids_that_the_dmp_cannot_hold(value: str, code: str) -> None:
    assert refused({"masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": value}}) == [code]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": concept(LOINC, "99999-9")}, "code.unknown"),
        (
            {"type": concept(f"{NOS}TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire", "11488-4")},
            "code.unknown",
        ),
        ({"type": {"text": "Compte rendu"}}, "code.unknown"),
        ({"type": None}, "type.missing"),
        ({"type": concept(f"{NOS}TRE_A12-NomenclatureASTM/FHIR/TRE-A12-NomenclatureASTM", "E1762")}, "type.reserved"),
        ({"category": [concept(CLASSES, "11")]}, "category.contradicts-type"),
        ({"category": [concept(CLASSES, "77")]}, "code.unknown"),
        ({"context": {"facilityType": concept(LOINC, "SA01")}}, "code.unknown"),
        ({"context": {"facilityType": concept("http://snomed.info/sct", "1")}}, "code.unknown"),
        ({"context": {"practiceSetting": concept("urn:oid:1.2.3", "AMBULATOIRE")}}, "code.unknown"),
        ({"context": {"event": [concept("http://example.org/acts", "A")]}}, "code.unknown"),
        ({"docStatus": "final"}, "document.element-forbidden"),
        ({"modifierExtension": [{"url": "x", "valueBoolean": True}]}, "document.element-forbidden"),
        ({"implicitRules": "http://example.org"}, "document.element-forbidden"),
        ({"status": "superseded"}, "document.status-not-current"),
        ({"status": "entered-in-error"}, "document.status-not-current"),
        ({"content": [{"attachment": {"contentType": "video/mp4"}}]}, "format.undetermined"),
    ],
)
def test_what_the_dmp_cannot_take_is_refused(changes: Json, code: str) -> None:
    assert refused(changes) == [code]


def test_code_unknown_names_the_element_the_code_and_the_value_set() -> None:
    with pytest.raises(InvalidInput) as error:
        read({"type": concept(LOINC, "99999-9")})
    problem = error.value.problems[0]
    assert problem.expression == ("DocumentReference.type",)
    assert problem.values["code"] == "99999-9"
    assert problem.values["value_set"] == "JDV_J66-TypeCode-DMP"


def test_everything_wrong_is_told_at_once() -> None:
    codes = refused(
        {
            "status": "superseded",
            "type": concept(LOINC, "99999-9"),
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "42"},
            "date": "yesterday",
            "securityLabel": [concept(TRE_A07, "MASQUE_PT")],
            "author": [{"reference": "#nobody"}],
        }
    )
    assert set(codes) == {
        "document.status-not-current",
        "code.unknown",
        "identifier.not-unique-id",
        "date.malformed",
        "security-label.unknown",
        "reference.unresolved",
    }


def test_display_is_never_trusted() -> None:
    coding = {"system": CLASSES, "code": "10", "display": "Synthèse"}
    assert read({"category": [{"coding": [coding]}]}).entry.class_code.display == "Compte rendu"


def test_the_snomed_codes_of_pdsm4dmp_are_mapped() -> None:
    where = {
        "facilityType": concept("http://snomed.info/sct", "22232009"),
        "practiceSetting": concept("http://snomed.info/sct", "394802001"),
    }
    entry = read({"context": where}).entry
    assert (entry.facility.code, entry.practice.code) == ("SA01", "AMBULATOIRE")


@pytest.mark.parametrize(
    ("labels", "level", "flags"),
    [
        ([], Level.NORMAL, set()),
        ([concept(V3, "R")], Level.RESTRICTED, set()),
        ([concept(MISSPELT, "N")], Level.NORMAL, set()),
        (
            [concept(f"{NOS}TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality", "V")],
            Level.VERY_RESTRICTED,
            set(),
        ),
        ([concept(TRE_A07, "MASQUE_PS")], Level.NORMAL, {Flag.MASKED_TO_PROFESSIONALS}),
        ([concept(TRE_A07, "masque_ps")], Level.NORMAL, {Flag.MASKED_TO_PROFESSIONALS}),
        (
            [concept(TRE_A07, "INVISIBLE_PATIENT"), concept(V3, "N"), concept(TRE_A07, "MASQUE_PS")],
            Level.NORMAL,
            {Flag.HIDDEN_FROM_PATIENT, Flag.MASKED_TO_PROFESSIONALS},
        ),
        ([concept(V3, "N"), concept(V3, "V")], Level.VERY_RESTRICTED, set()),
    ],
)
def test_security_labels(labels: list[Json], level: Level, flags: set[Flag]) -> None:
    masking = read({"securityLabel": labels or None}).entry.masking
    assert masking.level is level
    assert masking.flags == flags
    assert not masking.unknown


@pytest.mark.parametrize("label", [concept(V3, "MASQUE_PS"), concept(TRE_A07, "R"), concept("http://example.org", "N")])
def test_a_label_under_another_system_is_not_guessed(label: Json) -> None:
    assert refused({"securityLabel": [label]}) == ["security-label.unknown"]


def test_a_label_without_a_code_is_refused() -> None:
    assert refused({"securityLabel": [{"text": "confidentiel"}]}) == ["security-label.empty"]


def test_connexion_secrete_labels_what_is_published() -> None:
    draft = read(given=context(secret=True))
    assert draft.entry.masking.flags == {Flag.HIDDEN_FROM_REPRESENTATIVES}
    assert ("DocumentReference.securityLabel", "INVISIBLE_REPRESENTANTS_LEGAUX") in draft.filled


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"reference": "DocumentReference/abc"}, DocumentTarget(id="abc")),
        ({"reference": "https://example.org/fhir/DocumentReference/abc"}, DocumentTarget(id="abc")),
        (
            {"reference": "DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:1.2.3"},
            DocumentTarget(unique_id="1.2.3"),
        ),
        ({"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}}, DocumentTarget(unique_id="1.2.3")),
        (
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID_ENTRY}"}},
            DocumentTarget(unique_id=unique_id_of_uuid(UUID_ENTRY), uuid=UUID_ENTRY),
        ),
    ],
)
def test_the_replaced_document_may_be_named_in_several_ways(target: Json, expected: DocumentTarget) -> None:
    assert read({"relatesTo": [{"code": "replaces", "target": target}]}).replaces == expected


def test_relations() -> None:
    target = {"reference": "DocumentReference/abc"}
    draft = read({"relatesTo": [{"code": "appends", "target": target}]})
    assert draft.replaces is None
    assert draft.unsupported_relations == ("appends",)
    twice = [{"code": "replaces", "target": {"reference": f"DocumentReference/{name}"}} for name in "ab"]
    assert refused({"relatesTo": twice}) == ["replace.one-target"]
    wrong = [{"code": "replaces", "target": {"reference": "Binary/abc"}}]
    assert refused({"relatesTo": wrong}) == ["reference.not-a-document"]


def test_two_contents_or_none_are_refused() -> None:
    content = {"attachment": {"contentType": "application/pdf"}}
    assert refused({"content": [content, content]}) == ["document.one-content"]


def test_source_patient_of_the_request_comes_before_the_traits_of_the_dmp() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "s",
        "identifier": [{"system": PATIENT.system, "value": PATIENT.value}],
        "name": [{"family": "AUTRE", "given": ["NOM"]}],
    }
    draft = read({"contained": [patient], "context": {"sourcePatientInfo": {"reference": "#s"}}})
    assert draft.entry.source_patient.family == "AUTRE"


def test_a_source_patient_who_is_another_is_refused() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "s",
        "identifier": [{"system": OTHER_PATIENT.system, "value": OTHER_PATIENT.value}],
    }
    changes = {"contained": [patient], "context": {"sourcePatientInfo": {"reference": "#s"}}}
    assert refused(changes) == ["patient.mismatch"]


def test_reference_ids_are_typed_by_the_dmps_value_set() -> None:
    def related(kind: str, **identifier: Any) -> Json:
        typed = {"coding": [{"system": "urn:ietf:rfc:3986", "code": kind}]}
        return {"context": {"related": [{"identifier": {"type": typed, **identifier}}]}}

    accession = "urn:ihe:iti:xds:2013:accession"
    entry = read(related(accession, system="urn:oid:1.2.3", value="42")).entry
    assert [(found.value, found.authority, found.type) for found in entry.references] == [("42", "1.2.3", accession)]
    assert refused(related("urn:example:other", value="42")) == ["related.type-unknown"]
    assert refused(related(accession, system="http://example.org", value="42")) == ["related.identifier-malformed"]
    assert read({"context": {"related": [{"reference": "Observation/1"}]}}).entry.references == ()


def test_a_cda_fills_what_the_request_leaves_out() -> None:
    header = CdaHeader(
        unique_id="1.2.3.99",
        type=known(tables().types.find(LOINC, "11502-2")),
        title="Bio",
        confidentiality="R",
        language="fr-FR",
        templates=("1.2.250.1.213.1.1.1.1", "1.2.250.1.213.1.1.1.55"),
        practice=known(tables().practices.with_code("AMBULATOIRE")[0]),
    )
    draft = read({"type": None, "content": [{"attachment": {"contentType": "text/xml"}}]}, cda=header)
    entry = draft.entry
    assert entry.unique_id == "1.2.3.99"
    assert entry.type_code.code == "11502-2"
    assert entry.format_code.code == "urn:ihe:lab:xd-lab:2008"
    assert entry.title == "Bio"
    assert entry.masking.level is Level.RESTRICTED
    assert entry.practice.code == "AMBULATOIRE"


@pytest.mark.parametrize(
    ("templates", "body", "expected"),
    [
        ((), "application/pdf", "urn:ihe:iti:xds-sd:pdf:2008"),
        ((), "", "urn:asipSante:modelesHorsProfils:2011"),
        (("1.2.250.1.213.1.1.1.59",), "", "urn:ans:ci-sis:trod:2024"),
    ],
)
def test_format_of_a_cda(templates: tuple[str, ...], body: str, expected: str) -> None:
    header = CdaHeader(templates=templates, body_media_type=body)
    assert read(attachment(contentType="text/xml"), cda=header).entry.format_code.code == expected


def test_a_sector_without_defaults_must_be_told() -> None:
    caller = replace(DOCTOR, structure=replace(DOCTOR.structure, sector="SA66"))
    assert refused({}, given=context(caller)) == ["code.no-default", "code.no-default"]


_TOKEN = f"{PATIENT.system}|{PATIENT.value}"


@pytest.mark.parametrize(
    ("reference", "codes"),
    [
        ({"identifier": {"system": PATIENT.system, "value": PATIENT.value}}, []),
        ({"reference": f"Patient?identifier={_TOKEN}"}, []),
        ({"display": "no more than a word"}, []),
        ({"identifier": {"system": OTHER_PATIENT.system, "value": OTHER_PATIENT.value}}, ["patient.mismatch"]),
        ({"identifier": {"system": "urn:oid:1.2.3", "value": "IPP"}}, ["identity.not-qualified"]),
        ({"reference": "#nobody"}, ["patient.unresolved"]),
        ({"reference": "Patient/1"}, ["patient.unresolved"]),
    ],
)
def test_the_source_patient_is_named_again_or_leads_nowhere(reference: Json, codes: list[str]) -> None:
    changes = {"context": {"sourcePatientInfo": reference}}
    if codes:
        assert refused(changes) == codes
    else:
        assert read(changes).entry.source_patient.id == PATIENT.cx


def test_a_source_patient_of_another_kind_is_refused() -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "A"}
    changes = {"contained": [organization], "context": {"sourcePatientInfo": {"reference": "#o"}}}
    assert refused(changes) == ["reference.wrong-type"]

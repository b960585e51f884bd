"""FHIR JSON, FHIR XML and CDA as a client sends them: only InvalidInput comes out, and it repeats no person."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facade import knowledge
from facade.api.exchange import _check_size, parse_json
from facade.domain.errors import InvalidInput
from facade.domain.layout import Layout
from facade.mail.pdf import copy as pdf_copy
from facade.translation import attachment, fhir_xml
from facade.translation.cda_layout import pdf_or_layout
from facade.translation.cda_read import check_against, read_header, unwrap
from facade.translation.consent_in import check_consent, read_consent
from facade.translation.consent_tables import ConsentTables
from facade.translation.document_in import read_document_reference
from facade.translation.document_out import document_reference
from facade.translation.patch import read_patch
from facade.translation.subject_in import read_subject
from facade.translation.submission_in import read_submission_bundle
from facade.translation.submission_set_in import SubmissionContext, read_submission_set
from facade.translation.validation import validate_resource
from tests.support.api import cda
from tests.support.cda import narrative
from tests.support.fuzzing import check, restructured, spoiled
from tests.support.translation import DOCTOR, NOW, PATIENT, RULES, Json, author, context, entry, publication, tables

EXAMPLES = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAME = "ZZYZX-NOM"
PERSON: Json = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": PATIENT.system, "value": PATIENT.value}],
    "name": [{"use": "official", "family": NAME, "given": [f"{NAME}-PRENOM"]}],
    "gender": "female",
    "birthDate": "1979-03-28",
}
CONTENT = base64.b64encode(f"le secret de {NAME}".encode()).decode()
SECRETS = (NAME, PATIENT.value, CONTENT)
DOCUMENT = publication(
    contained=[PERSON],
    description=f"{NAME} tousse",
    context={"sourcePatientInfo": {"reference": "#p"}, "period": {"start": "2026-06-12T07:30:00Z"}},
    content=[{"attachment": {"contentType": "application/pdf", "title": f"CR de {NAME}", "data": CONTENT}}],
)
READ_BACK = document_reference(entry(authors=(author(),)), id="d", patient_id="p", base="b", tables=tables())
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000001",
            "resource": {
                "resourceType": "List",
                "status": "current",
                "mode": "working",
                "title": f"Lot de {NAME}",
                "subject": {"identifier": {"system": PATIENT.system, "value": PATIENT.value}},
                "code": {
                    "coding": [
                        {
                            "system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes",
                            "code": "submissionset",
                        }
                    ]
                },
                "entry": [{"item": {"reference": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000002"}}],
            },
            "request": {"method": "POST", "url": "List"},
        },
        {
            "fullUrl": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000002",
            "resource": DOCUMENT,
            "request": {"method": "POST", "url": "DocumentReference"},
        },
    ],
}
CONSENT: Json = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "urn:dmp-facade:consent-category", "code": "opposition-feeding"}]}],
    "patient": {"identifier": {"system": PATIENT.system, "value": PATIENT.value}},
    "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
}
PATCH: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        }
    ],
}
CONSENTS = ConsentTables.from_rows(knowledge.rows)
BODIES = [DOCUMENT, READ_BACK, BUNDLE, CONSENT, PATCH]
JSON = [json.dumps(body).encode() for body in BODIES]
XML = [fhir_xml.from_dict(body) for body in BODIES]


def _read_json(data: bytes) -> None:
    resource = parse_json(data)
    _check_size(resource)
    if isinstance(resource, dict):
        _read_resource(resource)
    read_patch(resource, entry(), tables())


def _read_resource(resource: Json) -> None:
    """What a body goes through on its way in, by its type."""
    kind = resource.get("resourceType")
    if kind == "Consent":
        check_consent(resource, CONSENTS)
        read_consent(resource, RULES, CONSENTS, now=NOW)
        return
    contents = attachment.take_out(resource)
    validate_resource(resource)
    if kind == "DocumentReference":
        _read_document(resource, contents)
    elif kind == "Bundle":
        parts = read_submission_bundle(resource, contents)
        for part in parts.documents:
            subject = read_subject(part.resource, parts.index, RULES)
            read_document_reference(part.resource, subject, context(), index=parts.index)
            lot = SubmissionContext(DOCTOR, tables(), NOW, "e", "1.2.3", "1.2")
            read_submission_set(parts.lot, subject, lot, ())
    elif kind == "Parameters":
        read_patch(resource, entry(), tables())


def _read_document(resource: Json, contents: Any) -> None:
    subject = read_subject(resource, {}, RULES)
    read_document_reference(resource, subject, context())
    for content in contents.values():
        attachment.decode(content)


def test_the_messages_that_are_spoiled_are_read_when_they_are_whole() -> None:
    for data in JSON[:1] + JSON[2:4]:
        resource = parse_json(data)
        _read_resource(resource)
    for data in XML[:1] + XML[2:4]:
        _read_resource(fhir_xml.to_dict(data))
    assert read_header(CDAS[0]).patients


@EXAMPLES
@given(spoiled(*JSON) | st.binary(max_size=200))
def test_fhir_json(data: bytes) -> None:
    check(lambda: _read_json(data), InvalidInput, secrets=SECRETS)


@EXAMPLES
@given(
    restructured(*XML)
    | spoiled(*XML)
    | st.binary(max_size=200).map(lambda tail: b'<Patient xmlns="http://hl7.org/fhir">' + tail)
)
def test_fhir_xml(data: bytes) -> None:
    check(lambda: _read_resource(fhir_xml.to_dict(data)), InvalidInput, secrets=SECRETS)


def _level_one(text: str) -> str:
    return f'<nonXMLBody><text mediaType="application/pdf" representation="B64">{text}</text></nonXMLBody>'


CDAS = [
    cda(PATIENT.value, "1.2.250.1.999.7"),
    cda(PATIENT.value, "1.2.250.1.999.7", body=_level_one(CONTENT)),
    cda(PATIENT.value, "1.2.250.1.999.7").replace(b"Consultation", f"CR de {NAME}".encode()),
]


def _read_cda(data: bytes) -> None:
    check_against(read_header(data), entry())
    unwrap(data)


@EXAMPLES
@given(restructured(*CDAS) | spoiled(*CDAS))
def test_cda(data: bytes) -> None:
    check(lambda: _read_cda(data), InvalidInput, secrets=SECRETS)
    problems: list[object] = []
    check(lambda: problems.extend(check_against(read_header(data), entry())), InvalidInput, secrets=SECRETS)
    assert not [secret for secret in SECRETS if secret in repr(problems)]


LAID_OUT = [
    *CDAS,
    narrative(
        f"""<paragraph styleCode="Bold">{NAME}<br/>a<sup>2</sup><footnote ID="n">b</footnote></paragraph>
        <list listType="ordered"><item>c<linkHtml href="https://d.fr">d</linkHtml></item></list>
        <table><caption>e</caption><thead><tr><th colspan="2">f</th></tr></thead><tfoot><tr><td>g</td></tr></tfoot>
        <tbody><tr><td rowspan="2" align="right">h</td><td>i</td></tr><tr><td>j</td></tr></tbody></table>
        <renderMultiMedia referencedObject="m"/>""",
        """<entry><observationMedia ID="m"><value mediaType="image/gif" representation="B64"
        >R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=</value></observationMedia></entry>""",
    ),
]


def _lay_out(data: bytes) -> None:
    found = pdf_or_layout(data)
    if isinstance(found, Layout):
        assert pdf_copy.write(found).startswith(b"%PDF-")


@EXAMPLES
@given(restructured(*LAID_OUT) | spoiled(*LAID_OUT))
def test_the_copy_of_a_cda(data: bytes) -> None:
    check(lambda: _lay_out(data), InvalidInput, secrets=SECRETS)

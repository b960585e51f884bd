"""Bad input: each with its own clear OperationOutcome, and nothing sent to the DMP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from jose import jwt

from tests.support.demo import FHIR_JSON, JSON_PATCH, LOINC, RunningDemo, codes_of, pdf

Change = Callable[[dict[str, Any]], None]
INS_KEY_WRONG = "279035121518988"


def _attachment(resource: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resource["content"][0]["attachment"]
    return found


def _subject(system: str, value: str) -> Change:
    return lambda resource: resource.update(subject={"identifier": {"system": system, "value": value}})


def _reliability(code: str) -> Change:
    extension = {
        "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
        "extension": [
            {
                "url": "identityStatus",
                "valueCoding": {
                    "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445",
                    "code": code,
                },
            }
        ],
    }

    def change(resource: dict[str, Any]) -> None:
        identifier = resource["subject"]["identifier"]
        resource["contained"] = [
            {"resourceType": "Patient", "id": "p", "extension": [extension], "identifier": [identifier]}
        ]
        resource["subject"] = {"reference": "#p"}

    return change


ACCESSION = {
    "type": {"coding": [{"system": "urn:ietf:rfc:3986", "code": "urn:ihe:iti:xds:2013:accession"}]},
    "system": "urn:oid:1.2.3",
}
TEST_INS = "urn:oid:1.2.250.1.213.1.4.10"
PUBLICATIONS: dict[str, tuple[Change, int, str]] = {
    "a local identifier instead of an INS": (_subject("urn:oid:1.2.3.4", "12345"), 422, "identity.not-qualified"),
    "an INS-C, withdrawn": (
        _subject("urn:oid:1.2.250.1.213.1.4.2", "1234567890123456789012"),
        422,
        "identity.not-qualified",
    ),
    "an INS whose key is wrong": (_subject(TEST_INS, INS_KEY_WRONG), 422, "identity.ins-key"),
    "an identity that is only provisional": (_reliability("PROV"), 422, "identity.not-reliable"),
    "an unknown type code": (
        lambda resource: resource.update(type={"coding": [{"system": LOINC, "code": "0000-0"}]}),
        422,
        "code.unknown",
    ),
    "a hash that does not match": (
        lambda resource: _attachment(resource).update(hash=base64.b64encode(b"x" * 20).decode()),
        422,
        "attachment.hash-mismatch",
    ),
    "a size that does not match": (
        lambda resource: _attachment(resource).update(size=1),
        422,
        "attachment.size-mismatch",
    ),
    "a title no registry can hold": (
        lambda resource: _attachment(resource).update(title="t" * 1025),
        422,
        "text.too-long",
    ),
    "a description no registry can hold": (
        lambda resource: resource.update(description="d" * 1025),
        422,
        "text.too-long",
    ),
    "a reference no registry can hold": (
        lambda resource: resource.update(context={"related": [{"identifier": ACCESSION | {"value": "A" * 256}}]}),
        422,
        "text.too-long",
    ),
    "base64 that is not": (lambda resource: _attachment(resource).update(data="%%%"), 400, "attachment.not-base64"),
    "a CDA with a DOCTYPE": (
        lambda resource: _attachment(resource).update(
            contentType="text/xml", data=base64.b64encode(b"<!DOCTYPE a><ClinicalDocument/>").decode()
        ),
        422,
        "cda.unsafe",
    ),
}


@pytest.mark.parametrize("mistake", PUBLICATIONS)
def test_a_wrong_publication_is_refused_by_name_and_nothing_is_sent(demo: RunningDemo, mistake: str) -> None:
    change, status, code = PUBLICATIONS[mistake]
    resource = demo.document("adult", pdf())
    change(resource)
    sent = len(demo.log())
    answer = demo.post("author-doctor", "/DocumentReference", resource)
    assert (answer.status_code, codes_of(answer)) == (status, [code]), answer.text
    assert len(demo.log()) == sent
    assert demo.patients["adult"]["value"] not in answer.text


BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "not JSON": (b"{", FHIR_JSON, 400, "body.not-json"),
    "JSON of another resource": (b'{"resourceType":"Patient"}', FHIR_JSON, 400, "resource.wrong-type"),
    "JSON that is no resource": (b"[1]", FHIR_JSON, 400, "body.not-a-resource"),
    "XML with a DOCTYPE": (b'<!DOCTYPE a [<!ENTITY x "y">]><a/>', "application/fhir+xml", 400, "body.unsafe-xml"),
    "XML that is not": (b"<a>", "application/fhir+xml", 400, "body.not-xml"),
    "another media type": (b"x", "text/plain", 415, "body.media-type"),
}


@pytest.mark.parametrize("mistake", BODIES)
def test_a_wrong_body_is_refused_by_name(demo: RunningDemo, mistake: str) -> None:
    data, media_type, status, code = BODIES[mistake]
    answer = demo.call("author-doctor", "POST", "/DocumentReference", data=data, headers={"Content-Type": media_type})
    assert (answer.status_code, codes_of(answer)) == (status, [code])


def test_a_body_over_the_limit_is_refused_with_413(demo: RunningDemo) -> None:
    resource = demo.document("adult", b"x" * 15_000_000)
    body = json.dumps(resource)
    assert len(body) > 20_000_000
    sent = len(demo.log())
    answer = demo.call("author-doctor", "POST", "/DocumentReference", data=body, headers={"Content-Type": FHIR_JSON})
    assert (answer.status_code, codes_of(answer)) == (413, ["body.too-large"])
    assert len(demo.log()) == sent


def test_a_search_without_a_patient_is_refused(demo: RunningDemo) -> None:
    answer = demo.call("nurse", "GET", "/DocumentReference", params={"status": "current"})
    assert (answer.status_code, codes_of(answer)) == (400, ["search.patient-missing"])


def test_a_patch_of_another_element_is_refused_with_405(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    patch = json.dumps([{"op": "replace", "path": "/description", "value": "x"}])
    answer = demo.call(
        "author-doctor", "PATCH", f"/DocumentReference/{document}", data=patch, headers={"Content-Type": JSON_PATCH}
    )
    assert (answer.status_code, codes_of(answer)) == (405, ["patch.element-not-allowed"])


def test_a_stale_version_is_refused_with_412(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.label("author-doctor", document, "MASQUE_PS", If_Match='W/"1"').status_code == 200
    answer = demo.label("author-doctor", document, If_Match='W/"1"')
    assert (answer.status_code, codes_of(answer)) == (412, ["version.stale"])


@pytest.mark.parametrize(("patient", "rule"), [("closed", "record.closed"), ("absent", "record.absent")])
def test_a_closed_or_absent_record_takes_no_document(demo: RunningDemo, patient: str, rule: str) -> None:
    answer = demo.post("author-doctor", "/DocumentReference", demo.document(patient, pdf()))
    assert (answer.status_code in (403, 404), codes_of(answer)) == (True, [rule])
    assert demo.log()[-1]["transaction"] == "TD0.2"


def test_a_uniqueid_is_taken_once(demo: RunningDemo) -> None:
    identifier = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.7.1"}
    demo.publish("author-doctor", "adult", masterIdentifier=identifier)
    answer = demo.post(
        "author-doctor", "/DocumentReference", demo.document("adult", pdf(), masterIdentifier=identifier)
    )
    assert (answer.status_code, codes_of(answer)) == (409, ["publication.duplicate-unique-id"])


def test_the_same_content_is_taken_once(demo: RunningDemo) -> None:
    content = pdf()
    demo.publish("author-doctor", "adult", content)
    answer = demo.post("author-doctor", "/DocumentReference", demo.document("adult", content))
    assert (answer.status_code, codes_of(answer)) == (409, ["publication.duplicate-content"])


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), jwt.get_unverified_claims(token)


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _public_key(demo: RunningDemo, token: str) -> dict[str, Any]:
    issuer = _parts(token)[1]["iss"]
    found: dict[str, Any] = requests.get(f"{issuer}/protocol/openid-connect/certs", timeout=5).json()["keys"][0]
    return found


def _unsigned(demo: RunningDemo, token: str) -> str:
    header, claims = _parts(token)
    return f"{_b64(header | {'alg': 'none'})}.{_b64(claims)}."


def _hmac_with_the_public_key(demo: RunningDemo, token: str) -> str:
    header, claims = _parts(token)
    # python-jose itself refuses to sign with a key that looks asymmetric: the attacker does not use python-jose.
    import hashlib
    import hmac

    from jose import jwk

    pem = jwk.construct(_public_key(demo, token), "RS256").to_pem()
    signed = f"{_b64(header | {'alg': 'HS256'})}.{_b64(claims)}"
    mac = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _tampered(demo: RunningDemo, token: str) -> str:
    head, _, signature = token.split(".")
    claims = _parts(token)[1] | {"SubjectNameID": "899700000013", "preferred_username": "899700000013"}
    return f"{head}.{_b64(claims)}.{signature}"


ATTACKS = {
    "token.algorithm none": _unsigned,
    "token.algorithm HS256 with the public key": _hmac_with_the_public_key,
    "token.signature of a changed payload": _tampered,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_forged_token_is_refused(demo: RunningDemo, attack: str) -> None:
    forged = ATTACKS[attack](demo, demo.tokens["author-doctor"])
    _expect_refused(demo, f"Bearer {forged}", attack.split(maxsplit=1)[0])


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--expires-in", "-60"], "token.expired"), (["--audience", "somebody-else"], "token.audience")],
)
def test_an_expired_token_or_one_for_another_audience_is_refused(
    demo: RunningDemo, options: list[str], code: str
) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "facade.cli", "token", "nurse", "--data", str(demo.data), *options]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    _expect_refused(demo, f"Bearer {token}", code)


def test_a_request_without_a_token_is_refused(demo: RunningDemo) -> None:
    _expect_refused(demo, "", "token.missing")


def _expect_refused(demo: RunningDemo, authorization: str, code: str) -> None:
    sent = len(demo.log())
    headers = {"Authorization": authorization} if authorization else {}
    params = {"patient.identifier": demo.ins("adult"), "status": "current"}
    answer = requests.get(f"{demo.fhir}/DocumentReference", params=params, headers=headers, timeout=20)
    assert (answer.status_code, codes_of(answer)) == (401, [code])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(demo.log()) == sent

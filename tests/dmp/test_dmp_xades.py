from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import xmlsec
from lxml import etree
from signxml.exceptions import InvalidDigest
from signxml.verifier import SignatureConfiguration, XMLVerifier

from facade.dmp import xades
from facade.dmp.config import DmpConfig
from facade.dmp.keys import Credential, load
from facade.xmlsafe import parse
from tests.support.dmp_entries import CDA, LOT, submission_of
from tests.support.dmp_server import Issued, Pki

DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.1.1#}"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def credential(config: DmpConfig) -> Credential:
    return load(config.sign, "SIGN")


def verify(document: bytes, issued: Issued) -> etree._Element:
    """Verify with two implementations that took no part in the signing.

    libxmlsec verifies the value of the signature; it refuses manifests whose references it cannot fetch (these are
    ``urn:oid:``), therefore the references are verified by signxml.
    """
    root = etree.fromstring(document)
    signed_info = root.find(f"{DS}SignedInfo")
    assert signed_info is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(issued.certificate_file), xmlsec.constants.KeyDataFormatCertPem)
    rsa = "rsa-sha256" in document.decode()
    context.verify_binary(
        etree.tostring(signed_info, method="c14n", with_comments=True, with_tail=False),
        xmlsec.constants.TransformRsaSha256 if rsa else xmlsec.constants.TransformEcdsaSha256,
        base64.b64decode(root.findtext(f"{DS}SignatureValue") or ""),
    )
    expected = SignatureConfiguration(location="./", expect_references=2)
    results = XMLVerifier().verify(root, x509_cert=issued.certificate, expect_config=expected, validate_schema=False)
    assert isinstance(results, list)
    assert [result.signed_xml.tag for result in results if result.signed_xml is not None] == [
        f"{DS}Manifest",
        f"{XADES}SignedProperties",
    ]
    return root


def manifest(root: etree._Element) -> list[tuple[str, str, bool]]:
    found = root.find(f".//{DS}Manifest[@Id='IHEManifest']")
    assert found is not None
    return [
        (each.get("URI", ""), each.findtext(f"{DS}DigestValue") or "", each.find(f"{DS}Transforms") is not None)
        for each in found
    ]


def test_an_independent_library_verifies_the_lot(credential: Credential, sign: Issued) -> None:
    submission = submission_of(CDA, CDA.replace(b"Accent", b"Autre"))
    signed = xades.sign_lot(submission, credential, "sha256", NOW)
    root = verify(signed, sign)
    uris = [reference.get("URI") for reference in root.iterfind(f"{DS}SignedInfo/{DS}Reference")]
    assert uris == ["#IHEManifest", "#SignedProperties"]
    assert manifest(root)[0] == (f"urn:oid:{LOT.unique_id}", "AA==", False)
    assert [uri for uri, _, _ in manifest(root)[1:]] == [
        f"urn:oid:{each.entry.unique_id}" for each in submission.documents
    ]


@pytest.mark.parametrize("what", [b"urn:oid:1.2.250.1.999.1.42.1", b"2026-02-03T04:05:06Z"])
def test_a_changed_manifest_or_property_is_found_out(credential: Credential, sign: Issued, what: bytes) -> None:
    signed = xades.sign_lot(submission_of(CDA), credential, "sha256", NOW)
    assert signed.count(what) == 1
    with pytest.raises(InvalidDigest):
        verify(signed.replace(what, what[:-1] + b"9"), sign)


def test_an_elliptic_curve_key_signs_too(pki: Pki, config: DmpConfig) -> None:
    issued = pki.issue("SIGN-EC2")
    files = replace(config.sign, certificate=issued.certificate_file, key=issued.key_file)
    verify(xades.sign_lot(submission_of(CDA), load(files, "SIGN"), "sha256", NOW), issued)


def test_xml_is_digested_in_canonical_form(credential: Credential) -> None:
    # Attribute order, quotes, empty elements and the declaration change nothing; comments do count.
    text = b"<?xml version='1.0'?>\n<a  z='1' b='2'><!--c--><e/></a>"
    expected = base64.b64encode(hashlib.sha256(b'<a b="2" z="1"><!--c--><e></e></a>').digest()).decode()
    root = parse(xades.sign_lot(submission_of(text), credential, "sha256", NOW))
    assert manifest(root)[1][1:] == (expected, True)


def test_processing_instructions_count_too(credential: Credential) -> None:
    text = b"<?xml version='1.0'?><?xml-stylesheet   href='x'?><a><?b c?></a>"
    canonical = b"<?xml-stylesheet href='x'?>\n<a><?b c?></a>"
    expected = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
    root = parse(xades.sign_lot(submission_of(text), credential, "sha256", NOW))
    assert manifest(root)[1][1:] == (expected, True)


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"\x00\x01binary", "application/dicom"),
        (b"not xml at all", "text/xml"),
        (b"<!DOCTYPE a><a/>", "text/xml"),
        (b'<a xmlns="relative"/>', "text/xml"),
    ],
)
def test_anything_else_is_digested_byte_for_byte(credential: Credential, content: bytes, mime_type: str) -> None:
    signed = xades.sign_lot(submission_of(content, mime_type=mime_type), credential, "sha256", NOW)
    expected = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert manifest(parse(signed))[1][1:] == (expected, False)


def test_the_signed_properties_name_the_certificate(credential: Credential, sign: Issued) -> None:
    root = parse(xades.sign_lot(submission_of(CDA), credential, "sha256", NOW))
    assert root.findtext(f".//{XADES}SigningTime") == "2026-02-03T04:05:06Z"
    assert root.find(f".//{XADES}SignaturePolicyImplied") is not None
    assert root.findtext(f".//{DS}X509SerialNumber") == str(sign.certificate.serial_number)
    prop = root.find(f".//{DS}SignatureProperty")
    assert prop is not None
    assert (prop.get("Id"), prop.text) == ("purposeOfSignature", "1.2.840.10065.1.12.1.14")


def test_sha1_only_where_it_is_set(credential: Credential) -> None:
    assert b"sha1" not in xades.sign_lot(submission_of(CDA), credential, "sha256", NOW)
    assert b"rsa-sha1" in xades.sign_lot(submission_of(CDA), credential, "sha1", NOW)

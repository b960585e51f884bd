"""The signature of a lot: a XAdES document whose manifest lists the lot and the digest of each of its documents.

Sources: IHE Document Digital Signature content profile (manifest ``IHEManifest``), ETSI TS 101 903 v1.1.1 (the
namespace the DMP uses), W3C XML Signature; DMP interface TD2.1.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from facade.dmp import xds
from facade.dmp.canonical import digest as canonical_digest
from facade.dmp.keys import Credential
from facade.dmp.xmltext import text
from facade.domain.content import digest_of
from facade.domain.document import NewDocument, Submission
from facade.xmlsafe import parse as parse_xml

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.1.1#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
_DIGESTS = {"sha256": "http://www.w3.org/2001/04/xmlenc#sha256", "sha1": f"{DS}sha1"}
_SIGNATURES = {
    (True, "sha256"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    (True, "sha1"): f"{DS}rsa-sha1",
    (False, "sha256"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    (False, "sha1"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
}
_NO_DIGEST = "AA=="  # the lot itself has no bytes to digest
_TRANSFORM = f'<ds:Transforms><ds:Transform Algorithm="{C14N}"/></ds:Transforms>'


def sign_lot(submission: Submission, credential: Credential, hash_name: str, now: datetime) -> bytes:
    """The signature document of a lot, as the bytes that are sent beside its documents."""
    manifest = _manifest(submission, hash_name)
    properties = _signed_properties(credential, hash_name, now)
    references = "".join(
        _reference(f"#{name}", digest, hash_name, transform=_TRANSFORM, kind=kind)
        for name, kind, digest in (
            ("IHEManifest", f"{DS}Manifest", _digest_of(manifest, hash_name)),
            ("SignedProperties", f"{XADES}SignedProperties", _digest_of(properties, hash_name)),
        )
    )
    algorithm = _SIGNATURES[credential.is_rsa, hash_name]
    signed_info = (
        f'<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm}"/>{references}</ds:SignedInfo>'
    )
    value = base64.b64encode(credential.sign(_canonical(signed_info), hash_name)).decode()
    return _document(signed_info, value, manifest, properties, credential)


def _document(signed_info: str, value: str, manifest: str, properties: str, credential: Credential) -> bytes:
    certificates = "".join(_x509_certificate(each) for each in (credential.certificate, *credential.chain))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ds:Signature xmlns:ds="{DS}" xmlns:xades="{XADES}" Id="Signature">'
        f"{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>"
        f"<ds:Object>{manifest}</ds:Object><ds:Object>"
        f'<xades:QualifyingProperties Target="#Signature">{properties}</xades:QualifyingProperties></ds:Object>'
        '<ds:Object><ds:SignatureProperties><ds:SignatureProperty Id="purposeOfSignature" Target="#Signature">'
        f"{xds.SIGNATURE_PURPOSE}</ds:SignatureProperty></ds:SignatureProperties></ds:Object></ds:Signature>"
    ).encode()


def _manifest(submission: Submission, hash_name: str) -> str:
    lot = _reference(f"urn:oid:{submission.lot.unique_id}", _NO_DIGEST, hash_name)
    documents = "".join(_document_reference(document, hash_name) for document in submission.documents)
    return f'<ds:Manifest Id="IHEManifest">{lot}{documents}</ds:Manifest>'


def _document_reference(document: NewDocument, hash_name: str) -> str:
    """An XML document is digested in canonical form; anything else, byte for byte and without a transform."""
    uri = f"urn:oid:{document.entry.unique_id}"
    canonical = canonical_digest(document.content, hash_name) if document.entry.mime_type.endswith("xml") else None
    if canonical is None:
        return _reference(uri, _base64(document.content.digest(hash_name)), hash_name)
    return _reference(uri, _base64(canonical), hash_name, transform=_TRANSFORM)


def _signed_properties(credential: Credential, hash_name: str, now: datetime) -> str:
    chain = (credential.certificate, *credential.chain)
    certificates = "".join(_signing_certificate(each, hash_name) for each in chain)
    return (
        '<xades:SignedProperties Id="SignedProperties"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>"
        f"<xades:SigningCertificate>{certificates}</xades:SigningCertificate>"
        "<xades:SignaturePolicyIdentifier><xades:SignaturePolicyImplied/></xades:SignaturePolicyIdentifier>"
        "</xades:SignedSignatureProperties></xades:SignedProperties>"
    )


# Our own certificates, which change with a restart only: how one is told is worked out once.
@lru_cache(maxsize=16)
def _x509_certificate(certificate: x509.Certificate) -> str:
    der = certificate.public_bytes(Encoding.DER)
    return f"<ds:X509Certificate>{base64.b64encode(der).decode()}</ds:X509Certificate>"


@lru_cache(maxsize=16)
def _signing_certificate(certificate: x509.Certificate, hash_name: str) -> str:
    return (
        f'<xades:Cert><xades:CertDigest><xades:DigestMethod Algorithm="{_DIGESTS[hash_name]}"/>'
        f"<xades:DigestValue>{_digest(certificate.public_bytes(Encoding.DER), hash_name)}</xades:DigestValue>"
        f"</xades:CertDigest><xades:IssuerSerial>"
        f"<ds:X509IssuerName>{text(certificate.issuer.rfc4514_string())}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber></xades:IssuerSerial></xades:Cert>"
    )


def _reference(uri: str, digest: str, hash_name: str, *, transform: str = "", kind: str = "") -> str:
    shown = f' Type="{kind}"' if kind else ""
    return (
        f'<ds:Reference{shown} URI="{text(uri)}">{transform}<ds:DigestMethod Algorithm="{_DIGESTS[hash_name]}"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )


def _canonical(fragment: str) -> bytes:
    """The canonical form the fragment has inside the signature document: both prefixes are in scope there."""
    scope = f'<ds:Signature xmlns:ds="{DS}" xmlns:xades="{XADES}">{fragment}</ds:Signature>'
    child = parse_xml(scope.encode())[0]
    return etree.tostring(child, method="c14n", with_comments=True, with_tail=False)


def _digest_of(fragment: str, hash_name: str) -> str:
    return _digest(_canonical(fragment), hash_name)


def _digest(data: bytes, hash_name: str) -> str:
    return _base64(digest_of((data,), hash_name))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()

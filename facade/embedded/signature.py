"""Verifying signatures: who signed, and what exactly; only what was signed is handed on.

Sources: W3C XML Signature 1.1, W3C Exclusive XML Canonicalization 1.0, ETSI XAdES 1.1.1 (TS 101 903), IHE Document
Digital Signature (manifest of a submission set), IGC-Santé profiles of ORG AUTH_CLI and ORG SIGN.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature as CryptoInvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidSignature, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from facade.embedded.strictxml import DS, BadXml, parse, serialise, tag, text

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_C14N = {
    EXCLUSIVE: (True, False),
    f"{EXCLUSIVE}WithComments": (True, True),
    INCLUSIVE: (False, False),
    f"{INCLUSIVE}#WithComments": (False, True),
}
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": sha256,
    # The official samples digest documents with SHA-1: it is accepted there, never for a signature itself.
    "http://www.w3.org/2000/09/xmldsig#sha1": sha1,
}
_XADES = ("http://uri.etsi.org/01903/v1.1.1#", "http://uri.etsi.org/01903/v1.3.2#")


class BadSignature(ValueError):
    """The signature does not hold, or does not cover what it must."""


class WrongCertificate(BadSignature):
    """The signature holds but its certificate is not one to sign with."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A verified lot signature: its References, by URI, and when it was made."""

    references: dict[str, etree._Element]
    signed_at: datetime


class Trust:
    """The authority certificates must come from."""

    def __init__(self, ca: Path) -> None:
        self._ca = x509.load_pem_x509_certificate(ca.read_bytes())

    def organisation(self, certificate: x509.Certificate) -> str:
        """The OU (``1`` + FINESS of the legal entity), empty when there is not exactly one."""
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return str(units[0].value) if len(units) == 1 else ""

    def may_connect(self, der: bytes) -> x509.Certificate | None:
        """The certificate when it is an ORG AUTH_CLI of this authority, else None."""
        certificate = x509.load_der_x509_certificate(der)
        usable = self._issued(certificate) and _extended_usage(certificate, ExtendedKeyUsageOID.CLIENT_AUTH)
        return certificate if usable and self.organisation(certificate) else None

    def may_sign(self, certificate: x509.Certificate) -> bool:
        """Whether it is an ORG SIGN of this authority: non-repudiation, and no TLS usage."""
        try:
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return False
        return (
            self._issued(certificate)
            and usage.digital_signature
            and usage.content_commitment
            and not _extended_usage(certificate, ExtendedKeyUsageOID.CLIENT_AUTH)
            and bool(self.organisation(certificate))
        )

    def _issued(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._ca)
        except (CryptoInvalidSignature, ValueError, TypeError):
            return False
        return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


def _extended_usage(certificate: x509.Certificate, usage: x509.ObjectIdentifier) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE)
    except x509.ExtensionNotFound:
        return False
    return isinstance(extension.value, x509.ExtendedKeyUsage) and usage in extension.value


def _configuration(references: int | bool, digests: frozenset[DigestAlgorithm]) -> SignatureConfiguration:
    return SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=references,
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=digests,
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )


_SHA256 = frozenset({DigestAlgorithm.SHA256})
_ENVELOPED = _configuration(1, _SHA256)
_LOT = _configuration(references=True, digests=_SHA256)


def verify_assertion(assertion: etree._Element, trust: Trust) -> tuple[etree._Element, x509.Certificate]:
    """The assertion as it was signed, and the ORG SIGN certificate it was signed with.

    Exactly one enveloped signature over the whole assertion, exclusive canonicalisation, RSA-SHA256.
    Raises WrongCertificate or BadSignature.
    """
    signature = _one(assertion, "Signature")
    if assertion.index(signature) != 1:
        raise BadSignature("ds:Signature does not follow the Issuer")
    _check_enveloped(signature, assertion.get("ID", ""))
    certificate = _signer(signature, trust)
    try:
        result = XMLVerifier().verify(serialise(assertion), x509_cert=certificate, expect_config=_ENVELOPED)
    except (SignXMLException, InvalidSignature, ValueError, etree.LxmlError) as error:
        raise BadSignature("the signature of the assertion does not hold") from error
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != assertion.tag or signed.get("ID") != assertion.get("ID"):
        raise BadSignature("the signature does not cover the assertion")
    return signed, certificate


def _check_enveloped(signature: etree._Element, identifier: str) -> None:
    """One reference to the assertion itself, enveloped then exclusive canonicalisation, and nothing else."""
    info = _one(signature, "SignedInfo")
    reference = _one(info, "Reference")
    transforms = [step.get("Algorithm") for step in _one(reference, "Transforms")]
    if not identifier or reference.get("URI") != f"#{identifier}":
        raise BadSignature("the signature does not point to the assertion")
    if transforms != [ENVELOPED, EXCLUSIVE] or _one(info, "CanonicalizationMethod").get("Algorithm") != EXCLUSIVE:
        raise BadSignature("the signature is not enveloped with exclusive canonicalisation")


def _one(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(tag(DS, name))
    if len(found) != 1:
        raise BadSignature(f"ds:{name} is not there exactly once")
    return found[0]


def _signer(signature: etree._Element, trust: Trust) -> x509.Certificate:
    """The certificate of KeyInfo. Raises WrongCertificate unless it is an ORG SIGN of the authority."""
    info = signature.find(f"{tag(DS, 'KeyInfo')}/{tag(DS, 'X509Data')}/{tag(DS, 'X509Certificate')}")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text(info).split()), validate=True))
    except (ValueError, binascii.Error) as error:
        raise BadSignature("the signature has no certificate") from error
    if not trust.may_sign(certificate):
        raise WrongCertificate("Not a valid signature certificate")
    return certificate


def verify_lot(document: bytes, trust: Trust) -> Manifest:
    """The manifest of a lot's signature document (root ds:Signature), once verified.

    Signed by an ORG SIGN certificate, RSA-SHA256; among what is signed are the ``ds:Manifest`` named ``IHEManifest``
    and the XAdES signed properties with their SigningTime. Raises WrongCertificate or BadSignature.
    """
    try:
        root = parse(document)
    except BadXml as error:
        raise BadSignature("the signature document is not XML") from error
    if root.tag != tag(DS, "Signature"):
        raise BadSignature("the root of the signature document is not ds:Signature")
    certificate = _signer(root, trust)
    try:
        # Real lots carry the purpose as bare text in ds:SignatureProperty, which the XSD of XMLDSig does not allow.
        results = XMLVerifier().verify(document, x509_cert=certificate, expect_config=_LOT, validate_schema=False)
    except (SignXMLException, InvalidSignature, ValueError, etree.LxmlError) as error:
        raise BadSignature("the signature of the lot does not hold") from error
    signed = [result.signed_xml for result in results] if isinstance(results, list) else [results.signed_xml]
    manifests = [node for node in signed if node is not None and node.tag == tag(DS, "Manifest")]
    if len(manifests) != 1 or manifests[0].get("Id") != "IHEManifest":
        raise BadSignature('the lot signature does not sign one ds:Manifest Id="IHEManifest"')
    references = manifests[0].findall(tag(DS, "Reference"))
    by_uri = {reference.get("URI", ""): reference for reference in references}
    if len(by_uri) != len(references):
        raise BadSignature("the manifest names an object twice")
    return Manifest(by_uri, _signing_time(signed, certificate))


def _signing_time(signed: list[etree._Element | None], certificate: x509.Certificate) -> datetime:
    """SigningTime of the signed properties; a SigningCertificate digest given with it is the signer's."""
    for node in signed:
        for space in _XADES:
            if node is None or node.tag != f"{{{space}}}SignedProperties":
                continue
            digest = node.find(f".//{{{space}}}SigningCertificate/{{{space}}}Cert/{{{space}}}CertDigest")
            if digest is not None:
                _check_certificate_digest(digest, certificate)
            try:
                return datetime.fromisoformat(text(node.find(f".//{{{space}}}SigningTime")))
            except ValueError as error:
                raise BadSignature("no SigningTime") from error
    raise BadSignature("the lot signature does not sign XAdES SignedProperties")


def _check_certificate_digest(digest: etree._Element, certificate: x509.Certificate) -> None:
    method = next((node.get("Algorithm", "") for node in digest if str(node.tag).endswith("}DigestMethod")), "")
    value = next((text(node) for node in digest if str(node.tag).endswith("}DigestValue")), "")
    algorithm = _DIGESTS.get(method)
    der = certificate.public_bytes(Encoding.DER)
    if algorithm is None or base64.b64encode(algorithm(der).digest()).decode() != "".join(value.split()):
        raise BadSignature("SigningCertificate is not the certificate that signed")


def check_manifest(manifest: Manifest, lot_uri: str, documents: Mapping[str, bytes]) -> None:
    """Compare a manifest with the lot and the documents it stands for, by URI. Raises BadSignature.

    The lot's own digest is a constant in the interface and is not looked at. A document's reference has at most one
    transform, a canonicalisation (the document is XML then), and SHA-256 or SHA-1.
    """
    if set(manifest.references) != {lot_uri, *documents}:
        raise BadSignature("le manifeste ne nomme pas le lot et ses documents")
    for uri, content in documents.items():
        _check_digest(manifest.references[uri], content)


def _check_digest(reference: etree._Element, content: bytes) -> None:
    transforms = [step.get("Algorithm", "") for step in reference.iter(tag(DS, "Transform"))]
    data = content
    if transforms:
        if len(transforms) != 1 or transforms[0] not in _C14N:
            raise BadSignature("a manifest reference has a transform that is not a canonicalisation")
        data = _canonical(data, transforms[0])
    algorithm = _DIGESTS.get(_one(reference, "DigestMethod").get("Algorithm", ""))
    expected = "".join(text(_one(reference, "DigestValue")).split())
    if algorithm is None or base64.b64encode(algorithm(data).digest()).decode() != expected:
        raise BadSignature("a document is not the one that was signed")


def _canonical(data: bytes, algorithm: str) -> bytes:
    exclusive, comments = _C14N[algorithm]
    try:
        root = parse(data)
    except BadXml as error:
        raise BadSignature("a document to canonicalise is not XML") from error
    return etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=comments)

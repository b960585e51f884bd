"""Lots and documents written by hand in ebRIM, every field of which can be wrong, and the signature of a lot."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from facade.embedded import sample
from tests.support.embedded_vihf import Signer
from tests.support.embedded_words import NS, OID, b64, cx, dtm, instant, oid


@dataclass(frozen=True)
class Document:
    """One document of a lot: its metadata and its bytes; every field may be made wrong."""

    unique_id: str = field(default_factory=oid)
    id: str = field(default_factory=lambda: uuid.uuid4().urn)
    patient: str = sample.ADULT.ins
    patient_oid: str = OID
    type_code: tuple[str, str] = ("11502-2", "2.16.840.1.113883.6.1")
    class_code: tuple[str, str] = ("10", "1.2.250.1.213.1.1.4.1")
    format_code: tuple[str, str] = ("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3")
    facility: tuple[str, str] = ("SA01", "1.2.250.1.71.4.2.4")
    practice: tuple[str, str] = ("AMBULATOIRE", "1.2.250.1.213.1.1.4.9")
    confidentiality: tuple[tuple[str, str], ...] = (("N", "2.16.840.1.113883.5.25"),)
    events: tuple[tuple[str, str], ...] = ()
    author: str = sample.AUTHOR_DOCTOR.id
    institution: str = sample.HOSPITAL.id
    title: str = "Compte rendu d'examens biologiques"
    created: str = "20240510083000"
    service_start: str = "20240509"
    lid: str = ""
    replaces: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    mime_type: str = "text/xml"
    content: bytes | None = None
    cda_changes: Mapping[str, str] = field(default_factory=dict)

    def but(self, **changes: Any) -> Document:
        """The same with some fields changed."""
        return replace(self, **changes)

    @property
    def bytes(self) -> bytes:
        """The CDA, binary noise and all."""
        if self.content is not None:
            return self.content
        text = CDA.format(
            unique_id=self.unique_id,
            code=self.type_code[0],
            code_system=self.type_code[1],
            patient=self.patient,
            patient_oid=self.patient_oid,
            related=RELATED.format(parent=self.replaces) if self.replaces else "",
        )
        for old, new in self.cda_changes.items():
            assert old in text
            text = text.replace(old, new)
        return text.encode()

    @property
    def sha1(self) -> str:
        """The hash the registry will state."""
        return hashlib.sha1(self.bytes, usedforsecurity=False).hexdigest()

    def xml(self) -> str:
        """The ExtrinsicObject."""
        lid = f' lid="{self.lid}"' if self.lid else ""
        slots = {
            "creationTime": self.created,
            "languageCode": "fr-FR",
            "serviceStartTime": self.service_start,
            "legalAuthenticator": xcn(self.author),
            "sourcePatientId": "12345^^^&1.2.3.4&ISO^PI",
            **dict(self.slots),
        }
        codes = [
            ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", self.type_code),
            ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", self.class_code),
            ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", self.format_code),
            ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", self.facility),
            ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", self.practice),
            *(("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", code) for code in self.confidentiality),
            *(("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", code) for code in self.events),
        ]
        return extrinsic(
            self.id,
            slots,
            self.title,
            codes,
            author("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", self.id, self.author, self.institution),
            cx(self.patient, self.patient_oid),
            self.unique_id,
            f' mimeType="{self.mime_type}"{lid}',
        )


CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="{unique_id}"/><code code="{code}" codeSystem="{code_system}"/><title>CR d'examens</title>
  <!-- a comment, with é --><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <recordTarget><patientRole><id extension="{patient}" root="{patient_oid}"/></patientRole></recordTarget>
  {related}<component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0=</text></nonXMLBody>
  </component>
</ClinicalDocument>
"""
RELATED = (
    '<relatedDocument typeCode="RPLC"><parentDocument><id root="{parent}"/></parentDocument></relatedDocument>\n  '
)


def xcn(identifier: str) -> str:
    """A professional as an XCN."""
    return f"{identifier}^LIBRE^MAX^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"


def xon(identifier: str) -> str:
    """A structure as an XON."""
    return f"HOPITAL^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{identifier}"


def slot(name: str, *values: str) -> str:
    """A slot."""
    items = "".join(f"<rim:Value>{value.replace('&', '&amp;')}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{items}</rim:ValueList></rim:Slot>'


def coded(scheme: str, item: str, code: tuple[str, str]) -> str:
    """A code classification."""
    name = f'<rim:Name><rim:LocalizedString value="{code[0]}"/></rim:Name>'
    return (
        f'<rim:Classification id="{uuid.uuid4().urn}" classificationScheme="{scheme}" classifiedObject="{item}"'
        f' nodeRepresentation="{code[0]}" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:'
        f'Classification">{slot("codingScheme", code[1])}{name}</rim:Classification>'
    )


def author(scheme: str, item: str, person: str, institution: str) -> str:
    """An author classification."""
    return (
        f'<rim:Classification id="{uuid.uuid4().urn}" classificationScheme="{scheme}" classifiedObject="{item}"'
        f' nodeRepresentation="">{slot("authorPerson", xcn(person))}{slot("authorInstitution", xon(institution))}'
        "</rim:Classification>"
    )


def external(scheme: str, item: str, value: str, name: str) -> str:
    """An external identifier."""
    return (
        f'<rim:ExternalIdentifier id="{uuid.uuid4().urn}" registryObject="{item}" identificationScheme="{scheme}"'
        f' value="{value.replace("&", "&amp;")}"><rim:Name><rim:LocalizedString value="{name}"/></rim:Name>'
        "</rim:ExternalIdentifier>"
    )


def extrinsic(
    identifier: str,
    slots: Mapping[str, str],
    title: str,
    codes: Sequence[tuple[str, tuple[str, str]]],
    authors: str,
    patient: str,
    unique_id: str,
    attributes: str,
) -> str:
    """An ExtrinsicObject from its parts."""
    return (
        f'<rim:ExtrinsicObject id="{identifier}"{attributes} objectType="{STABLE_DOCUMENT}">'
        + "".join(slot(name, value) for name, value in slots.items() if value)
        + (f'<rim:Name><rim:LocalizedString value="{title}"/></rim:Name>' if title else "")
        + authors
        + "".join(coded(scheme, identifier, code) for scheme, code in codes)
        + external("urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", identifier, patient, "XDSDocumentEntry.patientId")
        + external("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", identifier, unique_id, "XDSDocumentEntry.uniqueId")
        + "</rim:ExtrinsicObject>"
    )


def association(kind: str, source: str, target: str, **slots: str) -> str:
    """An association."""
    inside = "".join(slot(name, value) for name, value in slots.items())
    return (
        f'<rim:Association id="{uuid.uuid4().urn}" associationType="{kind}" sourceObject="{source}"'
        f' targetObject="{target}">{inside}</rim:Association>'
    )


STABLE_DOCUMENT = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"


@dataclass(frozen=True)
class Lot:
    """A submission set; every field may be made wrong."""

    unique_id: str = field(default_factory=oid)
    patient: str = sample.ADULT.ins
    author: str = sample.AUTHOR_DOCTOR.id
    institution: str = sample.HOSPITAL.id
    content_type: tuple[str, str] = ("04", "1.2.250.1.213.2.2")
    submitted: str = field(default_factory=dtm)
    source_id: str = "1.2.250.1.213.99.1"
    node: bool = True

    def but(self, **changes: Any) -> Lot:
        """The same with some fields changed."""
        return replace(self, **changes)

    def xml(self) -> str:
        """The RegistryPackage and its mark."""
        lot = "SubmissionSet01"
        mark = (
            f'<rim:Classification id="{uuid.uuid4().urn}" classifiedObject="{lot}"'
            ' classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>'
        )
        return (
            f'<rim:RegistryPackage id="{lot}">{slot("submissionTime", self.submitted)}'
            + author("urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d", lot, self.author, self.institution)
            + coded("urn:uuid:aa543740-bdda-424e-8c96-df4873be8500", lot, self.content_type)
            + external(
                "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", lot, cx(self.patient), "XDSSubmissionSet.patientId"
            )
            + external(
                "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", lot, self.unique_id, "XDSSubmissionSet.uniqueId"
            )
            + external(
                "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", lot, self.source_id, "XDSSubmissionSet.sourceId"
            )
            + "</rim:RegistryPackage>"
            + (mark if self.node else "")
        )


def signature_entry(unique_id: str, patient: str) -> str:
    """The ExtrinsicObject of the lot's signature."""
    item = "Signature01"
    codes = [
        ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", ("E1762", "ASTM")),
        ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", ("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN")),
        ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", ("http://www.w3.org/2000/09/xmldsig#", "URN")),
        ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", ("SA01", "1.2.250.1.71.4.2.4")),
        ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", ("AMBULATOIRE", "1.2.250.1.213.1.1.4.9")),
        ("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", ("1.2.840.10065.1.12.1.14", "ASTM")),
        ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", ("N", "2.16.840.1.113883.5.25")),
        ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", ("MASQUE_PS", "1.2.250.1.213.1.1.4.13")),
        ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", ("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13")),
    ]
    slots = {
        "creationTime": dtm(-1),
        "languageCode": "art",
        "serviceStartTime": dtm(-1),
        "sourcePatientId": cx(patient),
    }
    who = author("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", item, sample.AUTHOR_DOCTOR.id, sample.HOSPITAL.id)
    return extrinsic(item, slots, "Source", codes, who, cx(patient), unique_id, ' mimeType="text/xml"')


C14N_COMMENTS = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"


def lot_signature(signer: Signer, lot: str, documents: Mapping[str, bytes], *, transform: str = C14N_COMMENTS) -> bytes:
    """A XAdES signature of a lot by its manifest; ``documents`` bytes by uniqueId."""
    references = [reference(lot, "AA==")]
    for unique_id, content in documents.items():
        data = content
        if transform:
            tree = etree.fromstring(content, etree.XMLParser(huge_tree=True)).getroottree()
            data = etree.tostring(
                tree, method="c14n", exclusive="exc-c14n" in transform, with_comments=transform.endswith("WithComments")
            )
        digest = b64(hashlib.sha256(data).digest())
        references.append(reference(unique_id, digest, transform))
    xades = "http://uri.etsi.org/01903/v1.1.1#"
    certificate_digest = b64(signer.certificate.fingerprint(SHA256()))
    return signer.sign_manifest(
        f'<ds:Signature xmlns:ds="{NS["ds"]}" Id="Lot"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{C14N_COMMENTS}"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        + "".join(
            f'<ds:Reference URI="#{target}"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
            "<ds:DigestValue/></ds:Reference>"
            for target in ("IHEManifest", "Properties")
        )
        + "</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data>"
        "</ds:KeyInfo>"
        f'<ds:Object><xades:QualifyingProperties xmlns:xades="{xades}" Target="#Lot">'
        '<xades:SignedProperties Id="Properties"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{instant()}</xades:SigningTime><xades:SigningCertificate><xades:Cert><xades:CertDigest>"
        '<xades:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<xades:DigestValue>{certificate_digest}</xades:DigestValue></xades:CertDigest></xades:Cert>"
        "</xades:SigningCertificate><xades:SignaturePolicyIdentifier><xades:SignaturePolicyImplied/>"
        "</xades:SignaturePolicyIdentifier></xades:SignedSignatureProperties></xades:SignedProperties>"
        f'</xades:QualifyingProperties></ds:Object><ds:Object><ds:Manifest Id="IHEManifest">{"".join(references)}'
        "</ds:Manifest></ds:Object></ds:Signature>"
    )


def reference(unique_id: str, digest: str, transform: str = "") -> str:
    """A manifest reference."""
    transforms = f'<ds:Transforms><ds:Transform Algorithm="{transform}"/></ds:Transforms>' if transform else ""
    return (
        f'<ds:Reference URI="urn:oid:{unique_id}">{transforms}'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )

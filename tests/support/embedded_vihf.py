"""VIHF written by hand, every field of which can be wrong, signed with xmlsec."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

from facade.embedded import sample
from facade.embedded.sample import SampleProfessional
from tests.support.embedded_words import AIR, NS, OID, b64, cx, instant


@dataclass(frozen=True)
class Vihf:
    """The content of an assertion; every field may be made wrong."""

    patient: str = sample.ADULT.ins
    patient_oid: str = OID
    mode: str = AIR
    purpose: str = "normal"
    purpose_oid: str = "1.2.250.1.213.1.1.4.248"
    name_id: str = sample.AUTHOR_DOCTOR.id
    roles: tuple[tuple[str, str], ...] = (("10", "1.2.250.1.71.1.2.7"), ("SM26", "1.2.250.1.71.4.2.5"))
    structure: str = sample.HOSPITAL.id
    sector: str = "SA01^1.2.250.1.71.4.2.4"
    mode_attribute: str = "Authentification_mode"
    version: str = "3.0"
    urn: str = "urn:dmp"
    declaration: str | None = None
    issuer: str | None = None
    issued: float = 0
    identifier: str = ""
    conditions: str = ""
    secret: str = ""
    subject_id: str = "MAX LIBRE"
    extra: str = ""

    def of(self, person: SampleProfessional) -> Vihf:
        """The same for another professional, with that one's structure and sector."""
        site = sample.structure(person.structure)
        assert site is not None
        roles: tuple[tuple[str, str], ...] = ((person.profession, "1.2.250.1.71.1.2.7"),)
        if person.specialty:
            roles = (*roles, (person.specialty, "1.2.250.1.71.4.2.5"))
        sector = f"{site.sector}^1.2.250.1.71.4.2.4"
        return replace(self, name_id=person.id, roles=roles, structure=site.id, sector=sector)

    def but(self, **changes: Any) -> Vihf:
        """The same with some fields changed."""
        return replace(self, **changes)

    @property
    def _roles(self) -> str:
        return "".join(
            f'<saml2:AttributeValue><Role xmlns="urn:hl7-org:v3" xsi:type="CE" code="{code}" codeSystem="{system}"/>'
            "</saml2:AttributeValue>"
            for code, system in self.roles
        )

    @property
    def _purpose(self) -> str:
        return (
            f'<saml2:AttributeValue><PurposeOfUse xmlns="urn:hl7-org:v3" xsi:type="CE" code="{self.purpose}"'
            f' codeSystem="{self.purpose_oid}" codeSystemName="mode acces VIHF 2.0" displayName="x"/>'
            "</saml2:AttributeValue>"
        )

    @property
    def _strings(self) -> str:
        strings = {
            "Identifiant_Structure": self.structure,
            "Secteur_Activite": self.sector,
            "urn:oasis:names:tc:xspa:1.0:subject:subject-id": self.subject_id,
            "VIHF_Version": self.version,
            self.mode_attribute: self.mode,
            "Ressource_URN": self.urn,
            "LPS_Nom": "raw-client",
            "LPS_Version": "1",
            "LPS_ID_HOMOLOGATION_DMP": "TEST",
        }
        if self.patient:
            strings["urn:oasis:names:tc:xacml:2.0:resource:resource-id"] = cx(self.patient, self.patient_oid)
        if self.secret:
            strings["urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"] = self.secret
        return "".join(
            f'<saml2:Attribute Name="{name}"><saml2:AttributeValue xsi:type="xs:string">'
            f"{value.replace('&', '&amp;')}</saml2:AttributeValue></saml2:Attribute>"
            for name, value in strings.items()
        )

    def xml(self, issuer: str) -> str:
        """The unsigned assertion with a signature template."""
        identifier = self.identifier or f"_{uuid.uuid4()}"
        declared = self.declaration
        if declared is None:
            declared = "CONF_EXI_PGSSIS" if self.mode == AIR else ""
        declaration = f"<saml2:AuthnContextDecl>{declared}</saml2:AuthnContextDecl>" if declared else ""
        return (
            f'<saml2:Assertion xmlns:saml2="{NS["saml2"]}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xmlns:xs="http://www.w3.org/2001/XMLSchema" Version="2.0" ID="{identifier}"'
            f' IssueInstant="{instant(self.issued)}">'
            '<saml2:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName">'
            f"{self.issuer or issuer}</saml2:Issuer>{_template(identifier)}"
            f"<saml2:Subject><saml2:NameID>{self.name_id}</saml2:NameID></saml2:Subject>{self.conditions}"
            f'<saml2:AuthnStatement AuthnInstant="{instant(-60)}"><saml2:AuthnContext><saml2:AuthnContextClassRef>'
            "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI</saml2:AuthnContextClassRef>"
            f"{declaration}</saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement>{self._strings}"
            '<saml2:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role">'
            f"{self._roles}</saml2:Attribute>"
            '<saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse">'
            f"{self._purpose}</saml2:Attribute>{self.extra}</saml2:AttributeStatement></saml2:Assertion>"
        )


def _template(identifier: str, method: str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256") -> str:
    return (
        f'<ds:Signature xmlns:ds="{NS["ds"]}"><ds:SignedInfo>'
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{identifier}"><ds:Transforms>'
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>'
        "</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data>"
        "</ds:KeyInfo></ds:Signature>"
    )


class Signer:
    """Signs with one certificate of the test authority, by xmlsec."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = x509.load_pem_x509_certificate(certificate.read_bytes())
        self._key = xmlsec.Key.from_file(str(key), xmlsec.constants.KeyDataFormatPem)
        self._key.load_cert_from_file(str(certificate), xmlsec.constants.KeyDataFormatPem)
        private = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(private, RSAPrivateKey)
        self._private = private

    @property
    def subject(self) -> str:
        """The subject DN, RFC 2253."""
        return self.certificate.subject.rfc4514_string()

    def sign(self, xml: str) -> bytes:
        """Fill the enveloped signature template of an assertion."""
        root = etree.fromstring(xml.encode())
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = self._key
        template = root.find("ds:Signature", NS)
        assert template is not None
        context.sign(template)
        return etree.tostring(root)

    def sign_manifest(self, xml: str) -> bytes:
        """Fill an enveloping template by hand: xmlsec would fetch what the manifest names."""
        root = etree.fromstring(xml.encode())
        for node in root.iterfind("ds:SignedInfo/ds:Reference", NS):
            target = root.find(f".//*[@Id='{node.get('URI', '').removeprefix('#')}']")
            value = node.find("ds:DigestValue", NS)
            assert target is not None
            assert value is not None
            value.text = b64(hashlib.sha256(etree.tostring(target, method="c14n", with_tail=False)).digest())
        info, value = root.find("ds:SignedInfo", NS), root.find("ds:SignatureValue", NS)
        certificate = root.find(".//ds:X509Certificate", NS)
        assert info is not None
        assert value is not None
        assert certificate is not None
        signed = etree.tostring(info, method="c14n", with_comments=True)
        value.text = b64(self._private.sign(signed, PKCS1v15(), SHA256()))
        certificate.text = b64(self.certificate.public_bytes(Encoding.DER))
        return etree.tostring(root)


@cache
def signer(certificate: Path, key: Path) -> Signer:
    """The signer of a certificate: loading an RSA key is what takes time."""
    return Signer(certificate, key)

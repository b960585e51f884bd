"""The VIHF: each thing that may be wrong with one is refused, and only ORG SIGN is believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xmlsec
from lxml import etree

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_answer import TD02_BODY
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import AIR, INDIRECT, NS, TD02, instant

GOOD = Vihf()
BODY = TD02_BODY.format(ins=GOOD.patient, oid=GOOD.patient_oid)
PRODUCERS = "1.2.250.1.213.1.1.4.6"
CONDITIONS = '<saml2:Conditions NotBefore="{}" NotOnOrAfter="{}"/>'


def _fault(raw: RawClient, assertion: bytes) -> tuple[str, str]:
    return raw.post("patients", raw.envelope(TD02, BODY, assertion)).fault


@pytest.mark.parametrize(
    "vihf",
    [
        GOOD,
        GOOD.but(mode=INDIRECT),
        GOOD.but(mode_attribute="Authentification_Mode"),
        GOOD.but(purpose_oid="1.2.250.1.213.1.1.4.336"),
        GOOD.but(purpose="bris_de_glace"),
        GOOD.but(version="4.0"),
        GOOD.but(structure=sample.LEGAL_ENTITY.id),
        GOOD.but(conditions=CONDITIONS.format(instant(-3600), instant(3600))),
        GOOD.but(secret="INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"),
        GOOD.of(sample.NURSE),
        GOOD.of(sample.REGULATOR).but(purpose="centre_15"),
        GOOD.but(mode=INDIRECT, roles=(("AUTOMATE", PRODUCERS),), name_id=sample.HOSPITAL.id),
        GOOD.but(mode=INDIRECT, roles=(("AUTOMATE", PRODUCERS),)),
        GOOD.but(roles=(("EXP_PATIENT", PRODUCERS),), name_id="idpe-1", structure=sample.LEGAL_ENTITY.id),
        GOOD.but(roles=(("SNR", PRODUCERS),), name_id="app", sector=f"SNR^{PRODUCERS}", mode=INDIRECT),
    ],
)
def test_a_right_vihf_is_accepted(raw: RawClient, vihf: Vihf) -> None:
    answer = raw.existence(vihf)
    assert answer.fault == ("", "")
    assert raw.lines()[-1]["result"] == "success"


@pytest.mark.parametrize(
    ("vihf", "reason"),
    [
        (GOOD.but(issuer="CN=somebody,C=FR"), "Issuer"),
        (GOOD.but(issuer="not a name"), "Issuer"),
        (GOOD.but(issued=-660), "IssueInstant"),
        (GOOD.but(issued=660), "IssueInstant"),
        (GOOD.but(conditions=CONDITIONS.format(instant(-120), instant(-60))), "validité"),
        (GOOD.but(conditions=CONDITIONS.format(instant(3600), instant(7200))), "validité"),
        (GOOD.but(version="2.0"), "VIHF_Version"),
        (GOOD.but(urn="urn:ROR"), "Ressource_URN"),
        (GOOD.but(subject_id=""), "subject-id"),
        (GOOD.but(mode="DIRECTE"), "mode"),
        (GOOD.but(mode_attribute="Mode"), "mode"),
        (GOOD.but(purpose="connexion_secrete"), "mode"),
        (GOOD.but(purpose_oid="1.2.3"), "purposeofuse"),
        (GOOD.but(patient="123"), "patient"),
        (GOOD.but(name_id=""), "NameID"),
        (GOOD.but(secret="INVISIBLE_PATIENT^1.2.250.1.213.1.1.4.13"), "confidentiality-code"),
        (GOOD.but(declaration="", mode=AIR), "AuthnContextDecl"),
        (GOOD.but(declaration="CONF_EXI_PGSSIS", mode=INDIRECT), "AuthnContextDecl"),
        (GOOD.but(structure="1990000093"), "Structure introuvable ou Inactive"),
        (GOOD.but(structure=sample.STRANGER.id), "personne morale"),
        (GOOD.but(roles=GOOD.roles[:1]), "Aucune spécialité dans le vihf"),
        (GOOD.but(roles=(("21", "1.2.250.1.71.1.2.7"),)), "Aucune spécialité dans le vihf"),
        (GOOD.but(roles=(*GOOD.roles, GOOD.roles[1])), "un ou deux rôles"),
        (GOOD.but(roles=(("10", "1.2.3"), GOOD.roles[1])), "premier rôle"),
        (GOOD.but(roles=(("60", "1.2.250.1.71.1.2.7"),)), "profession"),
        (GOOD.but(sector="SA99^1.2.250.1.71.4.2.4"), "Secteur_Activite du VIHF inconnu"),
        (GOOD.but(sector="SA05^1.2.250.1.71.4.2.4"), "Secteur_Activite différent"),
        (GOOD.but(sector="SA01"), "Secteur_Activite du VIHF inconnu"),
        (GOOD.but(structure=sample.CLINIC.id, sector="SA04^1.2.250.1.71.4.2.4"), "PS et Structure non liés"),
        (GOOD.but(name_id="899700000999"), "PS et Structure non liés"),
        (GOOD.but(mode=INDIRECT, roles=(("AUTOMATE", PRODUCERS),), name_id="x"), "automate"),
        (GOOD.but(extra='<saml2:Attribute Name="Ressource_URN"/>'), "répété"),
    ],
)
def test_a_wrong_vihf_is_refused(raw: RawClient, vihf: Vihf, reason: str) -> None:
    code, text = raw.existence(vihf).fault
    assert code == "wsse:InvalidSecurityToken"
    assert reason in text


def test_the_tls_certificate_does_not_sign(raw: RawClient) -> None:
    assertion = raw.wrong_signer.sign(GOOD.xml(raw.wrong_signer.subject))
    assert _fault(raw, assertion) == ("DMPInvalidCertificate", "Not a valid signature certificate")
    assert raw.lines()[-1]["signature_ok"] is False
    assert raw.lines()[-1]["result"] == "DMPInvalidCertificate"


def test_one_identifier_names_one_assertion(raw: RawClient) -> None:
    first = raw.assertion(GOOD.but(identifier="_same"))
    assert _fault(raw, first) == ("", "")
    assert _fault(raw, first) == ("", ""), "the same token may be used again while it is valid"
    code, reason = _fault(raw, raw.assertion(GOOD.but(identifier="_same", name_id=sample.TREATING_DOCTOR.id)))
    assert code == "wsse:InvalidSecurityToken"
    assert "déjà utilisé" in reason


def test_what_is_changed_after_signing_is_refused_here_and_by_xmlsec(raw: RawClient) -> None:
    assertion = raw.assertion(GOOD).replace(sample.AUTHOR_DOCTOR.id.encode(), sample.TREATING_DOCTOR.id.encode())
    assert _fault(raw, assertion)[0] == "wsse:FailedCheck"
    root = etree.fromstring(assertion)
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(raw.world.pki.sign), xmlsec.constants.KeyDataFormatCertPem)
    template = root.find("ds:Signature", NS)
    assert template is not None
    with pytest.raises(xmlsec.VerificationError):
        context.verify(template)


def _sha1(xml: str) -> str:
    return xml.replace(
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    )


def _digest_sha1(xml: str) -> str:
    return xml.replace("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1")


def _inclusive(xml: str) -> str:
    old = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    return xml.replace(old, '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>')


def _only_subject(xml: str) -> str:
    """A signature over a part: the subject, not the assertion."""
    start = xml.index('URI="#') + 6
    identifier = xml[start : xml.index('"', start)]
    return xml.replace(f'URI="#{identifier}"', 'URI="#part"').replace("<saml2:Subject>", '<saml2:Subject ID="part">')


@pytest.mark.parametrize("change", [_sha1, _digest_sha1, _inclusive, _only_subject])
def test_only_one_kind_of_signature_is_accepted(raw: RawClient, change: Callable[[str], str]) -> None:
    xml = GOOD.xml(raw.signer.subject)
    assert change(xml) != xml
    code, _ = _fault(raw, raw.signer.sign(change(xml)))
    assert code == "wsse:FailedCheck"


def test_a_signed_assertion_wrapped_in_another_is_not_believed(raw: RawClient) -> None:
    """Signature wrapping: the signed assertion inside, the forged one outside, the same ID on both."""
    signed = raw.assertion(GOOD.but(identifier="_wrapped"))
    root = etree.fromstring(signed)
    forged = etree.fromstring(
        GOOD.but(identifier="_wrapped").of(sample.TREATING_DOCTOR).xml(raw.signer.subject).encode()
    )
    signature, template = root.find("ds:Signature", NS), forged.find("ds:Signature", NS)
    assert signature is not None
    assert template is not None
    root.remove(signature)
    forged.replace(template, signature)
    holder = etree.SubElement(signature, f"{{{NS['ds']}}}Object")
    holder.append(root)
    assert _fault(raw, etree.tostring(forged))[0] == "wsse:FailedCheck"


def test_the_signature_follows_the_issuer(raw: RawClient) -> None:
    root = etree.fromstring(raw.assertion(GOOD))
    signature = root.find("ds:Signature", NS)
    assert signature is not None
    root.append(signature)
    assert _fault(raw, etree.tostring(root))[0] == "wsse:FailedCheck"

"""The VIHF: the SAML assertion that tells the DMP who asks, for which patient, why, and how they were authenticated.

One assertion is for one caller, patient, purpose and mode. It is signed with the ORG SIGN key right after Issuer.
Sources: CI-SIS transport (VIHF 3.0), DMP interface (attributes, modes), art. EX_0.1-1100 (connexion secrète).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import SignatureReference, XMLSigner

from facade.dmp.config import DmpConfig
from facade.dmp.keys import Credential
from facade.dmp.xmltext import attribute, text
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import DmpSession
from facade.xmlsafe import parse as parse_xml

_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_HL7 = "urn:hl7-org:v3"
_X509_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
_SECTOR_SYSTEM = "1.2.250.1.71.4.2.4"
_PROFESSION_SYSTEM = "1.2.250.1.71.1.2.7"
_SPECIALTY_SYSTEM = "1.2.250.1.71.4.2.5"
_PHARMACY_SYSTEM = "1.2.250.1.71.4.2.6"  # TRE_G05
_PRODUCER_SYSTEM = "1.2.250.1.213.1.1.4.6"  # TRE_A00
_PHARMACIST = "21"
_AUDIENCE = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
_SECRET = "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"  # noqa: S105 - a code of JDV_J64
_PURPOSES = {
    Purpose.NORMAL: "Accès normal",
    Purpose.BREAK_GLASS: "Accès bris de glace",
    Purpose.REGULATION: "Accès centre 15",
}
_PRODUCERS = {
    CallerKind.STRUCTURE: ("AUTOMATE", "Automate"),
    CallerKind.PATIENT: ("EXP_PATIENT", "Expression personnelle du patient"),
    CallerKind.REPRESENTATIVE: ("EXP_PATIENT", "Expression personnelle du patient"),
    CallerKind.APPLICATION: ("SNR", "Service numérique référencé"),
}


class Mode(StrEnum):
    """How the caller was authenticated, as the DMP names it. DIRECTE needs a smart card and is not for servers."""

    INDIRECT = "INDIRECTE"
    REINFORCED = "INDIRECTE_RENFORCEE"


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """Everything an assertion says: two sessions with the same key may share one. Names a patient: has no repr."""

    kind: CallerKind
    id: str
    name: str
    profession: str
    specialty: str
    structure: str
    sector: str
    patient: str
    purpose: Purpose
    secret: bool
    mode: Mode
    authenticated: datetime | None


class AssertionMaker:
    """Makes VIHFs, and reuses one for reads of the same session within ``reuse_seconds``."""

    def __init__(self, config: DmpConfig, credential: Credential) -> None:
        self._config = config
        self._options = config.vihf
        self._credential = credential
        self._made: OrderedDict[_Key, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def assertion(self, session: DmpSession, mode: Mode, *, fresh: bool) -> str:
        """The signed assertion as XML text. ``fresh`` forbids reuse: a VIHF is made after the lot it carries."""
        key = self._key(session, mode)
        if not fresh and (known := self._known(key)) is not None:
            return known
        made = self._sign(self._text(session, key, datetime.now(UTC)))
        if not fresh:
            self._remember(key, made)
        return made

    def _key(self, session: DmpSession, mode: Mode) -> _Key:
        caller = session.caller
        structure = self._structure(caller)
        purpose = session.purpose
        if mode is Mode.INDIRECT and purpose is Purpose.BREAK_GLASS:
            purpose = Purpose.NORMAL  # the rights tables know no break-glass in plain INDIRECTE
        return _Key(
            caller.kind,
            caller.id,
            caller.name,
            caller.profession,
            caller.specialty,
            structure.id,
            structure.sector,
            session.patient.cx,
            purpose,
            session.secret,
            mode,
            caller.authenticated,
        )

    def _structure(self, caller: Caller) -> Structure:
        care = caller.kind in (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE)
        return caller.structure if care else self._config.structure

    def _known(self, key: _Key) -> str | None:
        with self._lock:
            found = self._made.get(key)
            if found is None:
                return None
            if time.monotonic() >= found[0]:
                del self._made[key]
                return None
            self._made.move_to_end(key)
            return found[1]

    def _remember(self, key: _Key, made: str) -> None:
        with self._lock:
            self._made[key] = (time.monotonic() + self._options.reused_for, made)
            self._made.move_to_end(key)
            while len(self._made) > self._options.reuse_entries:
                self._made.popitem(last=False)

    def _text(self, session: DmpSession, key: _Key, now: datetime) -> str:
        moment, login = _instant(now), _instant(min(key.authenticated or now, now))
        person = key.kind is CallerKind.PROFESSIONAL
        authn_class = self._options.authn_class if person else self._options.authn_class_other
        declared = self._options.authn_decl if key.mode is Mode.REINFORCED else ""
        decl = f"<saml2:AuthnContextDecl>{text(declared)}</saml2:AuthnContextDecl>" if declared else ""
        return (
            f'<saml2:Assertion xmlns:saml2="{_SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_{uuid.uuid4()}" IssueInstant="{moment}" '
            f'Version="2.0"><saml2:Issuer Format="{_X509_NAME}">{text(self._credential.subject)}</saml2:Issuer>'
            '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'
            f"<saml2:Subject><saml2:NameID>{text(key.id)}</saml2:NameID></saml2:Subject>{self._conditions(now)}"
            f'<saml2:AuthnStatement AuthnInstant="{login}"><saml2:AuthnContext>'
            f"<saml2:AuthnContextClassRef>{text(authn_class)}</saml2:AuthnContextClassRef>{decl}"
            "</saml2:AuthnContext></saml2:AuthnStatement>"
            f"<saml2:AttributeStatement>{self._attributes(session, key)}</saml2:AttributeStatement></saml2:Assertion>"
        )

    def _conditions(self, now: datetime) -> str:
        window = self._options.conditions_seconds
        if window is None:
            return ""
        span = timedelta(seconds=window)
        return f'<saml2:Conditions NotBefore="{_instant(now - span)}" NotOnOrAfter="{_instant(now + span)}"/>'

    def _attributes(self, session: DmpSession, key: _Key) -> str:
        options, editor = self._options, self._config.editor
        strings = [
            ("Identifiant_Structure", key.structure),
            ("Secteur_Activite", f"{key.sector}^{_SECTOR_SYSTEM}"),
            ("urn:oasis:names:tc:xspa:1.0:subject:subject-id", key.name or key.id),
        ]
        more = [
            ("VIHF_Version", options.version),
            (options.mode_attribute, key.mode.value),
            ("urn:oasis:names:tc:xacml:2.0:resource:resource-id", key.patient),
            ("Ressource_URN", options.resource_urn),
        ]
        last = [
            (_AUDIENCE, _SECRET if key.secret else ""),
            ("LPS_ID", editor.id),
            ("LPS_Nom", editor.name),
            ("LPS_Version", editor.version),
            ("LPS_ID_HOMOLOGATION_DMP", editor.homologation_id),
        ]
        roles = _attribute("urn:oasis:names:tc:xacml:2.0:subject:role", *_roles(session.caller))
        purpose = _attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", self._purpose(key.purpose))
        return "".join((_strings(strings), roles, _strings(more), purpose, _strings(last)))

    def _purpose(self, purpose: Purpose) -> str:
        return (
            f'<PurposeOfUse xmlns="{_HL7}" xsi:type="CE" code="{purpose.value}" '
            f'codeSystem="{attribute(self._options.purpose_code_system)}" '
            f'codeSystemName="{attribute(self._options.purpose_code_system_name)}" '
            f'displayName="{attribute(_PURPOSES[purpose])}"/>'
        )

    def _sign(self, assertion: str) -> str:
        root = parse_xml(assertion.encode())
        reference = SignatureReference(
            URI=f"#{root.get('ID')}",
            c14n_method=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        signed = self._signer().sign(
            root,
            key=self._credential.key,
            cert=[self._credential.certificate],
            reference_uri=[reference],
            id_attribute="ID",
        )
        return etree.tostring(signed, encoding="unicode")

    def _signer(self) -> XMLSigner:
        old = self._options.hash == "sha1"
        kind = "RSA" if self._credential.is_rsa else "ECDSA"
        maker = _OldPeerSigner if old else XMLSigner
        return maker(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=SignatureMethod[f"{kind}_{'SHA1' if old else 'SHA256'}"],
            digest_algorithm=DigestAlgorithm.SHA1 if old else DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )


class _OldPeerSigner(XMLSigner):
    """SHA-1, for a peer that is set to know nothing better."""

    def check_deprecated_methods(self) -> None:
        """Allow what the base class refuses."""


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _roles(caller: Caller) -> list[str]:
    if caller.kind is not CallerKind.PROFESSIONAL:
        code, display = _PRODUCERS[caller.kind]
        return [_role(code, _PRODUCER_SYSTEM, display)]
    system = _PHARMACY_SYSTEM if caller.profession == _PHARMACIST else _SPECIALTY_SYSTEM
    second = [_role(caller.specialty, system)] if caller.specialty else []
    return [_role(caller.profession, _PROFESSION_SYSTEM), *second]


def _role(code: str, system: str, display: str = "") -> str:
    shown = f' displayName="{attribute(display)}"' if display else ""
    return f'<Role xmlns="{_HL7}" xsi:type="CE" code="{attribute(code)}" codeSystem="{system}"{shown}/>'


def _attribute(name: str, *values: str) -> str:
    inner = "".join(f"<saml2:AttributeValue>{value}</saml2:AttributeValue>" for value in values)
    return f'<saml2:Attribute Name="{attribute(name)}">{inner}</saml2:Attribute>'


def _strings(pairs: list[tuple[str, str]]) -> str:
    return "".join(
        f'<saml2:Attribute Name="{attribute(name)}"><saml2:AttributeValue xsi:type="xs:string">{text(value)}'
        "</saml2:AttributeValue></saml2:Attribute>"
        for name, value in pairs
        if value
    )

"""VIHF: who calls, for which patient, in which mode; nothing is believed that ORG SIGN has not signed.

Sources: CI-SIS volet "Transport synchrone" (VIHF), DMP interface (tokens of the three modes), SAML 2.0 Core,
JDV_J38-ModeAcces, JDV_J61, JDV_J64, JDV_J65.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock

from cryptography import x509
from lxml import etree

from facade.embedded import sample
from facade.embedded.signature import BadSignature, Trust, WrongCertificate, verify_assertion
from facade.embedded.soap import SoapFault
from facade.embedded.strictxml import HL7, SAML, serialise, tag, text
from facade.embedded.valuesets import ValueSets

INDIRECT, REINFORCED = "INDIRECTE", "INDIRECTE_RENFORCEE"
PATIENT_ROLE, APPLICATION_ROLE, AUTOMATON_ROLE = "EXP_PATIENT", "SNR", "AUTOMATE"
PRODUCERS = "1.2.250.1.213.1.1.4.6"
PROFESSIONS = "1.2.250.1.71.1.2.7"
SECTORS = "1.2.250.1.71.4.2.4"
_WITH_SPECIALTY = ("10", "21")
_WINDOW = timedelta(minutes=10)
_X509_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
_ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
_PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
_PURPOSE_OIDS = ("1.2.250.1.213.1.1.4.248", "1.2.250.1.213.1.1.4.336")
_PURPOSES = ("normal", "bris_de_glace", "centre_15")
_RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
_SUBJECT = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
_CONFIDENTIALITY = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
_HIDDEN_FROM_PARENTS = "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"
_CX = re.compile(r"(?P<value>[0-9A-Z]{15})\^\^\^&(?P<oid>[0-9.]+)&ISO\^NH(?:\^.*)?")
_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


@dataclass(frozen=True, slots=True)
class User:
    """The user of a verified VIHF. ``roles`` are (code, coding system); ``ins`` the 15 characters of the resource."""

    mode: str
    purpose: str
    name_id: str
    roles: tuple[tuple[str, str], ...]
    structure: str
    ins: str = field(repr=False)
    ins_oid: str
    secret: bool

    @property
    def role(self) -> str:
        """The code of the first role: a profession, or the kind of user."""
        return self.roles[0][0]

    @property
    def is_professional(self) -> bool:
        """Whether the first role is a profession of TRE_G15."""
        return self.roles[0][1] == PROFESSIONS


def patient_cx(value: str) -> tuple[str, str] | None:
    """The INS and its OID of a patientId (components after the fifth ignored), None when it is no CX of an INS."""
    match = _CX.fullmatch(value)
    return (match["value"], match["oid"]) if match else None


class VihfReader:
    """Reads and checks assertions. One per server: it remembers the identifiers it has seen."""

    def __init__(
        self, trust: Trust, sets: ValueSets, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._trust = trust
        self._sets = sets
        self._clock = clock
        self._seen: dict[str, tuple[bytes, datetime]] = {}
        self._lock = Lock()

    def verify(self, assertion: etree._Element | None) -> tuple[etree._Element, x509.Certificate]:
        """The assertion as signed, and its certificate. Raises SoapFault."""
        if assertion is None:
            raise SoapFault("wsse:InvalidSecurity", "no VIHF")
        try:
            return verify_assertion(assertion, self._trust)
        except WrongCertificate as error:
            raise SoapFault("DMPInvalidCertificate", "Not a valid signature certificate") from error
        except BadSignature as error:
            raise SoapFault("wsse:FailedCheck", f"signature du VIHF invalide: {error}") from error

    def user(
        self, signed: etree._Element, signer: x509.Certificate, connected: str, *, patient_needed: bool = True
    ) -> User:
        """The user of a verified assertion. ``connected`` is the OU of the TLS certificate. Raises SoapFault.

        ``patient_needed``: whether the VIHF must name a patient; without one, ``User.ins`` is empty.
        """
        self._check_frame(signed, signer)
        attributes = _attributes(signed)
        if not patient_needed and _RESOURCE not in attributes:
            patient: tuple[str, str] | None = ("", "")
        else:
            patient = patient_cx(_string(attributes, _RESOURCE))
        user = self._read(signed, attributes, patient)
        self._check_context(signed, user.mode)
        self._check_structure(user, signer, connected)
        self._check_roles(user)
        self._check_sector(user, _string(attributes, "Secteur_Activite"))
        self._check_directory(user)
        return user

    def _check_frame(self, signed: etree._Element, signer: x509.Certificate) -> None:
        """Version, issuer, instant, conditions, identifier."""
        issuer = signed.find(tag(SAML, "Issuer"))
        if signed.get("Version") != "2.0" or issuer is None or issuer.get("Format") != _X509_NAME:
            raise _wrong("Version ou Issuer du VIHF incorrects")
        if not _same_name(text(issuer), signer.subject):
            raise _wrong("Issuer du VIHF différent du sujet du certificat de signature")
        now = self._clock()
        issued = _instant(signed.get("IssueInstant", ""))
        if abs(now - issued) > _WINDOW:
            raise _wrong("IssueInstant du VIHF hors de la fenêtre acceptée")
        conditions = signed.find(tag(SAML, "Conditions"))
        if conditions is not None and not _within(conditions, now):
            raise _wrong("VIHF hors de sa période de validité")
        self._check_unique(signed.get("ID", ""), serialise(signed), now)

    def _check_unique(self, identifier: str, content: bytes, now: datetime) -> None:
        """One identifier names one assertion: the same token may come again while it is valid, another one not."""
        digest = sha256(content).digest()
        with self._lock:
            for old in [key for key, (_, until) in self._seen.items() if until < now]:
                del self._seen[old]
            known, _ = self._seen.setdefault(identifier, (digest, now + 2 * _WINDOW))
        if known != digest:
            raise _wrong("identifiant de VIHF déjà utilisé")

    def _read(
        self, signed: etree._Element, attributes: dict[str, list[etree._Element]], patient: tuple[str, str] | None
    ) -> User:
        name_id = text(signed.find(f"{tag(SAML, 'Subject')}/{tag(SAML, 'NameID')}"))
        purpose = [node for value in attributes.get(_PURPOSE, []) for node in value.findall(tag(HL7, "PurposeOfUse"))]
        roles = [node for value in attributes.get(_ROLE, []) for node in value.findall(tag(HL7, "Role"))]
        confidentiality = _string(attributes, _CONFIDENTIALITY)
        mode = _string(attributes, "Authentification_mode") or _string(attributes, "Authentification_Mode")
        if len(purpose) != 1 or purpose[0].get("codeSystem") not in _PURPOSE_OIDS:
            raise _wrong("purposeofuse du VIHF incorrect")
        if purpose[0].get("code") not in _PURPOSES or mode not in (INDIRECT, REINFORCED):
            raise _wrong("mode d'accès ou d'authentification du VIHF incorrect")
        if patient is None or not name_id or confidentiality not in ("", _HIDDEN_FROM_PARENTS):
            raise _wrong("patient, NameID ou confidentiality-code du VIHF incorrects")
        if not 1 <= len(roles) <= 2:  # noqa: PLR2004 - a profession, and a speciality
            raise _wrong("un VIHF a un ou deux rôles")
        self._check_constants(attributes)
        return User(
            mode,
            purpose[0].get("code", ""),
            name_id,
            tuple((role.get("code", ""), role.get("codeSystem", "")) for role in roles),
            _string(attributes, "Identifiant_Structure"),
            patient[0],
            patient[1],
            confidentiality == _HIDDEN_FROM_PARENTS,
        )

    def _check_constants(self, attributes: dict[str, list[etree._Element]]) -> None:
        if _string(attributes, "VIHF_Version") not in ("3.0", "4.0"):
            raise _wrong("VIHF_Version inconnue")
        if _string(attributes, "Ressource_URN") != "urn:dmp":
            raise _wrong("Ressource_URN différente de urn:dmp")
        for name in (_SUBJECT, "LPS_Nom", "LPS_Version"):
            if not _string(attributes, name):
                raise _wrong(f"attribut {name} absent du VIHF")

    def _check_context(self, signed: etree._Element, mode: str) -> None:
        """AuthnContextDecl is what tells AIR from plain indirect authentication."""
        statement = signed.find(tag(SAML, "AuthnStatement"))
        if statement is None:
            raise _wrong("AuthnStatement absent du VIHF")
        _instant(statement.get("AuthnInstant", ""))
        context = f"{tag(SAML, 'AuthnContext')}/"
        if not text(statement.find(context + tag(SAML, "AuthnContextClassRef"))).startswith(_CLASSES):
            raise _wrong("AuthnContextClassRef absent du VIHF")
        declared = text(statement.find(context + tag(SAML, "AuthnContextDecl")))
        if bool(declared) != (mode == REINFORCED):
            raise _wrong("AuthnContextDecl ne correspond pas au mode d'authentification")

    def _check_structure(self, user: User, signer: x509.Certificate, connected: str) -> None:
        """The structure is the one of the certificates, or a site of that legal entity."""
        known = sample.structure(user.structure)
        if known is None:
            raise _wrong("Structure introuvable ou Inactive")
        unit = self._trust.organisation(signer)
        if unit != connected or unit not in (known.id, known.legal_entity):
            raise _wrong("[Indirecte] Erreur d'authentification de la personne morale")

    def _check_roles(self, user: User) -> None:
        code, system = user.roles[0]
        if system not in (PROFESSIONS, PRODUCERS) or not code:
            raise _wrong("premier rôle du VIHF incorrect")
        if system == PROFESSIONS and code in _WITH_SPECIALTY and (len(user.roles) == 1 or not user.roles[1][0]):
            raise _wrong("Aucune spécialité dans le vihf")

    def _check_sector(self, user: User, sector: str) -> None:
        """A sector of JDV_J61, the one of the structure (of one of its sites for a legal entity)."""
        code, _, scheme = sector.partition("^")
        if not self._sets.holds("J61", code, scheme):
            raise _wrong("Secteur_Activite du VIHF inconnu")
        sites = [site for site in sample.STRUCTURES if user.structure in (site.id, site.legal_entity)]
        if scheme == SECTORS and code not in {site.sector for site in sites}:
            raise _wrong("Secteur_Activite différent de celui de la structure")
        if scheme == PRODUCERS and code != user.role:
            raise _wrong("Secteur_Activite différent du rôle")

    def _check_directory(self, user: User) -> None:
        """A professional is in the directory, with that profession, and linked with the structure."""
        person = sample.professional(user.name_id)
        if user.role in (PATIENT_ROLE, APPLICATION_ROLE) and not user.is_professional:
            return
        if person is None and user.role == AUTOMATON_ROLE:
            if user.name_id == user.structure or user.name_id.startswith(f"3{user.structure[1:]}/"):
                return
            raise _wrong("responsable de l'automate inconnu")
        if person is None or not sample.works_in(person, user.structure):
            raise _wrong("PS et Structure non liés")
        if user.is_professional and person.profession != user.role:
            raise _wrong("profession du VIHF différente de celle de l'annuaire")


def _wrong(reason: str) -> SoapFault:
    return SoapFault("wsse:InvalidSecurityToken", reason)


def _attributes(signed: etree._Element) -> dict[str, list[etree._Element]]:
    """The values by attribute name. Raises SoapFault when an attribute comes twice."""
    found: dict[str, list[etree._Element]] = {}
    for attribute in signed.iterfind(f"{tag(SAML, 'AttributeStatement')}/{tag(SAML, 'Attribute')}"):
        name = attribute.get("Name", "")
        if name in found:
            raise _wrong("un attribut du VIHF est répété")
        found[name] = attribute.findall(tag(SAML, "AttributeValue"))
    return found


def _string(attributes: dict[str, list[etree._Element]], name: str) -> str:
    values = attributes.get(name, [])
    return text(values[0]) if len(values) == 1 else ""


def _instant(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _wrong("date du VIHF illisible") from error
    if moment.tzinfo is None:
        raise _wrong("date du VIHF sans fuseau")
    return moment


def _within(conditions: etree._Element, now: datetime) -> bool:
    start, end = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    return (start is None or _instant(start) <= now) and (end is None or now < _instant(end))


def _same_name(written: str, subject: x509.Name) -> bool:
    """Compare names, not spellings: RFC 2253 and RFC 4514 differ in escapes and spaces."""
    try:
        return x509.Name.from_rfc4514_string(re.sub(r",\s+", ",", written)) == subject
    except ValueError:
        return False

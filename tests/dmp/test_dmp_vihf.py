from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import xmlsec
from lxml import etree

from facade.dmp.config import SMARTCARD, UNSPECIFIED, DmpConfig, VihfOptions
from facade.dmp.keys import Credential, load
from facade.dmp.vihf import AssertionMaker, Mode
from facade.domain.access import Purpose
from facade.domain.caller import CallerKind, Structure
from facade.domain.dmp import DmpSession
from facade.domain.ins import INS
from facade.xmlsafe import parse
from tests.support.dmp_callers import PATIENT, caller, session
from tests.support.dmp_server import Issued, Pki

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
HL7 = "{urn:hl7-org:v3}"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
AUDIENCE = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"

Maker = Callable[..., AssertionMaker]


@pytest.fixture
def credential(config: DmpConfig) -> Credential:
    return load(config.sign, "SIGN")


@pytest.fixture
def maker(config: DmpConfig, credential: Credential) -> Maker:
    def make(**options: object) -> AssertionMaker:
        return AssertionMaker(replace(config, vihf=replace(VihfOptions(), **options)), credential)  # type: ignore[arg-type]

    return make


def read(assertion: str) -> etree._Element:
    return parse(assertion.encode())


def strings(assertion: str) -> dict[str, str]:
    found = {}
    for attribute in read(assertion).iter(f"{SAML}Attribute"):
        value = attribute[0]
        if not len(value):
            found[attribute.get("Name", "")] = value.text or ""
    return found


def coded(assertion: str, name: str) -> list[tuple[str, str]]:
    for attribute in read(assertion).iter(f"{SAML}Attribute"):
        if attribute.get("Name") == name:
            return [(value[0].get("code", ""), value[0].get("codeSystem", "")) for value in attribute]
    return []


def verify(root: etree._Element, issued: Issued) -> None:
    """Verify with libxmlsec: another implementation than the one that signed."""
    signature = root.find(f".//{DS}Signature")
    assert signature is not None
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(issued.certificate_file), xmlsec.constants.KeyDataFormatCertPem)
    context.verify(signature)


def test_an_independent_library_verifies_the_signature(maker: Maker, sign: Issued) -> None:
    root = read(maker().assertion(session(), Mode.REINFORCED, fresh=True))
    verify(root, sign)
    for element in root.iter(f"{SAML}NameID"):
        element.text = "899700000023"
    with pytest.raises(xmlsec.Error):
        verify(root, sign)


def test_the_signature_holds_inside_an_envelope_that_redefines_prefixes(maker: Maker, sign: Issued) -> None:
    assertion = maker().assertion(session(), Mode.REINFORCED, fresh=True)
    envelope = f'<e xmlns="urn:other" xmlns:xs="urn:not-xs" xmlns:ds="urn:not-ds">{assertion}</e>'
    root = read(envelope)
    xmlsec.tree.add_ids(root, ["ID"])
    verify(root, sign)


def test_an_elliptic_curve_key_signs_too(pki: Pki, config: DmpConfig) -> None:
    issued = pki.issue("SIGN-EC")
    files = replace(config.sign, certificate=issued.certificate_file, key=issued.key_file)
    made = AssertionMaker(config, load(files, "SIGN")).assertion(session(), Mode.REINFORCED, fresh=True)
    assert "ecdsa-sha256" in made
    verify(read(made), issued)


def test_the_signature_comes_right_after_the_issuer(maker: Maker) -> None:
    root = read(maker().assertion(session(), Mode.REINFORCED, fresh=True))
    assert [child.tag.rpartition("}")[2] for child in root] == [
        "Issuer",
        "Signature",
        "Subject",
        "AuthnStatement",
        "AttributeStatement",
    ]
    assert root.findtext(f"{SAML}Issuer") == "CN=SIGN,OU=1750712184,O=Test,C=FR"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", root.get("IssueInstant", ""))


def test_the_login_and_the_emission_are_told_apart(maker: Maker) -> None:
    now, login = datetime.now(UTC), datetime(2026, 6, 12, 8, 30, tzinfo=UTC)
    asked = session()
    made = maker().assertion(
        replace(asked, caller=replace(asked.caller, authenticated=login)), Mode.INDIRECT, fresh=True
    )
    statement = read(made).find(f"{SAML}AuthnStatement")
    assert statement is not None
    assert statement.get("AuthnInstant") == "2026-06-12T08:30:00.000Z"
    assert read(made).get("IssueInstant", "") >= now.strftime("%Y-%m-%dT%H:%M")
    ahead = replace(asked, caller=replace(asked.caller, authenticated=now + timedelta(hours=1)))
    root = read(maker().assertion(ahead, Mode.INDIRECT, fresh=True))
    statement = root.find(f"{SAML}AuthnStatement")
    assert statement is not None
    assert statement.get("AuthnInstant") == root.get("IssueInstant")


def test_sha256_unless_a_peer_knows_only_sha1(maker: Maker) -> None:
    assert "sha1" not in maker().assertion(session(), Mode.REINFORCED, fresh=True)
    old = maker(hash="sha1").assertion(session(), Mode.REINFORCED, fresh=True)
    assert "xmldsig#rsa-sha1" in old
    assert "xmldsig#sha1" in old


def test_a_professional(maker: Maker) -> None:
    made = maker().assertion(session(), Mode.REINFORCED, fresh=True)
    assert read(made).findtext(f"{SAML}Subject/{SAML}NameID") == "899700000015"
    assert coded(made, ROLE) == [("10", "1.2.250.1.71.1.2.7"), ("SM26", "1.2.250.1.71.4.2.5")]
    assert coded(made, PURPOSE) == [("normal", "1.2.250.1.213.1.1.4.248")]
    assert strings(made) == {
        "Identifiant_Structure": "1750712184",
        "Secteur_Activite": "SA01^1.2.250.1.71.4.2.4",
        "urn:oasis:names:tc:xspa:1.0:subject:subject-id": "MARTIN ALICE",
        "VIHF_Version": "3.0",
        "Authentification_mode": "INDIRECTE_RENFORCEE",
        "urn:oasis:names:tc:xacml:2.0:resource:resource-id": "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH",
        "Ressource_URN": "urn:dmp",
        "LPS_ID": "LPS1",
        "LPS_Nom": "dmp-facade",
        "LPS_Version": "1.0",
        "LPS_ID_HOMOLOGATION_DMP": "SECRET-HOMOLOGATION",
    }


def test_a_pharmacist_has_a_section_of_another_table(maker: Maker) -> None:
    made = maker().assertion(session(profession="21", specialty="A"), Mode.REINFORCED, fresh=True)
    assert coded(made, ROLE) == [("21", "1.2.250.1.71.1.2.7"), ("A", "1.2.250.1.71.4.2.6")]


def test_a_nurse_has_one_role(maker: Maker) -> None:
    made = maker().assertion(session(profession="60", specialty=""), Mode.REINFORCED, fresh=True)
    assert coded(made, ROLE) == [("60", "1.2.250.1.71.1.2.7")]


@pytest.mark.parametrize(
    ("kind", "role", "structure", "sector"),
    [
        (CallerKind.STRUCTURE, "AUTOMATE", "1750712184", "SA01"),
        (CallerKind.PATIENT, "EXP_PATIENT", "1990000001", "SA07"),
        (CallerKind.REPRESENTATIVE, "EXP_PATIENT", "1990000001", "SA07"),
        (CallerKind.APPLICATION, "SNR", "1990000001", "SA07"),
    ],
)
def test_those_who_are_no_professionals(maker: Maker, kind: CallerKind, role: str, structure: str, sector: str) -> None:
    made = maker().assertion(session(kind, id="ext-1", name="X"), Mode.INDIRECT, fresh=True)
    assert coded(made, ROLE) == [(role, "1.2.250.1.213.1.1.4.6")]
    assert strings(made)["Identifiant_Structure"] == structure
    assert strings(made)["Secteur_Activite"].startswith(f"{sector}^")
    assert read(made).findtext(f"{SAML}Subject/{SAML}NameID") == "ext-1"
    assert read(made).findtext(f".//{SAML}AuthnContextClassRef") == UNSPECIFIED


def test_the_declaration_of_the_reinforced_mode(maker: Maker) -> None:
    reinforced = read(maker().assertion(session(), Mode.REINFORCED, fresh=True))
    assert reinforced.findtext(f".//{SAML}AuthnContextDecl") == "CONF_EXI_PGSSIS"
    assert reinforced.findtext(f".//{SAML}AuthnContextClassRef") == SMARTCARD
    assert read(maker().assertion(session(), Mode.INDIRECT, fresh=True)).find(f".//{SAML}AuthnContextDecl") is None


@pytest.mark.parametrize(
    ("purpose", "mode", "sent"),
    [
        (Purpose.NORMAL, Mode.INDIRECT, "normal"),
        (Purpose.REGULATION, Mode.INDIRECT, "centre_15"),
        (Purpose.BREAK_GLASS, Mode.INDIRECT, "normal"),
        (Purpose.NORMAL, Mode.REINFORCED, "normal"),
        (Purpose.REGULATION, Mode.REINFORCED, "centre_15"),
        (Purpose.BREAK_GLASS, Mode.REINFORCED, "bris_de_glace"),
    ],
)
def test_break_glass_is_never_sent_in_plain_indirect(maker: Maker, purpose: Purpose, mode: Mode, sent: str) -> None:
    assert coded(maker().assertion(session(purpose=purpose), mode, fresh=True), PURPOSE)[0][0] == sent


def test_connexion_secrete(maker: Maker) -> None:
    secret = replace(session(), secret=True)
    assert strings(maker().assertion(secret, Mode.REINFORCED, fresh=True))[AUDIENCE] == (
        "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"
    )
    assert AUDIENCE not in maker().assertion(session(), Mode.REINFORCED, fresh=True)


def test_what_sources_spell_differently_is_a_setting(maker: Maker) -> None:
    options = {"version": "4.0", "mode_attribute": "Authentification_Mode", "purpose_code_system": "1.2.3"}
    made = maker(**options).assertion(session(), Mode.INDIRECT, fresh=True)
    assert strings(made)["VIHF_Version"] == "4.0"
    assert strings(made)["Authentification_Mode"] == "INDIRECTE"
    assert coded(made, PURPOSE) == [("normal", "1.2.3")]


def test_conditions_only_where_they_are_asked_for(maker: Maker) -> None:
    assert "Conditions" not in maker().assertion(session(), Mode.REINFORCED, fresh=True)
    root = read(maker(conditions_seconds=60).assertion(session(), Mode.REINFORCED, fresh=True))
    conditions = root.find(f"{SAML}Conditions")
    assert conditions is not None
    start, end = (datetime.fromisoformat(conditions.get(name, "")) for name in ("NotBefore", "NotOnOrAfter"))
    assert end - start == timedelta(seconds=120)
    assert start < datetime.now(UTC) < end


def test_markup_in_a_name_stays_text(maker: Maker, sign: Issued) -> None:
    made = maker().assertion(session(name='<b> & "Ñ" \x00'), Mode.REINFORCED, fresh=True)
    verify(read(made), sign)
    assert strings(made)["urn:oasis:names:tc:xspa:1.0:subject:subject-id"] == '<b> & "Ñ" \ufffd'


OTHERS: list[tuple[str, DmpSession, Mode]] = [
    ("caller", session(id="899700000023"), Mode.REINFORCED),
    ("profession", session(profession="60"), Mode.REINFORCED),
    ("specialty", session(specialty="SM54"), Mode.REINFORCED),
    ("structure", session(structure=Structure("1000000000", "X", "SA01")), Mode.REINFORCED),
    ("sector", session(structure=Structure("1750712184", "X", "SA05")), Mode.REINFORCED),
    ("kind", session(CallerKind.STRUCTURE), Mode.REINFORCED),
    ("purpose", session(purpose=Purpose.BREAK_GLASS), Mode.REINFORCED),
    ("secret", replace(session(), secret=True), Mode.REINFORCED),
    ("patient", replace(session(), patient=INS.of("1.2.250.1.213.1.4.10", "155117512345674")), Mode.REINFORCED),
    ("identity", replace(session(), patient=INS.of("1.2.250.1.213.1.4.8", PATIENT.value)), Mode.REINFORCED),
    ("mode", session(), Mode.INDIRECT),
]


@pytest.mark.parametrize(("what", "other", "mode"), OTHERS, ids=[each[0] for each in OTHERS])
def test_an_assertion_is_never_reused_for_something_else(
    maker: Maker, what: str, other: DmpSession, mode: Mode
) -> None:
    one = maker()
    first = one.assertion(session(), Mode.REINFORCED, fresh=False)
    assert one.assertion(session(), Mode.REINFORCED, fresh=False) == first
    assert one.assertion(other, mode, fresh=False) != first


def test_a_change_gets_its_own_assertion_and_leaves_none(maker: Maker) -> None:
    one = maker()
    read_first = one.assertion(session(), Mode.INDIRECT, fresh=False)
    change = one.assertion(session(), Mode.INDIRECT, fresh=True)
    assert change != read_first
    assert one.assertion(session(), Mode.INDIRECT, fresh=False) == read_first


def test_an_assertion_is_not_reused_beyond_its_time(maker: Maker) -> None:
    one = maker(reuse_seconds=0.05)
    first = one.assertion(session(), Mode.REINFORCED, fresh=False)
    time.sleep(0.06)
    assert one.assertion(session(), Mode.REINFORCED, fresh=False) != first


def test_an_assertion_is_not_reused_when_its_conditions_may_end_on_the_way(maker: Maker) -> None:
    one = maker(conditions_seconds=1, reuse_seconds=120.0)
    first = one.assertion(session(), Mode.REINFORCED, fresh=False)
    assert one.assertion(session(), Mode.REINFORCED, fresh=False) == first
    time.sleep(0.51)
    assert one.assertion(session(), Mode.REINFORCED, fresh=False) != first


def test_the_memory_of_assertions_is_bounded(maker: Maker) -> None:
    one = maker(reuse_entries=2)
    first = one.assertion(session(id="a"), Mode.REINFORCED, fresh=False)
    for name in ("b", "c"):
        one.assertion(session(id=name), Mode.REINFORCED, fresh=False)
    assert len(one._made) == 2
    assert one.assertion(session(id="a"), Mode.REINFORCED, fresh=False) != first


def test_many_threads_get_assertions_of_their_own_caller(maker: Maker) -> None:
    one = maker(reuse_entries=3)
    wrong: list[str] = []

    def work(name: str) -> None:
        for _ in range(5):
            made = one.assertion(DmpSession(caller(id=name), PATIENT, Purpose.NORMAL), Mode.REINFORCED, fresh=False)
            if f"<saml2:NameID>{name}</saml2:NameID>" not in made:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(f"8{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

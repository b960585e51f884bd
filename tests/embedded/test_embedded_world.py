"""The data directory: certificates, issuer keys, sample records, and that it can be opened again."""

from __future__ import annotations

import base64
import json
import stat
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from jose import jwt
from jose.exceptions import ExpiredSignatureError, JWTClaimsError, JWTError

from facade.domain.ins import INS
from facade.embedded import sample, store
from facade.embedded.personas import PERSONAS, REALMS
from facade.embedded.world import World, prepare


def _luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@pytest.mark.parametrize("patient", sample.PATIENTS, ids=lambda patient: patient.name)
def test_ins_of_patients_have_a_right_key(patient: sample.SamplePatient) -> None:
    assert INS.of(sample.INS_TEST_OID, patient.ins).key_is_right


@pytest.mark.parametrize("person", sample.PROFESSIONALS, ids=lambda person: person.family)
def test_professionals_have_an_idnat_with_a_luhn_key_and_a_site(person: sample.SampleProfessional) -> None:
    assert person.id.startswith("899700")
    assert len(person.id) == 12
    assert _luhn(person.id[1:])
    assert sample.works_in(person, person.structure)
    assert sample.works_in(person, sample.LEGAL_ENTITY.id)
    assert not sample.works_in(person, sample.STRANGER.id)


@pytest.mark.parametrize("today", [date(2026, 11, 22), date(2028, 2, 29), date(2027, 1, 31), date(2027, 5, 1)])
def test_the_minor_is_fourteen(today: date) -> None:
    born = sample.birth_date(sample.MINOR, today)
    assert today.year - born.year - ((today.month, today.day) < (born.month, born.day)) == 14


def test_certificates_differ_in_usage_and_share_the_ou(embedded_world: World) -> None:
    found = {
        name: x509.load_pem_x509_certificate((embedded_world.pki.folder / f"{name}.pem").read_bytes())
        for name in ("ca", "server", "auth_cli", "sign")
    }
    for name in ("server", "auth_cli", "sign"):
        found[name].verify_directly_issued_by(found["ca"])
    for name in ("auth_cli", "sign"):
        assert f"OU={sample.LEGAL_ENTITY.id}," in found[name].subject.rfc4514_string()
    extended = found["auth_cli"].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        found["sign"].extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert found["sign"].extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment
    assert not found["auth_cli"].extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment


def test_private_keys_are_the_owners_only(embedded_world: World) -> None:
    keys = [*embedded_world.pki.folder.glob("*.key"), *embedded_world.issuer_keys.glob("*.key")]
    assert len(keys) == 6
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_preparing_again_changes_nothing_and_is_fast(tmp_path: Path) -> None:
    started = time.monotonic()
    first = prepare(tmp_path)
    assert time.monotonic() - started < 3
    files = {path: path.read_bytes() for path in (*first.pki.folder.iterdir(), *first.issuer_keys.iterdir())}
    with first.store().writing() as db:
        db.execute(sa.update(store.patients).values(birth_date=date(2000, 1, 1)))
    again = prepare(tmp_path)
    assert {path: path.read_bytes() for path in files} == files
    with again.store().reading() as db:
        born = {row.ins: row.birth_date for row in db.execute(sa.select(store.patients))}
    today = datetime.now(UTC).date()
    assert born[sample.MINOR.ins] == sample.birth_date(sample.MINOR, today), "the minor is fourteen again"
    assert born[sample.ADULT.ins] == date(2000, 1, 1), "other records are kept"
    assert sample.ABSENT.ins not in born


def test_authorisations_of_the_sample_world(embedded_world: World) -> None:
    with embedded_world.store().reading() as db:
        blocked = store.authorisation(db, sample.ADULT.ins, sample.BLOCKED_DOCTOR.id)
        treating = store.authorisation(db, sample.OBJECTOR.ins, sample.TREATING_DOCTOR.id)
        none = store.authorisation(db, sample.ADULT.ins, sample.UNAUTHORISED_DOCTOR.id)
    assert blocked is not None
    assert blocked.state == "INTERDIT"
    assert treating is not None
    assert (treating.state, treating.treating) == ("VALIDE", True)
    assert none is None


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_minted_token_verifies_with_the_realm_that_is_its_own(embedded_world: World, persona: str) -> None:
    issuer = embedded_world.issuer(9)
    token = issuer.mint(persona)
    realm = PERSONAS[persona].realm
    claims = jwt.decode(
        token, issuer.jwks(realm), algorithms=["RS256"], audience="dmp-facade", issuer=issuer.iss(realm)
    )
    assert claims["iss"] == f"http://127.0.0.1:9/realms/{realm}"
    assert {"sub", "iat", "nbf", "exp", "jti"} <= set(claims)
    assert claims["exp"] - claims["iat"] == 12 * 3600 + 1
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header["typ"] == "at+jwt"
    for other in set(REALMS) - {realm}:
        with pytest.raises(JWTError):
            jwt.decode(token, issuer.jwks(other), algorithms=["RS256"], audience="dmp-facade")


def test_a_token_can_be_made_wrong_on_purpose(embedded_world: World) -> None:
    issuer = embedded_world.issuer(9)
    keys = issuer.jwks("psc")
    with pytest.raises(ExpiredSignatureError):
        jwt.decode(issuer.mint("nurse", lifetime=-5), keys, algorithms=["RS256"], audience="dmp-facade")
    elsewhere = issuer.mint("nurse", audience="elsewhere")
    with pytest.raises(JWTClaimsError):
        jwt.decode(elsewhere, keys, algorithms=["RS256"], audience="dmp-facade")
    changed = issuer.mint("nurse", claims={"acr": "eidas0", "SubjectRefPro": None}, audience=None)
    claims = jwt.get_unverified_claims(changed)
    assert claims["acr"] == "eidas0"
    assert "SubjectRefPro" not in claims
    assert "aud" not in claims


def test_professional_claims_are_those_of_pro_sante_connect(embedded_world: World) -> None:
    claims = jwt.get_unverified_claims(embedded_world.issuer(9).mint("regulator"))
    assert claims["sub"].startswith("f:")
    assert claims["sub"].endswith(f":{sample.REGULATOR.id}")
    assert claims["SubjectNameID"] == sample.REGULATOR.id
    assert claims["Acces_Regulation_Medicale"] == "VRAI"
    activity = claims["SubjectRefPro"]["exercices"][0]["activities"][0]
    assert activity["ancienIdentifiantDeLaStructure"] == sample.SAMU.id
    assert activity["codeSecteurDactivite"] == sample.SAMU.sector


def test_citizens_name_the_application_they_use(embedded_world: World) -> None:
    issuer = embedded_world.issuer(9)
    person = jwt.get_unverified_claims(issuer.mint("representative-minor"))
    machine = jwt.get_unverified_claims(issuer.mint("catalogue-app"))
    assert person["sub"] != person["azp"] == sample.APPLICATION
    assert machine["sub"] == machine["azp"] == sample.APPLICATION
    assert {pairing.external_id for pairing in sample.PAIRINGS} >= {person["sub"], machine["sub"]}

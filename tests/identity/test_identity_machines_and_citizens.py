"""From believable claims to a caller: structures and their certificates, patients, representatives, applications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from jose import jws

from facade.domain.caller import CallerKind, Pairing, Relation
from facade.domain.errors import Unauthenticated
from facade.identity.verifier import TokenVerifier
from tests.support.identity import (
    APPLICATION,
    HOSPITAL,
    ID_NAT,
    MES,
    NOW,
    OWN,
    PSC,
    STRUCTURES,
    NoPairings,
    Realms,
    call,
    claims_of,
    ec_key,
    ins,
    pem,
    professional_claims,
    public_jwk,
    rsa_key,
    signed,
    signed_pss,
)

THUMBPRINT = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"


def refusal_of(verifier: TokenVerifier, claims: dict[str, Any], realm: str, certificate: str | None = None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        call(verifier, claims, realm, certificate=certificate)
    return caught.value.problems[0].code


def machine(realms: Realms, **changes: Any) -> dict[str, Any]:
    return claims_of(realms.issuer(STRUCTURES), **{"sub": "his", "azp": "his", "structure": "1750000018", **changes})


def test_a_structure_on_the_list(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, machine(realms), STRUCTURES)
    assert (caller.kind, caller.id, caller.structure) == (CallerKind.STRUCTURE, "1750000018", HOSPITAL)
    assert (caller.name, caller.application, caller.two_factors) == ("CHU", "his", False)


def test_a_structure_on_no_list(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, machine(realms, structure="1999999999"), STRUCTURES)
    assert (caller.structure.id, caller.structure.homologated_until) == ("1999999999", None)


@pytest.mark.parametrize("structure", [None, "", "R95141", 1750000018, "1 750000018"])
def test_a_structure_token_without_a_structure(verifier: TokenVerifier, realms: Realms, structure: object) -> None:
    assert refusal_of(verifier, machine(realms, structure=structure), STRUCTURES) == "token.claims"


@pytest.mark.parametrize(
    ("binding", "cnf", "certificate", "believed"),
    [
        (False, None, None, True),
        (False, None, THUMBPRINT, True),
        (False, {"x5t#S256": THUMBPRINT}, None, True),
        (False, {"x5t#S256": THUMBPRINT}, THUMBPRINT, True),
        (False, {"x5t#S256": THUMBPRINT}, f"{THUMBPRINT}=", True),
        (False, {"x5t#S256": THUMBPRINT}, THUMBPRINT.upper(), False),
        (False, {"x5t#S256": THUMBPRINT}, "", False),
        (False, {"x5t#S256": ""}, "", False),
        (False, {"jkt": "x"}, None, False),
        (False, "x", None, False),
        (False, {"x5t#S256": 5}, THUMBPRINT, False),
        (True, None, None, False),
        (True, None, THUMBPRINT, False),
        (True, {"x5t#S256": THUMBPRINT}, None, False),
        (True, {"x5t#S256": THUMBPRINT}, THUMBPRINT, True),
        (True, {"x5t#S256": THUMBPRINT}, "other", False),
        (True, {"x5t#S256": THUMBPRINT}, "é", False),
    ],
)
def test_binding_to_the_client_certificate(
    verifier_with: Callable[..., TokenVerifier],
    realms: Realms,
    binding: bool,
    cnf: object,
    certificate: str | None,
    believed: bool,
) -> None:
    verifier = verifier_with(bound_structure_tokens=binding)
    claims = machine(realms, cnf=cnf)
    if believed:
        assert call(verifier, claims, STRUCTURES, certificate=certificate).id == "1750000018"
    else:
        assert refusal_of(verifier, claims, STRUCTURES, certificate) == "token.not-bound"


def test_a_bound_token_of_a_person_is_bound_too(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    bound = professional_claims(realms.issuer(PSC), cnf={"x5t#S256": THUMBPRINT})
    free = professional_claims(realms.issuer(PSC))
    strict, lax = verifier_with(bound_structure_tokens=True), verifier_with()
    assert refusal_of(strict, bound, PSC) == "token.not-bound"
    assert refusal_of(lax, bound, PSC, "other") == "token.not-bound"
    assert call(strict, bound, PSC, certificate=THUMBPRINT).id == ID_NAT
    assert call(strict, free, PSC).id == ID_NAT


def test_a_person_of_the_pairing_table(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    pairing = Pairing(ins(), Relation.REPRESENTATIVE)
    table = NoPairings(pairing)
    caller = call(verifier_with(table), claims_of(realms.issuer(MES), sub="idpe-1", azp="app"), MES)
    assert (caller.kind, caller.id, caller.application) == (CallerKind.PATIENT, "idpe-1", "app")
    assert (caller.pairings, caller.structure, caller.refusal) == ((pairing,), OWN, None)
    assert table.asked == [("app", "idpe-1")]
    assert caller.toward(ins()).kind is CallerKind.REPRESENTATIVE
    assert caller.toward(ins(2)).refusal == "caller.not-paired"


def test_an_application_for_itself(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    pairing = Pairing(ins(), Relation.HOLDER, may_feed=True)
    table = NoPairings(pairing)
    caller = call(verifier_with(table), claims_of(realms.issuer(MES), sub="app", azp="app"), MES)
    assert (caller.kind, caller.id, caller.name) == (CallerKind.APPLICATION, "app", "app")
    assert (caller.pairings, caller.referenced, caller.refusal) == ((pairing,), APPLICATION, None)
    assert table.asked == [("app",)]


@pytest.mark.parametrize("subject", ["idpe-1", "stranger"])
def test_an_application_outside_the_catalogue_brings_nobody(
    verifier_with: Callable[..., TokenVerifier], realms: Realms, subject: str
) -> None:
    verifier = verifier_with(NoPairings(Pairing(ins(), Relation.HOLDER)))
    caller = call(verifier, claims_of(realms.issuer(MES), sub=subject, azp="stranger"), MES)
    assert (caller.referenced, caller.refusal) == (None, "caller.application-not-referenced")


def test_a_citizen_token_without_its_application(verifier: TokenVerifier, realms: Realms) -> None:
    assert refusal_of(verifier, claims_of(realms.issuer(MES), sub="idpe-1", azp=None), MES) == "token.claims"


@pytest.mark.parametrize("subject", ["idpe-1", "app"])
def test_citizens_may_be_turned_off(verifier_with: Callable[..., TokenVerifier], realms: Realms, subject: str) -> None:
    table = NoPairings(Pairing(ins(), Relation.HOLDER))
    verifier = verifier_with(table, citizens_enabled=False)
    caller = call(verifier, claims_of(realms.issuer(MES), sub=subject, azp="app"), MES)
    assert (caller.refusal, caller.pairings) == ("caller.citizens-off", ())
    assert table.asked == []


def test_a_citizen_issuer_cannot_speak_for_a_professional(verifier: TokenVerifier, realms: Realms) -> None:
    claims = {**professional_claims(realms.issuer(PSC)), "iss": realms.issuer(MES)}
    caller = call(verifier, claims, MES)
    assert (caller.kind, caller.profession, caller.regulator) == (CallerKind.PATIENT, "", False)


def test_two_issuers_with_one_url_do_not_start(verifier_with: Callable[..., TokenVerifier], config: Any) -> None:
    with pytest.raises(ValueError, match="same URL"):
        verifier_with(issuers=(*config.issuers, config.issuers[0]))


def test_each_issuer_has_its_own_audience_algorithms_and_keys(
    verifier_with: Callable[..., TokenVerifier], config: Any, realms: Realms
) -> None:
    psc, structures, mes = config.issuers
    verifier = verifier_with(
        issuers=(
            replace(psc, audience="professionals", algorithms=("ES256",)),
            replace(structures, audience="machines", algorithms=("RS256",)),
            replace(mes, audience="citizens", algorithms=("PS256", "RS256")),
        )
    )
    realms.publish(PSC, public_jwk(ec_key("psc"), "k1"), public_jwk(rsa_key("psc/k1"), "k1"))
    realms.publish(MES, public_jwk(rsa_key("mes/k1"), "k1", alg=None))

    def outcome(token: str) -> str:
        try:
            caller = verifier.verify(f"Bearer {token}", activity=None, client_certificate_sha256=None, now=NOW)
        except Unauthenticated as error:
            return error.problems[0].code
        return caller.kind

    person = professional_claims(realms.issuer(PSC), aud="professionals")
    by_curve = jws.sign(person, pem(ec_key("psc")), headers={"kid": "k1"}, algorithm="ES256")
    assert outcome(by_curve) == CallerKind.PROFESSIONAL
    assert outcome(signed(person, realm=PSC)) == "token.algorithm"
    box = machine(realms, aud="machines")
    assert outcome(signed(box, realm=STRUCTURES)) == CallerKind.STRUCTURE
    for audience in ("professionals", "citizens"):
        elsewhere = machine(realms, aud=audience)
        assert outcome(signed(elsewhere, realm=STRUCTURES)) == "token.audience"
    citizen = claims_of(realms.issuer(MES), sub="idpe-1", azp="app", aud="citizens")
    assert outcome(signed(citizen, realm=MES)) == CallerKind.PATIENT
    assert outcome(signed_pss(citizen, rsa_key("mes/k1"), "k1")) == CallerKind.PATIENT

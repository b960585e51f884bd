"""A token, spoiled: refused with a code that says why, never with the token or anything of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.domain.errors import Unauthenticated
from facade.identity.config import IdentityConfig, IssuerConfig, IssuerKind
from facade.identity.professional import professional
from facade.identity.tokens import check_binding, check_claims, check_header, read
from facade.identity.verifier import TokenVerifier
from tests.support.fuzzing import check, spoiled
from tests.support.identity import (
    APPLICATION,
    AUDIENCE,
    HOSPITAL,
    NOW,
    OWN,
    PSC,
    NoPairings,
    activity,
    b64,
    exercice,
    professional_claims,
    public_jwk,
    rsa_key,
    signed,
)

EXAMPLES = settings(max_examples=250, deadline=None)
ISSUER = "https://psc.example.org/realms/psc"
CLAIMS = professional_claims(ISSUER, exercice(activity(), activity("750000026")), cnf={"x5t#S256": "Zm9v"})
TOKEN = signed(CLAIMS, realm=PSC)
SECRETS = (TOKEN, TOKEN.split(".")[1], TOKEN.split(".")[2], "DURAND", "99700000013")
LEAF: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("x" * 20_000) | st.just([])
)
VALUES = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
NAMES = st.sampled_from([*CLAIMS, "structure", "scope", "typ", "cnf", "Mode_Acces_Raison", "SubjectRefPro"])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> IdentityConfig:
    """The issuer's keys from a file: nothing is fetched."""
    keys = tmp_path_factory.mktemp("keys") / "jwks.json"
    keys.write_text(json.dumps({"keys": [public_jwk(rsa_key(f"{PSC}/k1"), "k1")]}))
    issuer = IssuerConfig(ISSUER, IssuerKind.PROFESSIONAL, AUDIENCE, jwks_file=keys)
    return IdentityConfig((issuer,), {HOSPITAL.id: HOSPITAL}, OWN, {APPLICATION.id: APPLICATION})


@pytest.fixture(scope="module")
def verifier(config: IdentityConfig) -> TokenVerifier:
    """The way in, as the facade has it."""
    return TokenVerifier(config, NoPairings())


def _verify(verifier: TokenVerifier, header: str) -> None:
    verifier.verify(header, activity=None, client_certificate_sha256=None, now=NOW)


def test_the_token_that_is_spoiled_is_believed_when_it_is_whole(verifier: TokenVerifier) -> None:
    caller = verifier.verify(f"Bearer {TOKEN}", activity=None, client_certificate_sha256=None, now=NOW)
    assert caller.family == "DURAND"


@EXAMPLES
@given(spoiled(f"Bearer {TOKEN}".encode()) | st.binary(max_size=100))
def test_a_token(verifier: TokenVerifier, header: bytes) -> None:
    check(lambda: _verify(verifier, header.decode("latin-1")), Unauthenticated, secrets=SECRETS)


@EXAMPLES
@given(
    spoiled(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "k1"}).encode()), spoiled(json.dumps(CLAIMS).encode())
)
def test_what_a_token_holds(verifier: TokenVerifier, header: bytes, claims: bytes) -> None:
    """Header and claims that are no longer JSON, or other JSON, in a token that is well formed."""
    for token in (f"{b64(header)}.{TOKEN.split('.', 1)[1]}", f"{TOKEN.split('.')[0]}.{b64(claims)}.AAAA"):
        check(lambda token=token: _verify(verifier, f"Bearer {token}"), Unauthenticated, secrets=SECRETS)  # type: ignore[misc]


def _believed(claims: dict[str, Any], config: IdentityConfig) -> None:
    """What is read of the claims of a token whose signature is right."""
    token = read(f"Bearer {b64({'alg': 'RS256', 'typ': claims.get('typ', 'JWT')})}.{b64(claims)}.AAAA")
    check_header(token, config.issuers[0])
    check_claims(token.claims, config.issuers[0], NOW)
    check_binding(token.claims, "Zm9v", enforced=True, required=True)
    professional(token.claims, "10C", config)
    professional(token.claims, None, config)


@EXAMPLES
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_claims_that_are_signed_and_strange(config: IdentityConfig, changes: dict[str, Any]) -> None:
    check(lambda: _believed({**CLAIMS, **changes}, config), Unauthenticated, secrets=("DURAND", "99700000013"))

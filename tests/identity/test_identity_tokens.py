"""Tokens that must not be believed, and the few that must."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jose import jws

from facade.domain.caller import Caller
from facade.domain.errors import FacadeError, Unauthenticated
from facade.identity.tokens import read
from facade.identity.verifier import TokenVerifier
from tests.support.identity import (
    ID_NAT,
    MES,
    NOW,
    PSC,
    Realms,
    b64,
    claims_of,
    ec_key,
    pem,
    professional_claims,
    public_jwk,
    rsa_key,
    signed,
    signed_pss,
)

Claims = dict[str, Any]


def verify(verifier: TokenVerifier, token: str | None, **changes: Any) -> Caller:
    arguments: dict[str, Any] = {"activity": None, "client_certificate_sha256": None, "now": NOW, **changes}
    return verifier.verify(None if token is None else f"Bearer {token}", **arguments)


def refused(verifier: TokenVerifier, token: str | None, **changes: Any) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verify(verifier, token, **changes)
    if token and len(token) > 40:
        assert token not in str(caught.value.problems)
    return caught.value.problems[0].code


@pytest.fixture
def claims(realms: Realms) -> Claims:
    return professional_claims(realms.issuer(PSC))


def test_a_good_token_is_believed(verifier: TokenVerifier, claims: Claims) -> None:
    assert verify(verifier, signed(claims, realm=PSC)).id == ID_NAT


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc.def.ghi", "Bearerx a.b.c"])
def test_no_token(verifier: TokenVerifier, header: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(header, activity=None, client_certificate_sha256=None, now=NOW)
    assert caught.value.problems[0].code == "token.missing"


def test_the_scheme_is_written_as_one_likes(verifier: TokenVerifier, claims: Claims) -> None:
    header = f"bEARER   {signed(claims, realm=PSC)}"
    assert verifier.verify(header, activity=None, client_certificate_sha256=None, now=NOW).id == ID_NAT


@pytest.mark.parametrize(
    "token",
    [
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "a.b.c, d.e.f",
        "é.b.c",
        f"{b64(b'[1]')}.{b64({'iss': 'x'})}.c2ln",
        f"{b64(b'{}')}.{b64(b'[]')}.c2ln",
        f"{b64(b'{}')}.{b64(b'not json')}.c2ln",
        f"{b64(b'[' * 6000)}.{b64({'iss': 'x'})}.c2ln",
        f"{b64(b'{}')}.{b64(b'[' * 6000)}.c2ln",
        f"{b64({'alg': 'RS256'})}==.{b64({'iss': 'x'})}.c2ln",
        f"{b64(bytes([0xFF, 0xFE]))}.{b64({'iss': 'x'})}.c2ln",
    ],
)
def test_what_is_no_compact_jws(verifier: TokenVerifier, token: str) -> None:
    assert refused(verifier, token) == "token.malformed"


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_else_than_a_refusal_comes_of_rubbish(verifier: TokenVerifier, text: str) -> None:
    assert refused(verifier, text).startswith("token.")


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit"]), st.none() | st.text(max_size=5) | st.integers()
    ),
    changes=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "sub", "cnf", "typ"]),
        st.none() | st.booleans() | st.text(max_size=5) | st.floats() | st.integers() | st.lists(st.text(max_size=3)),
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_else_than_a_refusal_comes_of_odd_members(
    verifier: TokenVerifier, realms: Realms, header: Mapping[str, Any], changes: Mapping[str, Any]
) -> None:
    text = f"{b64({'alg': 'RS256', 'kid': 'k1', **header})}.{b64({**claims_of(realms.issuer(PSC)), **changes})}.c2ln"
    assert refused(verifier, text).startswith("token.")


def test_a_huge_token_is_not_even_read(verifier: TokenVerifier, claims: Claims) -> None:
    assert refused(verifier, signed({**claims, "padding": "x" * 16_000}, realm=PSC)) == "token.too-large"


def test_no_signature(verifier: TokenVerifier, claims: Claims) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        assert refused(verifier, f"{b64({'alg': algorithm})}.{b64(claims)}.") == "token.algorithm"
    assert refused(verifier, f"{b64({'typ': 'JWT'})}.{b64(claims)}.") == "token.algorithm"
    assert refused(verifier, f"{b64({'alg': ['RS256']})}.{b64(claims)}.c2ln") == "token.algorithm"
    assert refused(verifier, f"{b64({'alg': 'RS256', 'kid': 'k1'})}.{b64(claims)}.") == "token.signature"


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        (serialization.Encoding.DER, serialization.PublicFormat.PKCS1),
    ],
)
@pytest.mark.parametrize("stated", ["HS256", "RS256"])
def test_the_public_key_is_no_secret(
    verifier: TokenVerifier,
    claims: Claims,
    encoding: serialization.Encoding,
    form: serialization.PublicFormat,
    stated: str,
) -> None:
    secret = rsa_key(f"{PSC}/k1").public_key().public_bytes(encoding, form)
    body = f"{b64({'alg': stated, 'typ': 'JWT', 'kid': 'k1'})}.{b64(claims)}"
    mac = HMAC(secret, hashes.SHA256())
    mac.update(body.encode())
    expected = "token.algorithm" if stated == "HS256" else "token.signature"
    assert refused(verifier, f"{body}.{b64(mac.finalize())}") == expected


def test_an_algorithm_the_issuer_does_not_use(
    verifier_with: Callable[..., TokenVerifier], config: Any, claims: Claims
) -> None:
    narrow = verifier_with(issuers=tuple(replace(issuer, algorithms=("ES256",)) for issuer in config.issuers))
    assert refused(narrow, signed(claims, realm=PSC)) == "token.algorithm"


def test_es256_and_ps256_are_verified(verifier: TokenVerifier, realms: Realms, claims: Claims) -> None:
    realms.publish(PSC, public_jwk(ec_key("e"), "e"), public_jwk(rsa_key("psc/k1"), "p", alg=None))
    ecdsa = jws.sign(claims, pem(ec_key("e")), headers={"kid": "e"}, algorithm="ES256")
    assert verify(verifier, ecdsa).id == ID_NAT
    pss = signed_pss(claims, rsa_key("psc/k1"), "p")
    assert verify(verifier, pss).id == ID_NAT
    assert refused(verifier, f"{pss[:-8]}AAAAAAAA") == "token.signature"
    assert refused(verifier, signed_pss(claims, rsa_key("mes/k1"), "p")) == "token.signature"


def test_an_altered_payload(verifier: TokenVerifier, claims: Claims) -> None:
    header, _, signature = signed(claims, realm=PSC).split(".")
    altered = {**claims, "Acces_Regulation_Medicale": "VRAI"}
    assert refused(verifier, f"{header}.{b64(altered)}.{signature}") == "token.signature"


def test_an_altered_header(verifier: TokenVerifier, claims: Claims) -> None:
    _, payload, signature = signed(claims, realm=PSC).split(".")
    header = b64({"alg": "RS256", "kid": "k1", "typ": "JWT", "x": 1})
    assert refused(verifier, f"{header}.{payload}.{signature}") == "token.signature"


def test_another_realms_key(verifier: TokenVerifier, realms: Realms, claims: Claims) -> None:
    assert refused(verifier, signed(claims, realm=MES)) == "token.signature"
    citizens = claims_of(realms.issuer(MES), sub="idpe", azp="app")
    assert refused(verifier, signed(citizens, realm=PSC)) == "token.signature"


def test_an_unknown_issuer_whose_name_is_almost_right(verifier: TokenVerifier, realms: Realms) -> None:
    right = realms.issuer(PSC)
    for issuer in (f"{right}/", right.upper(), f" {right}", "https://evil.example", "", None, 5, [right]):
        token = signed({**professional_claims(right), "iss": issuer}, realm=PSC)
        assert refused(verifier, token) == "token.issuer"


def test_crit_is_refused_whatever_it_names(verifier: TokenVerifier, claims: Claims) -> None:
    for crit in (["exp"], ["b64"], ["unknown"], []):
        assert refused(verifier, signed(claims, realm=PSC, crit=crit, b64=True)) == "token.critical-header"


def test_keys_in_the_header_mean_nothing(verifier: TokenVerifier, realms: Realms, claims: Claims) -> None:
    own = public_jwk(rsa_key("attacker/k1"), "k1")
    realms.documents["/evil"] = {"keys": [own]}
    extra: dict[str, Any] = {"jku": f"{realms.base}/evil", "x5u": f"{realms.base}/evil", "jwk": own}
    assert refused(verifier, signed(claims, realm="attacker", **extra)) == "token.signature"
    assert realms.fetches["/evil"] == 0
    assert verify(verifier, signed(claims, realm=PSC, **extra)).id == ID_NAT


@pytest.mark.parametrize("kid", ["../../k1", "k2", "", "K1"])
def test_an_unknown_kid(verifier: TokenVerifier, claims: Claims, kid: str) -> None:
    token = jws.sign(claims, pem(rsa_key("psc/k1")), headers={"kid": kid}, algorithm="RS256")
    assert refused(verifier, token) == "token.unknown-key"


def test_no_kid_is_enough_where_there_is_one_key_only(
    verifier: TokenVerifier, verifier_with: Callable[..., TokenVerifier], realms: Realms, claims: Claims
) -> None:
    token = signed(claims, realm=PSC, kid=None)
    assert verify(verifier, token).id == ID_NAT
    realms.publish(PSC, public_jwk(rsa_key("psc/k1"), "k1"), public_jwk(rsa_key("psc/k2"), "k2"))
    assert refused(verifier_with(), token) == "token.unknown-key"


def test_a_kid_that_is_no_text(verifier: TokenVerifier, claims: Claims) -> None:
    assert refused(verifier, f"{b64({'alg': 'RS256', 'kid': {'a': 1}})}.{b64(claims)}.c2ln") == "token.malformed"


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "sub"])
def test_a_mandatory_claim_that_is_missing(verifier: TokenVerifier, claims: Claims, claim: str) -> None:
    without = {name: value for name, value in claims.items() if name != claim}
    with pytest.raises(Unauthenticated) as caught:
        verify(verifier, signed(without, realm=PSC))
    assert caught.value.problems[0].code == "token.claims"
    assert caught.value.problems[0].values == {"claim": claim}


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1900000000", True, None, [1], float("inf"), float("nan"), 10**400])
def test_a_time_that_is_no_number(verifier: TokenVerifier, claims: Claims, claim: str, value: object) -> None:
    assert refused(verifier, signed({**claims, claim: value}, realm=PSC)) == "token.claims"


def test_a_time_with_a_fraction(verifier: TokenVerifier, claims: Claims) -> None:
    assert verify(verifier, signed({**claims, "exp": claims["exp"] + 0.5}, realm=PSC)).id == ID_NAT


@pytest.mark.parametrize(
    ("late", "code"), [(120 + 29, None), (120 + 30, "token.expired"), (3600, "token.expired"), (0, None)]
)
def test_expiry_to_the_second(verifier: TokenVerifier, claims: Claims, late: int, code: str | None) -> None:
    token, now = signed(claims, realm=PSC), NOW + timedelta(seconds=late)
    if code is None:
        assert verify(verifier, token, now=now).id == ID_NAT
    else:
        assert refused(verifier, token, now=now) == code


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "code"), [(30, None), (31, "token.not-yet-valid"), (3600, "token.not-yet-valid")])
def test_a_future_start(verifier: TokenVerifier, claims: Claims, claim: str, ahead: int, code: str | None) -> None:
    start = int(NOW.timestamp()) + ahead
    token = signed({**claims, "exp": start + 60, claim: start}, realm=PSC)
    if code is None:
        assert verify(verifier, token).id == ID_NAT
    else:
        assert refused(verifier, token) == code


@pytest.mark.parametrize("audience", ["other", ["other", "another"], [], "dmp-facade ", {"dmp-facade": 1}, 5, None])
def test_another_audience(verifier: TokenVerifier, claims: Claims, audience: object) -> None:
    assert refused(verifier, signed({**claims, "aud": audience}, realm=PSC)) == "token.audience"


def test_one_audience_among_several(verifier: TokenVerifier, claims: Claims) -> None:
    assert verify(verifier, signed({**claims, "aud": ["other", "dmp-facade"]}, realm=PSC)).id == ID_NAT


@pytest.mark.parametrize("typ", ["id+jwt", "logout+jwt", "JWE", 5, ""])
def test_another_type_of_token_by_its_header(verifier: TokenVerifier, claims: Claims, typ: object) -> None:
    assert refused(verifier, signed(claims, realm=PSC, typ=typ)) == "token.type"


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_types_of_an_access_token(verifier: TokenVerifier, claims: Claims, typ: str) -> None:
    assert verify(verifier, signed({**claims, "typ": "Bearer"}, realm=PSC, typ=typ)).id == ID_NAT


@pytest.mark.parametrize("typ", ["ID", "Refresh", "Offline", "Logout", 5])
def test_another_type_of_token_by_its_claim(verifier: TokenVerifier, claims: Claims, typ: object) -> None:
    assert refused(verifier, signed({**claims, "typ": typ}, realm=PSC)) == "token.type"


def test_a_signature_is_looked_at_before_any_claim(verifier: TokenVerifier, claims: Claims) -> None:
    expired = {**claims, "exp": 0, "aud": "other"}
    assert refused(verifier, signed(expired, realm=MES)) == "token.signature"


def test_no_token_shows_in_an_error_or_a_repr(verifier: TokenVerifier, claims: Claims) -> None:
    token = signed({**claims, "aud": "other"}, realm=PSC)
    with pytest.raises(FacadeError) as caught:
        verify(verifier, token)
    parts = [*token.split("."), ID_NAT, "DURAND", "6f0c"]
    shown = f"{caught.value!r} {caught.value.problems!r} {read(f'Bearer {token}')!r}"
    assert not [part for part in parts if part in shown]
    assert caught.value.__cause__ is None


def test_every_refusal_has_its_text() -> None:
    root = Path(__file__).parents[2]
    known: set[str] = set()
    for table in (root / "mappings" / "errors").rglob("*.csv"):
        with table.open(encoding="utf-8", newline="") as lines:
            known |= {row["code"] for row in csv.DictReader(lines)}
    code = re.compile(r'"((?:token|identity|records|publication|consent)\.[a-z-]+)"')
    modules = [*(root / "facade" / "identity").rglob("*.py"), *(root / "facade" / "records").rglob("*.py")]
    used = {found for module in modules for found in code.findall(module.read_text(encoding="utf-8"))}
    assert len(used) > 20
    assert used - {"publication.duplicate"} <= known

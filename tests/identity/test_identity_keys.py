"""Key rings: rotation, rest, and what may be a key."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from facade.domain.errors import FacadeError, Unauthenticated
from facade.identity.config import IssuerConfig, IssuerKind
from facade.identity.keyring import KeyRing
from facade.identity.keys import signing_keys
from tests.support.identity import AUDIENCE, PSC, Realms, ec_key, public_jwk, rsa_key


class Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ring(realms: Realms, clock: Clock, **changes: Any) -> KeyRing:
    where = changes or {"jwks_uri": realms.jwks_uri(PSC)}
    issuer = IssuerConfig(realms.issuer(PSC), IssuerKind.PROFESSIONAL, AUDIENCE, **where)
    return KeyRing(issuer, refresh_interval=30, max_age=900, clock=clock)


def outcome(keys: KeyRing, kid: str) -> str:
    try:
        keys.key(kid, "RS256")
    except FacadeError as error:
        return error.problems[0].code
    return "found"


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_keys_are_fetched_once_and_kept(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert realms.jwks_fetches(PSC) == 0
    first = keys.key("k1", "RS256")
    assert all(keys.key("k1", "RS256") is first for _ in range(50))
    assert realms.jwks_fetches(PSC) == 1


def test_a_crowd_at_the_start_fetches_once(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: outcome(keys, "k1"), range(64))) == {"found"}
    assert realms.jwks_fetches(PSC) == 1


def test_a_new_key_is_found_when_its_token_comes(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    realms.publish(PSC, public_jwk(rsa_key("psc/k1"), "k1"), public_jwk(rsa_key("psc/k2"), "k2"))
    clock.seconds += 31
    assert outcome(keys, "k2") == "found"
    assert outcome(keys, "k1") == "found"
    assert realms.jwks_fetches(PSC) == 2


def test_a_key_that_was_taken_away_is_forgotten(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    realms.publish(PSC, public_jwk(rsa_key("psc/k2"), "k2"))
    clock.seconds += 31
    assert outcome(keys, "k2") == "found"
    assert outcome(keys, "k1") == "token.unknown-key"


def test_a_flood_of_unknown_kids_fetches_once_per_interval(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    for interval in range(1, 4):
        clock.seconds += 30
        with ThreadPoolExecutor(8) as pool:
            results = set(pool.map(lambda number: outcome(keys, f"unknown-{number}"), range(100)))
        assert results == {"token.unknown-key"}
        assert realms.jwks_fetches(PSC) == 1 + interval


def test_made_up_tokens_do_not_hold_every_thread_while_the_issuer_is_slow(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    clock.seconds += 31
    realms.answers.clear()
    told: list[str] = []
    with ThreadPoolExecutor(40) as pool:
        for number in range(40):
            pool.submit(lambda kid: told.append(outcome(keys, kid)), f"unknown-{number}")
        until(lambda: len(told) == 32)
        assert set(told) == {"identity.keys-unavailable"}
        assert outcome(keys, "k1") == "found"
        realms.answers.set()
    assert told[32:] == ["token.unknown-key"] * 8
    assert realms.jwks_fetches(PSC) == 2


def test_old_keys_are_renewed_in_the_background(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    realms.publish(PSC, public_jwk(rsa_key("psc/k2"), "k2"))
    clock.seconds += 901
    assert outcome(keys, "k1") == "found"
    until(lambda: realms.jwks_fetches(PSC) == 2)
    until(lambda: outcome(keys, "k1") == "token.unknown-key")
    assert outcome(keys, "k2") == "found"
    assert realms.jwks_fetches(PSC) == 2


def test_warming_up_fetches_before_the_first_token(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    keys.renew_in_background()
    until(lambda: realms.jwks_fetches(PSC) == 1)
    until(lambda: not [one for one in threading.enumerate() if one.name == "jwks"])
    assert outcome(keys, "k1") == "found"
    assert realms.jwks_fetches(PSC) == 1


def test_an_issuer_that_is_down_at_the_start(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    realms.down = True
    with pytest.raises(FacadeError) as caught:
        keys.key("k1", "RS256")
    assert not isinstance(caught.value, Unauthenticated)
    assert caught.value.problems[0].code == "identity.keys-unavailable"
    assert caught.value.retry_after == 5
    assert [outcome(keys, "k1") for _ in range(20)] == ["identity.keys-unavailable"] * 20
    assert realms.jwks_fetches(PSC) == 1
    realms.down = False
    clock.seconds += 5
    assert outcome(keys, "k1") == "found"


def test_an_issuer_that_goes_down_takes_no_known_key_away_for_a_day(realms: Realms, clock: Clock) -> None:
    keys = ring(realms, clock)
    assert outcome(keys, "k1") == "found"
    realms.down = True
    clock.seconds += 31
    assert outcome(keys, "new") == "identity.keys-unavailable"
    assert outcome(keys, "k1") == "found"
    clock.seconds += 86_400
    assert outcome(keys, "k1") == "identity.keys-unavailable"


@pytest.mark.parametrize(
    "document",
    [b"not json", b"[]", {"keys": 5}, {}, b"[" * 100_000, b'{"keys": [' + b" " * 300_000 + b"]}"],
)
def test_an_answer_that_is_no_jwks(realms: Realms, clock: Clock, document: object) -> None:
    realms.documents[realms._path(PSC)] = document
    assert outcome(ring(realms, clock), "k1") == "identity.keys-unavailable"


def test_nobody_listens(clock: Clock, realms: Realms) -> None:
    realms.close()
    assert outcome(ring(realms, clock), "k1") == "identity.keys-unavailable"


def test_keys_by_discovery(realms: Realms, clock: Clock) -> None:
    where = f"{realms.issuer(PSC)}/.well-known/openid-configuration"
    assert outcome(ring(realms, clock, discovery_uri=where), "k1") == "found"


@pytest.mark.parametrize(
    "changes", [{"issuer": "https://other.example"}, {"jwks_uri": "http://keys.example/x"}, {"jwks_uri": 5}]
)
def test_a_discovery_document_that_cannot_be_trusted(realms: Realms, clock: Clock, changes: dict[str, Any]) -> None:
    path = f"/realms/{PSC}/.well-known/openid-configuration"
    realms.documents[path] = {**realms.documents[path], **changes}
    assert outcome(ring(realms, clock, discovery_uri=f"{realms.base}{path}"), "k1") == "identity.keys-unavailable"


def test_keys_from_a_file(realms: Realms, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    assert outcome(ring(realms, clock, jwks_file=file), "k1") == "identity.keys-unavailable"
    file.write_text(json.dumps({"keys": [public_jwk(rsa_key("psc/k1"), "k1")]}))
    assert outcome(ring(realms, clock, jwks_file=file), "k1") == "found"


def test_what_may_be_a_key() -> None:
    good, curve = public_jwk(rsa_key("psc/k1"), "k"), public_jwk(ec_key("e"), "e")
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to see it refused
    assert set(signing_keys({"keys": [good, curve]}, ["RS256", "ES256", "PS256"])) == {
        ("k", "RS256"),
        ("e", "ES256"),
    }
    assert set(signing_keys({"keys": [{**good, "alg": "PS256"}]}, ["RS256", "PS256"])) == {("k", "PS256")}
    for bad in (
        {**good, "use": "enc"},
        {**good, "key_ops": ["encrypt"]},
        {**good, "key_ops": "verify"},
        {**good, "alg": "HS256"},
        {**good, "alg": "RS512"},
        {**good, "d": "AQAB"},
        {**good, "kty": "oct", "k": "c2VjcmV0"},
        {**good, "n": "!!"},
        {**good, "n": None},
        {"kid": "k", "kty": "RSA"},
        {"kid": "k", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        public_jwk(small, "k"),
        {**curve, "crv": "P-384"},
        {**curve, "x": curve["y"]},
        "k",
        None,
    ):
        assert signing_keys({"keys": [bad]}, ["RS256", "ES256"]) == {}, bad


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": ("HS256",)},
        {"algorithms": ("RS256", "HS256")},
        {"algorithms": ("none",)},
        {"algorithms": ()},
        {"leeway": 31},
        {"leeway": -1},
        {"audience": ""},
        {"issuer": ""},
        {"jwks_uri": ""},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": "ftp://127.0.0.1/jwks"},
        {"jwks_uri": "https:///jwks"},
        {"discovery_uri": "https://keys.example/d"},
        {"jwks_file": Path("x")},
    ],
)
def test_settings_that_would_weaken_verification_do_not_start(changes: dict[str, Any]) -> None:
    values = {
        "issuer": "https://i.example",
        "kind": IssuerKind.PROFESSIONAL,
        "audience": "a",
        "jwks_uri": "https://k.example",
    }
    IssuerConfig(**values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"issuer|keys"):
        IssuerConfig(**{**values, **changes})

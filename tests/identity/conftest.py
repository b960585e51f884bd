"""A running issuer, and a verifier that trusts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from facade.identity.config import IdentityConfig, IssuerConfig, IssuerKind
from facade.identity.verifier import TokenVerifier
from tests.support.identity import APPLICATION, AUDIENCE, HOSPITAL, MES, OWN, PSC, STRUCTURES, NoPairings, Realms

KINDS = {PSC: IssuerKind.PROFESSIONAL, STRUCTURES: IssuerKind.STRUCTURE, MES: IssuerKind.CITIZEN}


@pytest.fixture
def realms() -> Iterator[Realms]:
    served = Realms()
    yield served
    served.close()


@pytest.fixture
def config(realms: Realms) -> IdentityConfig:
    issuers = tuple(
        IssuerConfig(realms.issuer(realm), kind, AUDIENCE, ("RS256", "PS256", "ES256"), realms.jwks_uri(realm))
        for realm, kind in KINDS.items()
    )
    return IdentityConfig(issuers, {HOSPITAL.id: HOSPITAL}, OWN, {APPLICATION.id: APPLICATION})


@pytest.fixture
def verifier(config: IdentityConfig) -> TokenVerifier:
    return TokenVerifier(config, NoPairings())


@pytest.fixture
def verifier_with(config: IdentityConfig) -> Callable[..., TokenVerifier]:
    """A verifier with some settings changed."""

    def make(pairings: NoPairings | None = None, **changes: Any) -> TokenVerifier:
        return TokenVerifier(replace(config, **changes), pairings or NoPairings())

    return make

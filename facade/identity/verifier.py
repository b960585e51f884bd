"""The one way in: an Authorization header becomes a Caller, or an error that says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from jose import jws
from jose.exceptions import JOSEError

from facade.domain.caller import Application, Caller, CallerKind, Pairing, Structure
from facade.domain.errors import Unauthenticated
from facade.identity.activities import is_struct_id_nat
from facade.identity.config import IdentityConfig, IssuerConfig, IssuerKind
from facade.identity.keyring import KeyRing
from facade.identity.professional import has_two_factors, professional
from facade.identity.tokens import (
    Claims,
    RawToken,
    check_binding,
    check_claims,
    check_header,
    login_time,
    read,
    text_claim,
)


class PairingTable(Protocol):
    """Where pairings are found; ``facade.records.pairings.Pairings`` is one."""

    def find(self, application: str, external_id: str) -> tuple[Pairing, ...]:
        """The records a person is paired with through an application."""

    def of_application(self, application: str) -> tuple[Pairing, ...]:
        """The records whose holders are paired with an application."""


class TokenVerifier:
    """Verifies tokens of the configured issuers. Thread-safe; make one and keep it: it holds the key rings."""

    def __init__(self, config: IdentityConfig, pairings: PairingTable) -> None:
        self._config = config
        self._pairings = pairings
        self._issuers = {issuer.issuer: issuer for issuer in config.issuers}
        self._rings = {
            issuer.issuer: KeyRing(issuer, refresh_interval=config.refresh_interval, max_age=config.keys_max_age)
            for issuer in config.issuers
        }

    def warm_up(self) -> None:
        """Start fetching every issuer's keys, so that the first request need not wait for them."""
        for ring in self._rings.values():
            ring.renew_in_background()

    def issuers_without_keys(self) -> list[IssuerKind]:
        """What the issuers stand for whose tokens cannot be verified now, in their order."""
        return [issuer.kind for name, issuer in self._issuers.items() if self._rings[name].is_missing]

    def verify(
        self,
        authorization_header: str | None,
        *,
        activity: str | None,
        client_certificate_sha256: str | None,
        now: datetime,
    ) -> Caller:
        """The caller a token speaks of.

        ``activity`` names the situation d'exercice (``10C``, or a structure id); ``client_certificate_sha256`` is the
        base64url SHA-256 of the client certificate's DER, as in ``x5t#S256``, None when none was presented.
        Raises Unauthenticated with a code of its own for each fault of the token, and ``identity.keys-unavailable``.
        A believable token of somebody who may not be served gives a Caller with a ``refusal``.
        """
        token = read(authorization_header)
        issuer = self._issuer(token)
        kid = check_header(token, issuer)
        self._check_signature(token, kid, issuer)
        check_claims(token.claims, issuer, now)
        enforced = self._config.bound_structure_tokens
        is_structure = issuer.kind is IssuerKind.STRUCTURE
        check_binding(token.claims, client_certificate_sha256, enforced=enforced, required=enforced and is_structure)
        return replace(self._caller(token.claims, issuer, activity), authenticated=login_time(token.claims, now))

    def _caller(self, claims: Claims, issuer: IssuerConfig, activity: str | None) -> Caller:
        if issuer.kind is IssuerKind.PROFESSIONAL:
            return professional(claims, activity, self._config)
        return self._structure(claims) if issuer.kind is IssuerKind.STRUCTURE else self._citizen(claims)

    def _issuer(self, token: RawToken) -> IssuerConfig:
        stated = token.claims.get("iss")
        issuer = self._issuers.get(stated) if isinstance(stated, str) else None
        if issuer is None:
            raise Unauthenticated.of("token.issuer")
        return issuer

    def _check_signature(self, token: RawToken, kid: str | None, issuer: IssuerConfig) -> None:
        key = self._rings[issuer.issuer].key(kid, token.algorithm)
        try:
            jws.verify(token.text, key, algorithms=[token.algorithm])
        except JOSEError:
            raise Unauthenticated.of("token.signature") from None

    def _structure(self, claims: Claims) -> Caller:
        stated = text_claim(claims, "structure").upper()
        if not is_struct_id_nat(stated):
            raise Unauthenticated.of("token.claims", claim="structure")
        client = text_claim(claims, "azp") or text_claim(claims, "sub")
        structure = self._config.structures.get(stated) or Structure(id=stated, name="", sector="")
        return Caller(
            kind=CallerKind.STRUCTURE,
            id=stated,
            name=structure.name or client,
            structure=structure,
            application=client,
            token_id=text_claim(claims, "jti"),
        )

    def _citizen(self, claims: Claims) -> Caller:
        subject, application = text_claim(claims, "sub"), text_claim(claims, "azp")
        if not application:
            raise Unauthenticated.of("token.claims", claim="azp")
        enabled = self._config.citizens_enabled
        alone = subject == application
        referenced = self._config.applications.get(application)
        pairings: tuple[Pairing, ...] = ()
        if enabled:
            pairings = (
                self._pairings.of_application(application) if alone else self._pairings.find(application, subject)
            )
        return Caller(
            kind=CallerKind.APPLICATION if alone else CallerKind.PATIENT,
            id=subject,
            name=application if alone else "",
            structure=self._config.own_structure,
            two_factors=has_two_factors(claims, self._config),
            pairings=pairings,
            application=application,
            referenced=referenced,
            token_id=text_claim(claims, "jti"),
            refusal=_citizen_refusal(enabled=enabled, referenced=referenced),
        )


def _citizen_refusal(*, enabled: bool, referenced: Application | None) -> str | None:
    """The setting turns all citizens off; an application that is in no catalogue brings nobody."""
    if not enabled:
        return "caller.citizens-off"
    return None if referenced is not None else "caller.application-not-referenced"

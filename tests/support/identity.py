"""A token issuer for tests: keys, tokens signed by hand, and a real HTTP server for the JWKS, which counts."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from jose import jwk, jws

from facade.domain.caller import Application, Caller, Pairing, Structure
from facade.domain.ins import INS, InsKind, ins_key
from facade.identity.verifier import TokenVerifier

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
AUDIENCE = "dmp-facade"
PSC, STRUCTURES, MES = "psc", "structures", "mes"
RPPS = "99700000013"  # Luhn key 3
ID_NAT = f"8{RPPS}"
HOSPITAL = Structure("1750000018", "CHU", "SA01", date(2028, 1, 1), date(2025, 1, 1))
OWN = Structure("1750000026", "Éditeur", "SA05")
APPLICATION = Application("app", "Carnet", "Éditeur", "1.2.250.1.999.1")


def ins(number: int = 1) -> INS:
    """A made-up matricule with a right key."""
    body = f"2790175{number:06d}"
    return INS(InsKind.TEST, f"{body}{ins_key(body):02d}")


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """One RSA key per name, made once per test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """One P-256 key per name, made once per test run."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """The private key, as python-jose takes it for signing."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **members: Any) -> dict[str, Any]:
    """The public key as a JWKS entry. Members set to None are left out."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    entry = {**jwk.construct(public.decode(), algorithm).to_dict(), "kid": kid, "use": "sig", **members}
    return {name: value for name, value in entry.items() if value is not None}


def b64(value: bytes | Mapping[str, Any]) -> str:
    """One segment of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(dict(value)).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Mapping[str, Any], *, realm: str, kid: str | None = "k1", **header: Any) -> str:
    """A token of a realm, RS256, signed with the key of that kid; header members may be added or changed."""
    members = {"typ": "at+jwt", "kid": kid, **header}
    kept = {name: value for name, value in members.items() if value is not None}
    return jws.sign(claims, pem(rsa_key(f"{realm}/{kid or 'k1'}")), headers=kept, algorithm="RS256")


def signed_pss(claims: Mapping[str, Any], key: rsa.RSAPrivateKey, kid: str) -> str:
    """A token signed with PS256, which python-jose cannot."""
    body = f"{b64({'alg': 'PS256', 'typ': 'JWT', 'kid': kid})}.{b64(claims)}"
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return f"{body}.{b64(key.sign(body.encode(), scheme, hashes.SHA256()))}"


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """The claims every token has; those set to None are left out."""
    moment = int(NOW.timestamp())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": f"f:550dc1c8-0000-0000-0000-000000000000:{ID_NAT}",
        "iat": moment - 10,
        "nbf": moment - 10,
        "exp": moment + 120,
        "jti": "6f0c",
        "azp": "client",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def activity(finess: str = "750000018", **changes: Any) -> dict[str, Any]:
    """One activity of a UserInfo."""
    return {
        "codeModeExercice": "S",
        "codeSecteurDactivite": "SA01",
        "numeroFinessSite": finess,
        "numeroFinessetablissementJuridique": "750000000",
        "ancienIdentifiantDeLaStructure": f"1{finess}",
        "raisonSocialeSite": f"SITE {finess}",
        **changes,
    }


def exercice(*activities: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """One exercice of a UserInfo."""
    return {
        "codeProfession": "10",
        "codeCategorieProfessionnelle": "C",
        "codeSavoirFaire": "SM26",
        "nomDexercice": "DURAND",
        "prenomDexercice": "Camille",
        "activities": list(activities),
        **changes,
    }


def professional_claims(issuer: str, *exercices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What an API token made from Pro Santé Connect carries."""
    return claims_of(
        issuer,
        **{
            "preferred_username": ID_NAT,
            "SubjectNameID": ID_NAT,
            "family_name": "DURAND",
            "given_name": "CAMILLE",
            "acr": "eidas1",
            "Acces_Regulation_Medicale": "FAUX",
            "SubjectOrganizationID": "R95141",
            "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
            "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
            "otherIds": [{"identifiant": ID_NAT, "origine": "RPPS", "qualite": 1}],
            "SubjectRefPro": {"exercices": list(exercices or (exercice(activity()),))},
            **changes,
        },
    )


class Realms:
    """The three realms on one local server. ``fetches`` counts what was asked for; ``down`` makes it answer 500,
    ``answers`` cleared makes it wait.
    """

    def __init__(self) -> None:
        self.fetches: Counter[str] = Counter()
        self.down = False
        self.answers = threading.Event()
        self.answers.set()
        self.documents: dict[str, Any] = {}
        realms = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                realms.fetches[self.path] += 1
                realms.answers.wait(10)
                document = None if realms.down else realms.documents.get(self.path)
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(500 if realms.down else 200 if document is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        for realm in (PSC, STRUCTURES, MES):
            self.publish(realm, public_jwk(rsa_key(f"{realm}/k1"), "k1"))
            discovery = {"issuer": self.issuer(realm), "jwks_uri": self.jwks_uri(realm)}
            self.documents[f"/realms/{realm}/.well-known/openid-configuration"] = discovery

    def issuer(self, realm: str) -> str:
        """``iss`` of a realm."""
        return f"{self.base}/realms/{realm}"

    def jwks_uri(self, realm: str) -> str:
        """Where its keys are."""
        return f"{self.issuer(realm)}/protocol/openid-connect/certs"

    def publish(self, realm: str, *keys: dict[str, Any]) -> None:
        """Replace the keys of a realm."""
        self.documents[self._path(realm)] = {"keys": list(keys)}

    def jwks_fetches(self, realm: str) -> int:
        """How often the keys of a realm were fetched."""
        return self.fetches[self._path(realm)]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @staticmethod
    def _path(realm: str) -> str:
        return f"/realms/{realm}/protocol/openid-connect/certs"


class NoPairings:
    """A pairing table without rows, that remembers what it was asked."""

    def __init__(self, *found: Pairing) -> None:
        self.found = found
        self.asked: list[tuple[str, ...]] = []

    def find(self, application: str, external_id: str) -> tuple[Pairing, ...]:
        self.asked.append((application, external_id))
        return self.found

    def of_application(self, application: str) -> tuple[Pairing, ...]:
        self.asked.append((application,))
        return self.found


def call(
    verifier: TokenVerifier,
    claims: dict[str, Any],
    realm: str,
    *,
    activity: str | None = None,
    certificate: str | None = None,
) -> Caller:
    """Verify a token with these claims, signed by this realm."""
    return verifier.verify(
        f"Bearer {signed(claims, realm=realm)}", activity=activity, client_certificate_sha256=certificate, now=NOW
    )

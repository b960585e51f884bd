"""Every kind of caller over HTTP, from issuers that differ, and the settings and tables they depend on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from jose import jws

from facade.embedded import sample
from facade.embedded.personas import PERSONAS
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf
from tests.support.identity import MES, PSC, STRUCTURES, Realms, ec_key, pem, public_jwk, rsa_key, signed
from tests.support.serving import Facade, served

AUDIENCES = {PSC: "professionals", STRUCTURES: "machines", MES: "citizens"}
ALGORITHMS = {PSC: ["ES256"], STRUCTURES: ["RS256"], MES: ["RS256"]}
KINDS = {PSC: "professional", STRUCTURES: "structure", MES: "citizen"}
PERSON = "idpe-of-these-tests"


@dataclass(frozen=True)
class Stand:
    """The facade under test and who issues its tokens."""

    demo: RunningDemo
    facade: Facade
    realms: Realms

    def token(self, persona: str, kid: str = "k1", **changes: Any) -> str:
        """A token of a persona as its realm of these tests issues it."""
        who, now = PERSONAS[persona], int(time.time())
        times = {"iat": now - 1, "exp": now + 600}
        issued = {"iss": self.realms.issuer(who.realm), "aud": AUDIENCES[who.realm], **times, "jti": "j"}
        claims = {**issued, **who.claims, **changes}
        if who.realm != PSC:
            return signed(claims, realm=who.realm, kid=kid)
        return jws.sign(claims, pem(ec_key(PSC)), headers={"kid": kid, "typ": "at+jwt"}, algorithm="ES256")

    def search(self, token: str, **headers: str) -> requests.Response:
        """Search the adult's documents."""
        query = {"patient.identifier": self.demo.ins("adult"), "_count": "1"}
        return self.facade.call(token, "GET", "/DocumentReference", params=query, headers=headers)

    def publish(self, token: str, **headers: str) -> requests.Response:
        """Publish a small document into the adult's record."""
        body, sent = json.dumps(self.demo.document("adult", pdf())), {"Content-Type": FHIR_JSON, **headers}
        return self.facade.call(token, "POST", "/DocumentReference", data=body, headers=sent)

    def pair(self, command: str, *lines: str) -> str:
        """Give lines to ``dmp-facade pairings``."""
        text = "\n".join(["application,external_id,patient,relation,may_feed,may_read", *lines]) + "\n"
        arguments = [sys.executable, "-m", "facade.cli", "pairings", command, "-"]
        config = ["--config", str(self.facade.log.parent / "facade.toml")]
        done = subprocess.run([*arguments, *config], input=text, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def realms() -> Iterator[Realms]:
    served_realms = Realms()
    served_realms.publish(PSC, public_jwk(ec_key(PSC), "k1"), public_jwk(rsa_key("psc/k1"), "k1"))
    yield served_realms
    served_realms.close()


@pytest.fixture(scope="module")
def today() -> date:
    return datetime.now(ZoneInfo("Europe/Paris")).date()


@pytest.fixture(scope="module")
def stand(demo: RunningDemo, realms: Realms, today: date, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    ends = {sample.LEGAL_ENTITY: 61, sample.HOSPITAL: -1, sample.HEALTH_CENTRE: 60, sample.CLINIC: None}
    issuers = [
        {
            "issuer": realms.issuer(realm),
            "kind": kind,
            "audience": AUDIENCES[realm],
            "algorithms": ALGORITHMS[realm],
            **({"jwks_uri": realms.jwks_uri(realm)} if realm != MES else {}),
        }
        for realm, kind in KINDS.items()
    ]
    structures = [_structure(each, today, days) for each, days in ends.items()]
    with served(demo, tmp_path_factory.mktemp("callers"), issuers=issuers, structures=structures) as facade:
        yield Stand(demo, facade, realms)


def _structure(each: sample.SampleStructure, today: date, days: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {"id": each.id, "name": each.name, "sector": each.sector}
    if days is None:
        return values
    end = today + timedelta(days=days)
    return {**values, "homologated_on": end - timedelta(days=900), "homologated_until": end}


def told(answer: requests.Response) -> tuple[int, list[str]]:
    return answer.status_code, codes_of(answer)


def test_each_issuer_is_believed_for_its_own_kind_audience_and_algorithm(stand: Stand) -> None:
    assert stand.search(stand.token("treating-doctor")).status_code == 200
    assert stand.publish(stand.token("structure")).status_code == 201
    assert stand.search(stand.token("treating-doctor", aud="machines")).status_code == 401
    assert told(stand.publish(stand.token("structure", aud="professionals"))) == (401, ["token.audience"])
    other_algorithm = signed(
        {**PERSONAS["treating-doctor"].claims, "iss": stand.realms.issuer(PSC), "aud": AUDIENCES[PSC]}, realm=PSC
    )
    assert told(stand.search(other_algorithm)) == (401, ["token.algorithm"])


def test_keys_are_not_fetched_for_requests_however_many_name_unknown_ones(stand: Stand) -> None:
    good = stand.token("treating-doctor")
    assert stand.search(good).status_code == 200
    before = stand.realms.jwks_fetches(PSC)
    for number in range(25):
        made_up = stand.search(stand.token("treating-doctor", kid=f"made-up-{number}"))
        assert told(made_up) == (401, ["token.unknown-key"])
    assert stand.search(good).status_code == 200
    assert stand.realms.jwks_fetches(PSC) - before <= 1


def test_homologations_are_announced_sixty_days_before_their_end(stand: Stand, today: date) -> None:
    answer = requests.get(f"{stand.facade.root}/readyz", timeout=60).json()
    ended, soon = today - timedelta(days=1), today + timedelta(days=60)
    assert answer["warnings"] == [
        f"structure {sample.HOSPITAL.id}: homologation ended on {ended} (EXI 29)",
        f"structure {sample.HEALTH_CENTRE.id}: homologation ends on {soon}, renew it (EXI 29)",
        f"structure {sample.CLINIC.id} has no homologation: it can feed but not read (EXI 29)",
    ]


def test_after_its_end_a_structures_professionals_feed_and_do_not_read(stand: Stand) -> None:
    ended, never, lasting = (stand.token(who) for who in ("author-doctor", "other-doctor", "treating-doctor"))
    assert told(stand.search(ended)) == (403, ["caller.structure.homologation-ended"])
    assert told(stand.search(never)) == (403, ["caller.structure.not-homologated"])
    assert stand.search(lasting).status_code == 200
    assert [stand.publish(token).status_code for token in (ended, never, lasting)] == [201, 201, 201]


def _with_places(persona: str, places: Sequence[sample.SampleStructure]) -> dict[str, Any]:
    reference = json.loads(json.dumps(PERSONAS[persona].claims["SubjectRefPro"]))
    (activity,) = reference["exercices"][0]["activities"]
    reference["exercices"][0]["activities"] = [
        {
            **activity,
            "ancienIdentifiantDeLaStructure": place.id,
            "raisonSocialeSite": place.name,
            "codeSecteurDactivite": place.sector,
        }
        for place in places
    ]
    return {"SubjectRefPro": reference}


def test_one_activity_of_several_is_chosen_for_the_whole_request(stand: Stand) -> None:
    places = (sample.HOSPITAL, sample.LEGAL_ENTITY, sample.CLINIC)
    token = stand.token("author-doctor", **_with_places("author-doctor", places))
    assert told(stand.publish(token)) == (403, ["caller.professional.activity-ambiguous"])
    assert told(stand.publish(token, **{"X-Worksituation": "10C"})) == (403, ["caller.professional.activity-ambiguous"])
    unknown = stand.publish(token, **{"X-Worksituation": sample.SAMU.id})
    assert told(unknown) == (403, ["caller.professional.activity-unknown"])
    for place in (sample.HOSPITAL, sample.LEGAL_ENTITY):
        created = stand.publish(token, **{"X-Worksituation": f"10C,{place.id}"})
        assert created.status_code == 201, created.text
        (organization,) = (each for each in created.json()["contained"] if each["resourceType"] == "Organization")
        assert (organization["identifier"][0]["value"], organization["name"]) == (place.id, place.name)
    assert stand.search(token, **{"X-Worksituation": sample.LEGAL_ENTITY.id}).status_code == 200
    ended = stand.search(token, **{"X-Worksituation": sample.HOSPITAL.id})
    assert told(ended) == (403, ["caller.structure.homologation-ended"])


def test_a_pairing_says_whose_record_and_what_for(stand: Stand) -> None:
    token = stand.token("patient-adult", sub=PERSON)
    adult = stand.demo.ins("adult")

    def row(relation: str, feed: str, read: str) -> str:
        return f"{sample.APPLICATION},{PERSON},{adult},{relation},{feed},{read}"

    assert told(stand.search(token)) == (403, ["caller.not-paired"])
    assert stand.pair("load", row("holder", "no", "yes")) == "1 pairings written"
    assert stand.search(token).status_code == 200
    assert told(stand.publish(token)) == (403, ["pairing.feeding-not-consented"])
    stand.pair("load", row("holder", "yes", "no"))
    assert told(stand.search(token)) == (403, ["pairing.reading-not-consented"])
    assert stand.publish(token).status_code == 201
    stand.pair("load", row("representative", "yes", "yes"))
    assert told(stand.search(token)) == (403, ["representative.of-age"])
    assert stand.pair("remove", row("representative", "yes", "yes")) == "1 pairings removed"
    assert told(stand.search(token)) == (403, ["caller.not-paired"])


def test_an_application_of_no_catalogue_brings_nobody(stand: Stand) -> None:
    answer = stand.search(stand.token("patient-adult", azp="another-application"))
    assert told(answer) == (403, ["caller.application-not-referenced"])

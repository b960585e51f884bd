"""The Client-Cert header of a trusted proxy (RFC 9440): from it alone, and under that name alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from facade.embedded.pki import Pki
from tests.support.demo import FHIR_JSON, RunningDemo, codes_of, pdf
from tests.support.serving import Facade, bound_token, client_cert, served


@pytest.fixture(scope="module")
def facade(demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    changes: dict[str, Any] = {"bound_structure_tokens": True, "trusted_proxies": ["10.9.8.7", "127.0.0.0/8"]}
    changes |= {"metrics_addresses": ["10.0.0.0/8", "::1"]}
    with served(demo, tmp_path_factory.mktemp("proxy"), **changes) as running:
        yield running


def test_a_trusted_proxy_hands_the_certificate_over(facade: Facade, demo: RunningDemo) -> None:
    pki = Pki(demo.data / "pki")
    token, mine, another = (
        bound_token(demo, "structure", pki.auth_cli),
        client_cert(pki.auth_cli),
        client_cert(pki.sign),
    )

    def publish(**headers: str) -> requests.Response:
        body, sent = json.dumps(demo.document("adult", pdf())), {"Content-Type": FHIR_JSON, **headers}
        return facade.call(token, "POST", "/DocumentReference", data=body, headers=sent)

    assert publish(**{"Client-Cert": mine}).status_code == 201
    for headers in (
        {},
        {"Client-Cert": another},
        {"Client-Cert": ":not base64:"},
        {"Client-Cert": f"{another}, {mine}"},
        # A proxy replaces Client-Cert and lets its client's Client_Cert through.
        {"Client_Cert": mine},
        {"Client-Cert": another, "Client_Cert": mine},
        {"Client_Cert": mine, "client-cert": another},
    ):
        refused = publish(**headers)
        assert (refused.status_code, codes_of(refused)) == (401, ["token.not-bound"]), headers
    assert codes_of(publish(**{"Client-Cert": "é"})) == ["header.not-ascii"]


def test_an_untrusted_address_hands_nothing_over(demo: RunningDemo) -> None:
    """The demonstration trusts no proxy: the certificate its header names is compared with nothing."""
    pki = Pki(demo.data / "pki")
    token, another = bound_token(demo, "structure", pki.auth_cli), client_cert(pki.sign)
    headers = {"Authorization": f"Bearer {token}", "Client-Cert": another}
    answer = requests.get(f"{demo.fhir}/Patient", params={"identifier": "x"}, headers=headers, timeout=60)
    assert answer.status_code != 401


def test_metrics_are_for_the_addresses_and_networks_of_the_settings(facade: Facade, demo: RunningDemo) -> None:
    elsewhere, here = (
        requests.get(f"{facade.root}/metrics", timeout=60),
        requests.get(f"{demo.root}/metrics", timeout=60),
    )
    assert (elsewhere.status_code, here.status_code) == (404, 200)

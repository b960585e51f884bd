"""The two processes: TLS, discovery, stopping, starting again."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
import requests

from facade.embedded import sample
from facade.embedded.world import World, prepare
from tests.support.embedded import RawClient, free_port, running
from tests.support.embedded_lot import Document


def test_the_issuer_publishes_discovery_and_keys(embedded_world: World) -> None:
    port = free_port()
    with running(embedded_world.data, "issuer", port), requests.Session() as session:
        for realm in ("psc", "structures", "mes"):
            iss = f"http://127.0.0.1:{port}/realms/{realm}"
            discovery = session.get(f"{iss}/.well-known/openid-configuration").json()
            assert discovery["issuer"] == iss
            assert discovery["jwks_uri"] == f"{iss}/protocol/openid-connect/certs"
            assert session.get(discovery["jwks_uri"]).json() == embedded_world.issuer(port).jwks(realm)
        assert session.get(f"http://127.0.0.1:{port}/realms/other/.well-known/openid-configuration").status_code == 404


def test_no_client_certificate_no_connection(raw: RawClient) -> None:
    raw.session.cert = None
    with pytest.raises(requests.exceptions.RequestException):
        raw.existence()


def test_the_server_certificate_is_not_a_client_certificate(raw: RawClient) -> None:
    raw.session.cert = (str(raw.world.pki.server), str(raw.world.pki.server_key))
    with pytest.raises(requests.exceptions.RequestException):
        raw.existence()


def test_the_signature_certificate_does_not_open_the_connection(raw: RawClient) -> None:
    raw.session.cert = (str(raw.world.pki.sign), str(raw.world.pki.sign_key))
    code, reason = raw.existence().fault
    assert code == "DMPInvalidCertificate"
    assert "personne morale" in reason


def test_tls_below_1_2_is_refused(raw: RawClient) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(raw.world.pki.ca)
    context.load_cert_chain(raw.world.pki.auth_cli, raw.world.pki.auth_cli_key)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    port = int(raw.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost").close()


def test_an_unknown_service_is_not_found(raw: RawClient) -> None:
    assert raw.session.post(f"{raw.url}/nothing", data=b"x").status_code == 404
    assert raw.session.get(f"{raw.url}/patients").status_code == 405


def test_it_stops_at_once_with_a_connection_open_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    world, port, log = prepare(tmp_path), free_port(), tmp_path / "log.jsonl"
    document = Document()
    client = RawClient(world, port, log)
    with running(tmp_path, "dmp", port, "--log", str(log)) as child:
        assert client.provide(document).outcome == "Success"
        started = time.monotonic()
        child.terminate()
        child.wait(5)
        assert time.monotonic() - started < 3, "it waits for no idle connection"
    client.close()
    again = RawClient(world, port, log)
    with running(tmp_path, "dmp", port, "--log", str(log)):
        assert again.retrieve([document.unique_id]).documents == {document.unique_id: document.bytes}
        again.close()
    assert [line["transaction"] for line in client.lines()] == ["TD2.1", "TD3.2"]


def test_the_journal_has_exactly_its_keys_and_one_line_per_request(raw: RawClient) -> None:
    before = len(raw.lines())
    raw.existence()
    raw.post("patients", b"not xml")
    first, second = raw.lines()[before:]
    assert first == {
        "action": "urn:hl7-org:v3:PRPA_IN201307UV02",
        "transaction": "TD0.2",
        "patient": sample.ADULT.ins,
        "vihf": {
            "mode": "INDIRECTE_RENFORCEE",
            "purpose": "normal",
            "name_id": sample.AUTHOR_DOCTOR.id,
            "roles": ["10", "SM26"],
            "structure": sample.HOSPITAL.id,
        },
        "signature_ok": True,
        "mtom": False,
        "result": "success",
    }
    assert list(first) == list(second)
    assert (second["transaction"], second["signature_ok"], second["result"]) == ("", False, "Sender")

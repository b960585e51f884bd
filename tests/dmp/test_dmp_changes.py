"""TD2.1 and TD3.3 over a real HTTPS connection: what is sent, and what becomes of the answer."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from facade.dmp import xds
from facade.dmp.gateway import SoapGateway
from facade.domain.document import Availability
from facade.domain.errors import DmpRefused
from facade.domain.masking import Flag, Masking
from tests.support import dmp_answers as answers
from tests.support.dmp_callers import session
from tests.support.dmp_entries import CDA, ENTRY, LOT, SUBMISSION, submission_of
from tests.support.dmp_server import DmpServer
from tests.support.dmp_wire import associations, body, parts_of, slots


def test_publish(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry())
    binary = os.urandom(30_000) + b"\r\n--uuid:"
    submission = submission_of(CDA, binary, replaces="99999999-2222-4333-8444-555555555555")
    gateway.publish(session(), submission)
    [seen] = server.seen
    assert seen.path == "/si-dmp-server/v2/services/repository"
    assert int(seen.headers["Content-Length"]) == len(seen.body)
    request = body(seen)
    lot = "SubmissionSet01"
    targets = [f"urn:uuid:{document.entry.entry_uuid}" for document in submission.documents]
    original = {"SubmissionSetStatus": ["Original"]}
    assert associations(request) == [
        *[("HasMember", lot, target, original) for target in (*targets, "Signature01")],
        ("signs", "Signature01", lot, original),
        *[("RPLC", target, "urn:uuid:99999999-2222-4333-8444-555555555555", {}) for target in targets],
    ]
    parts = parts_of(seen)
    sent = {}
    for document in request.iter(f"{{{xds.XDSB}}}Document"):
        sent[document.get("id")] = parts[document[0].get("href", "").removeprefix("cid:")]
    assert [sent[target] for target in targets] == [CDA, binary]
    assert set(sent) == {*targets, "Signature01"}
    assert f"urn:oid:{submission.lot.unique_id}".encode() in sent["Signature01"]
    for target in ("URI", "IHEManifest"):
        assert target.encode() in sent["Signature01"]


def test_the_signature_entry(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry())
    gateway.publish(session(), SUBMISSION)
    request = body(server.seen[0])
    [signature] = [each for each in request.iter(f"{{{xds.RIM}}}ExtrinsicObject") if each.get("id") == "Signature01"]
    codes = {
        (each.get("nodeRepresentation"), slots(each)["codingScheme"][0])
        for each in signature.iter(f"{{{xds.RIM}}}Classification")
        if "codingScheme" in slots(each)
    }
    assert codes >= {
        ("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN"),
        ("E1762", "ASTM"),
        ("http://www.w3.org/2000/09/xmldsig#", "URN"),
        ("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12"),
        ("N", "2.16.840.1.113883.5.25"),
        ("MASQUE_PS", "1.2.250.1.213.1.1.4.13"),
        ("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13"),
    }
    assert slots(signature)["languageCode"] == ["art"]
    assert signature.get("mimeType") == "text/xml"


def test_a_document_without_uuid_gets_a_symbolic_id(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry())
    [document] = SUBMISSION.documents
    gateway.publish(session(), replace(SUBMISSION, documents=(replace(document, entry=replace(ENTRY, entry_uuid="")),)))
    assert b'<xds:Document id="Document01">' in server.seen[0].message


def test_an_empty_lot_is_not_sent(server: DmpServer, gateway: SoapGateway) -> None:
    with pytest.raises(ValueError, match="at least one"):
        gateway.publish(session(), replace(SUBMISSION, documents=()))
    assert server.seen == []


def test_a_refused_publication(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry(answers.FAILURE, "XDSDuplicateUniqueIdInRegistry"))
    with pytest.raises(DmpRefused) as caught:
        gateway.publish(session(), SUBMISSION)
    assert caught.value.code == "XDSDuplicateUniqueIdInRegistry"


def test_update_metadata(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry())
    masked = replace(
        ENTRY,
        logical_id="a1111111-2222-4333-8444-555555555555",
        version=4,
        masking=Masking(flags=frozenset({Flag.MASKED_TO_PROFESSIONALS})),
    )
    gateway.update_metadata(session(), LOT, masked)
    [seen] = server.seen
    assert seen.path.endswith("/registry")
    assert "UpdateDocumentSet" in seen.headers["Content-Type"]
    request = body(seen)
    [sent] = request.iter(f"{{{xds.RIM}}}ExtrinsicObject")
    assert sent.get("lid") == f"urn:uuid:{masked.logical_id}"
    assert sent.get("id") not in (f"urn:uuid:{ENTRY.entry_uuid}", f"urn:uuid:{masked.logical_id}")
    assert associations(request) == [
        (
            "HasMember",
            "SubmissionSet01",
            sent.get("id"),
            {"SubmissionSetStatus": ["Original"], "PreviousVersion": ["4"]},
        )
    ]
    assert b"MASQUE_PS" in seen.message
    assert len(list(request.iter(f"{{{xds.RIM}}}RegistryPackage"))) == 1


def test_update_status(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.registry())
    gateway.update_status(session(), LOT, ENTRY, Availability.DELETED)
    request = body(server.seen[0])
    assert associations(request) == [
        (
            "UpdateAvailabilityStatus",
            "SubmissionSet01",
            f"urn:uuid:{ENTRY.entry_uuid}",
            {"OriginalStatus": [Availability.APPROVED.value], "NewStatus": [Availability.DELETED.value]},
        )
    ]
    assert list(request.iter(f"{{{xds.RIM}}}ExtrinsicObject")) == []

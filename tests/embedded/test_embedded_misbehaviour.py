"""Misbehaviour on order: each kind over HTTP, before or after the effect, counted, drawn with a seed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, SSLError

from facade.domain.ins import INS
from facade.embedded import sample, spoiling
from facade.embedded.holdings import StoredDocument, stored_documents
from facade.embedded.misbehaviour import AFTER, BEFORE, CONNECTION, FILE, KINDS, BadOrder, behave, order
from tests.support.embedded import RawClient
from tests.support.embedded_answer import TD02_BODY, Received
from tests.support.embedded_lot import Document, Lot
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, TD02

Order = Callable[..., None]
LOST = (requests.exceptions.ConnectionError, ChunkedEncodingError)
MINOR = Vihf(patient=sample.MINOR.ins)


@pytest.fixture
def ordered(raw: RawClient) -> Iterator[Order]:
    """Order one thing to go wrong; all is well again afterwards."""

    def give(what: str, transaction: str = "*", **options: Any) -> None:
        order(raw.world.data, [{"transaction": transaction, "what": what, **options}])

    yield give
    behave(raw.world.data)


def _result(raw: RawClient) -> str:
    return str(raw.lines()[-1]["result"])


def _held(raw: RawClient, document: Document) -> StoredDocument | None:
    return next((kept for kept in stored_documents(raw.world.data) if kept.unique_id == document.unique_id), None)


def _feed(raw: RawClient, patient: str = sample.ADULT.ins) -> Document:
    document = Document(patient=patient)
    vihf = Vihf(mode=INDIRECT, patient=patient)
    assert raw.provide(document, vihf=vihf, lot=Lot(patient=patient)).outcome == "Success"
    return document


def _post(raw: RawClient, document: Document) -> requests.Response:
    content_type, data = raw.submission([document])
    headers = {"Content-Type": content_type}
    return raw.session.post(f"{raw.url}/repository", data=data, headers=headers, timeout=20)


@pytest.mark.parametrize("kind", ["close-before", "http-500-before", "soap-fault-before"])
def test_before_the_effect_nothing_is_stored(raw: RawClient, ordered: Order, kind: str) -> None:
    document = Document()
    ordered(kind, "TD2.1")
    if kind == "close-before":
        with pytest.raises(LOST):
            _post(raw, document)
    else:
        assert _post(raw, document).status_code == 500
    assert _result(raw) == f"misbehaved:{kind}"
    assert _held(raw, document) is None
    assert raw.provide(document).outcome == "Success", "the rule is used up"


@pytest.mark.parametrize(
    "kind",
    ["close-after", "close-mid", "http-500-after", "soap-fault-after", "truncated-mtom", "wrong-boundary"],
)
def test_after_the_effect_the_document_is_stored(raw: RawClient, ordered: Order, kind: str) -> None:
    document = Document()
    ordered(kind, "TD2.1")
    if kind.startswith("close"):
        with pytest.raises(LOST):
            _post(raw, document)
    else:
        answer = _post(raw, document)
        assert answer.status_code == (500 if kind.endswith("-after") else 200)
        html = answer.headers["Content-Type"].startswith("text/html")
        assert html is (kind == "http-500-after")
    line = raw.lines()[-1]
    assert (line["transaction"], line["result"], line["signature_ok"]) == ("TD2.1", f"misbehaved:{kind}", True)
    assert _held(raw, document) == (document.unique_id, document.sha1, sample.ADULT.ins, "Approved")
    assert raw.provide(document).errors == ["XDSDuplicateUniqueIdInRegistry"], "the rule is used up"


def test_a_fault_has_the_code_that_was_ordered(raw: RawClient, ordered: Order) -> None:
    ordered("soap-fault-after", "TD3.1", code="DMPInvalidCertificate")
    answer = raw.find()
    assert (answer.status, answer.fault[0]) == (400, "DMPInvalidCertificate")
    ordered("soap-fault-before", "TD3.1")
    assert (raw.find().status, raw.find().outcome) == (500, "Success")


def test_half_an_answer_is_half_of_what_was_announced(raw: RawClient, ordered: Order) -> None:
    ordered("close-mid", "TD3.1")
    with pytest.raises(ChunkedEncodingError, match="IncompleteRead"):
        raw.find()


@pytest.mark.parametrize("kind", ["delay", "delay-after"])
def test_a_late_answer_is_right(raw: RawClient, ordered: Order, kind: str) -> None:
    document = Document()
    ordered(kind, "TD2.1", seconds=0.8)
    content_type, data = raw.submission([document])
    with pytest.raises(requests.exceptions.ReadTimeout):
        raw.session.post(f"{raw.url}/repository", data=data, headers={"Content-Type": content_type}, timeout=0.4)
    assert (_held(raw, document) is not None) is (kind == "delay-after"), "whoever gave up does not know"
    time.sleep(0.8)
    assert _held(raw, document) is not None
    assert _result(raw) == f"misbehaved:{kind}"


def test_a_truncated_package_has_no_end(raw: RawClient, ordered: Order) -> None:
    document = _feed(raw)
    ordered("truncated-mtom", "TD3.2")
    with pytest.raises(AssertionError):
        raw.retrieve([document.unique_id])
    ordered("wrong-boundary", "TD3.2")
    with pytest.raises(AssertionError):
        raw.retrieve([document.unique_id])
    assert raw.retrieve([document.unique_id]).documents == {document.unique_id: document.bytes}


def test_the_answer_to_another_message(raw: RawClient, ordered: Order) -> None:
    ordered("wrong-relates-to", "TD0.2")
    identifier = "urn:uuid:11111111-2222-3333-4444-555555555555"
    body = TD02_BODY.format(ins=sample.ADULT.ins, oid=sample.INS_TEST_OID)

    def ask() -> Received:
        return raw.post("patients", raw.envelope(TD02, body, raw.assertion(Vihf()), identifier))

    assert ask().relates_to not in ("", identifier)
    assert ask().relates_to == identifier


def test_the_answer_to_somebody_else_s_request(raw: RawClient, ordered: Order) -> None:
    theirs, mine = _feed(raw, sample.MINOR.ins), _feed(raw)
    before = raw.get(MINOR, UniqueId=f"('{theirs.unique_id}')")
    ordered("other-answer", "TD3.1")
    mixed = raw.get(UniqueId=f"('{mine.unique_id}')")
    assert [node.get("id") for node in mixed.all("rim:ExtrinsicObject")] == [theirs.id]
    assert mixed.relates_to == before.relates_to
    ordered("other-body", "TD3.1")
    mixed = raw.get(UniqueId=f"('{mine.unique_id}')")
    assert [node.get("id") for node in mixed.all("rim:ExtrinsicObject")] == [theirs.id]
    assert mixed.relates_to != before.relates_to
    assert f'"{mixed.relates_to}"'.encode() in raw.sent.replace(b">", b'"').replace(b"<", b'"')
    assert _result(raw) == "misbehaved:other-body"


@pytest.mark.parametrize("kind", ["other-document", "other-bytes"])
def test_another_document_than_asked_for(raw: RawClient, ordered: Order, kind: str) -> None:
    _feed(raw, sample.MINOR.ins)
    document = _feed(raw)
    ordered(kind, "TD3.2")
    ((unique_id, content),) = raw.retrieve([document.unique_id]).documents.items()
    assert (unique_id == document.unique_id) is (kind == "other-bytes")
    stolen = next(kept for kept in stored_documents(raw.world.data) if kept.sha1 == _sha1(content))
    assert stolen.patient != sample.ADULT.ins


def test_another_entry_than_asked_for(raw: RawClient, ordered: Order) -> None:
    _feed(raw, sample.MINOR.ins)
    document = _feed(raw)
    for returns, path in (("LeafClass", "rim:ExtrinsicObject"), ("ObjectRef", "rim:ObjectRef")):
        ordered("other-document", "TD3.1")
        (entry,) = raw.get(returns=returns, UniqueId=f"('{document.unique_id}')").all(path)
        assert entry.get("id") != document.id


def test_a_wrong_hash(raw: RawClient, ordered: Order) -> None:
    document = _feed(raw)
    ordered("wrong-hash", "TD3.2")
    content = raw.retrieve([document.unique_id]).documents[document.unique_id]
    assert len(content) == len(document.bytes)
    assert sum(a != b for a, b in zip(content, document.bytes, strict=True)) == 1
    ordered("wrong-hash", "TD3.1")
    assert document.sha1 not in _slots(raw.get(UniqueId=f"('{document.unique_id}')"))["hash"]
    assert document.sha1 in _slots(raw.get(UniqueId=f"('{document.unique_id}')"))["hash"]


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _slots(answer: Received) -> dict[str, list[str]]:
    assert answer.outcome == "Success"
    return {
        node.get("name", ""): [value.text or "" for value in node.iter("{*}Value")]
        for node in answer.all("rim:ExtrinsicObject/rim:Slot")
    }


def test_duplicates_and_two_thousand(raw: RawClient, ordered: Order) -> None:
    document = _feed(raw)
    ordered("duplicate-entries", "TD3.1")
    twice = raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject")
    assert [node.get("id") for node in twice] == [document.id] * 2
    ordered("duplicate-entries", "TD3.2")
    assert len(raw.retrieve([document.unique_id]).all("xds:DocumentResponse")) == 2
    ordered("many-results", "TD3.1")
    many = raw.find()
    response = many.find("query:AdhocQueryResponse")
    assert response is not None
    assert response.get("totalResultCount") == "2000"
    entries = many.all("rim:ExtrinsicObject")
    assert len({entry.get("id") for entry in entries}) == 2000
    unique_ids = [
        node.get("value")
        for node in many.all("rim:ExternalIdentifier")
        if node.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    ]
    assert len(set(unique_ids)) == 2000
    owners = {node.get("classifiedObject") for node in many.all("rim:ExtrinsicObject/rim:Classification")}
    assert owners == {entry.get("id") for entry in entries}
    ordered("many-results", "TD3.1", count=3)
    assert len(raw.find(CreationTimeFrom="'2900'").all("rim:ExtrinsicObject")) == 3


def test_an_entry_without_its_slots_and_another_ins(raw: RawClient, ordered: Order) -> None:
    document = _feed(raw)
    ordered("missing-slots", "TD3.1")
    assert set(_slots(raw.get(UniqueId=f"('{document.unique_id}')"))) == {"legalAuthenticator"}
    ordered("missing-slots", "TD3.1", slots=["hash"])
    assert "creationTime" in _slots(raw.get(UniqueId=f"('{document.unique_id}')"))
    ordered("other-ins", "TD3.1")
    patients = {
        node.get("value", "").split("^")[0]
        for node in raw.find().all("rim:ExternalIdentifier")
        if node.get("identificationScheme") == "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
    }
    assert patients == {spoiling.FORMER_INS}
    assert INS.of(sample.INS_TEST_OID, spoiling.FORMER_INS).key_is_right


def test_partial_success(raw: RawClient, ordered: Order) -> None:
    first, second = _feed(raw), _feed(raw)
    both = [first.unique_id, second.unique_id]
    ordered("partial-success", "TD3.1")
    found = raw.get(UniqueId=f"('{both[0]}','{both[1]}')")
    assert (found.outcome, found.errors) == ("PartialSuccess", ["XDSRegistryBusy"])
    assert len(found.all("rim:ExtrinsicObject")) == 1
    ordered("partial-success", "TD3.2")
    retrieved = raw.retrieve(both)
    assert (retrieved.outcome, retrieved.errors) == ("PartialSuccess", ["XDSRepositoryBusy"])
    assert list(retrieved.documents) == both[:1]
    ordered("partial-success", "TD2.1")
    document = Document()
    assert raw.provide(document).outcome == "PartialSuccess"
    assert _held(raw, document) is not None
    ordered("partial-success", "TD3.3d")
    approved = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    archived = "urn:asip:ci-sis:2010:StatusType:Archived"
    assert raw.change_status(document.id, approved, archived).outcome == "PartialSuccess"
    kept = _held(raw, document)
    assert kept is not None
    assert kept.status == "Archived"


def test_an_answer_with_nothing_to_spoil_does_not_count(raw: RawClient, ordered: Order) -> None:
    document = _feed(raw)
    ordered("duplicate-entries", "TD3.1")
    assert raw.get(UniqueId="('1.2.3')").outcome == "Success"
    assert _result(raw) == "success"
    assert raw.find(Status=None).outcome == "Failure"
    assert len(raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject")) == 2


def test_rules_are_counted_skipped_and_left_to_others(raw: RawClient) -> None:
    rules: list[dict[str, Any]] = [
        {"transaction": "TD3.1", "what": "soap-fault-before", "skip": 1, "times": 2},
        {"transaction": "TD3.1", "what": "wrong-relates-to", "times": None},
        {"transaction": "TD0", "what": "http-500-before", "times": None},
    ]
    order(raw.world.data, rules)
    try:
        for _ in range(4):
            raw.find()
        results = [line["result"] for line in raw.lines()[-4:]]
        wrong, fault = "misbehaved:wrong-relates-to", "misbehaved:soap-fault-before"
        assert results == [wrong, fault, fault, wrong]
        assert raw.provide(Document()).outcome == "Success"
    finally:
        behave(raw.world.data)
    assert raw.find().fault == ("", "")


@pytest.mark.parametrize("kind", ["tls-close", "tls-alert"])
def test_a_connection_is_refused(raw: RawClient, ordered: Order, kind: str) -> None:
    assert raw.find().outcome == "Success"
    before = len(raw.lines())
    ordered(kind)
    with pytest.raises(requests.exceptions.ConnectionError):
        raw.find()
    raw.session.close()
    ordered(kind)
    with pytest.raises(SSLError, match="HANDSHAKE_FAILURE" if kind == "tls-alert" else "EOF"):
        raw.find()
    assert len(raw.lines()) == before, "no request came through"
    assert raw.find().outcome == "Success"


def test_idle_connections_end_when_connections_are_refused(raw: RawClient, ordered: Order) -> None:
    raw.find()
    ordered("tls-alert", times=1)
    time.sleep(1.3)
    with pytest.raises(SSLError):
        raw.find()
    assert raw.find().outcome == "Success"


def _drawn(raw: RawClient, **chance: Any) -> list[str]:
    order(raw.world.data, chance={"rate": 0.5, "what": ["wrong-relates-to", "http-500-before"], **chance})
    before = len(raw.lines())
    for _ in range(12):
        raw.session.post(f"{raw.url}/patients", data=b"", headers={"Content-Type": "application/soap+xml"})
        body = TD02_BODY.format(ins=sample.ADULT.ins, oid=sample.INS_TEST_OID)
        headers = {"Content-Type": "application/soap+xml"}
        envelope = raw.envelope(TD02, body, raw.assertion(Vihf()))
        raw.session.post(f"{raw.url}/patients", data=envelope, headers=headers, timeout=20)
    return [line["result"] for line in raw.lines()[before:] if line["transaction"]]


def test_the_same_seed_goes_wrong_in_the_same_way(raw: RawClient) -> None:
    try:
        first, again, other = _drawn(raw, seed=7), _drawn(raw, seed=7), _drawn(raw, seed=8)
        assert first == again != other
        assert {"success", "misbehaved:wrong-relates-to", "misbehaved:http-500-before"} == set(first)
        assert set(_drawn(raw, seed=7, transactions=["TD3"])) == {"success"}
        assert set(_drawn(raw, seed=7, rate=0)) == {"success"}
        assert set(_drawn(raw, seed=7, rate=1, what=["truncated-mtom", "many-results"])) == {"success"}
    finally:
        behave(raw.world.data)


@pytest.mark.parametrize(
    "rule",
    [
        {"what": "nothing"},
        {"transaction": "TD9", "what": "delay"},
        {"transaction": "TD2.1", "what": "tls-close"},
        {"transaction": "TD2.1", "what": "many-results"},
        {"transaction": "TD2.1"},
        {"what": "delay", "time": 2},
        {"what": "delay", "times": "often"},
    ],
)
def test_an_order_that_is_not_understood(raw: RawClient, rule: dict[str, Any]) -> None:
    with pytest.raises(BadOrder):
        order(raw.world.data, [rule])
    assert not (raw.world.data / FILE).exists()
    with pytest.raises(BadOrder):
        order(raw.world.data, chance={"rate": 0.5, "what": ["close-after"]})


def test_a_file_that_is_not_understood_is_said_at_once(raw: RawClient) -> None:
    (raw.world.data / FILE).write_text('{"rules": [{"what": "explode"}]}')
    try:
        code, reason = raw.find().fault
        assert code == "Receiver"
        assert "explode" in reason
    finally:
        behave(raw.world.data)
    assert raw.find().outcome == "Success"


def test_every_kind_has_its_moment_and_its_word_in_the_documentation() -> None:
    import facade.embedded.misbehaviour as module

    assert set(KINDS) == {*CONNECTION, *BEFORE, *AFTER}
    assert all(f"``{kind}``" in (module.__doc__ or "") for kind in KINDS)


def test_what_is_stored_has_its_last_status(raw: RawClient) -> None:
    old = _feed(raw)
    new = Document(replaces=old.unique_id)
    assert raw.provide(new, replaces={new.id: old.id}).outcome == "Success"
    flags = (("N", "2.16.840.1.113883.5.25"), ("MASQUE_PS", "1.2.250.1.213.1.1.4.13"))
    masked = new.but(id=Document().id, lid=new.id, confidentiality=flags)
    assert raw.mask(masked, 1).outcome == "Success"
    held = stored_documents(raw.world.data)
    assert [kept.unique_id for kept in held[-2:]] == [old.unique_id, new.unique_id]
    assert [(kept.sha1, kept.status) for kept in held[-2:]] == [(old.sha1, "Deprecated"), (new.sha1, "Approved")]
    assert len({kept.unique_id for kept in held}) == len(held)

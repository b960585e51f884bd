"""TD3.2 over a real HTTPS connection: the right documents, or none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from facade.dmp import xds
from facade.dmp.gateway import SoapGateway
from facade.domain.document import DocumentEntry
from facade.domain.errors import DmpRefused, DmpUnavailable
from tests.support import dmp_answers as answers
from tests.support.dmp_callers import session
from tests.support.dmp_entries import CDA, ENTRY
from tests.support.dmp_server import DmpServer
from tests.support.dmp_wire import body

REPOSITORY = "1.2.250.1.213.4.1.1.1.2"
Make = Callable[..., SoapGateway]


def entry_of(content: bytes, unique_id: str = "1.2.3", **changes: object) -> DocumentEntry:
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    made = replace(ENTRY, unique_id=unique_id, hash=digest, size=len(content), repository=REPOSITORY)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_documents_come_in_the_order_asked_and_are_not_copied(server: DmpServer, gateway: SoapGateway) -> None:
    first, second = os.urandom(50_000) + b"\r\n--MIMEBoundary", CDA
    server.respond = answers.with_parts(
        answers.retrieved({"1.2.4": answers.include("b%40x"), "1.2.3": answers.include("a@x")}),
        {"a@x": first, "b@x": second},
    )
    wanted = [entry_of(first), entry_of(second, "1.2.4"), entry_of(first)]
    found = gateway.retrieve(session(), wanted)
    assert [bytes(each.content) for each in found] == [first, second, first]
    assert [each.entry for each in found] == wanted
    assert found[0].mime_type == "text/xml"
    assert isinstance(found[0].content, memoryview)
    assert found[0].content.obj is found[1].content.obj  # type: ignore[union-attr]
    request = body(server.seen[0])
    assert [each.text for each in request.iter(f"{{{xds.XDSB}}}DocumentUniqueId")] == ["1.2.3", "1.2.4"]
    assert server.seen[0].headers["Content-Type"].startswith("multipart/related")


def test_a_document_inside_the_message_itself(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.retrieved({"1.2.3": "aGVs\n  bG8="}))
    [found] = gateway.retrieve(session(), [entry_of(b"hello")])
    assert bytes(found.content) == b"hello"


def test_without_announced_hash_and_size_any_content_is_taken(server: DmpServer, gateway: SoapGateway) -> None:
    server.respond = answers.plain(answers.retrieved({"1.2.3": "aGVsbG8="}))
    [found] = gateway.retrieve(session(), [replace(ENTRY, unique_id="1.2.3")])
    assert bytes(found.content) == b"hello"


def test_nothing_asked_nothing_sent(server: DmpServer, gateway: SoapGateway) -> None:
    assert gateway.retrieve(session(), []) == ()
    assert server.seen == []


HELLO = entry_of(b"hello")
GIVEN = answers.include("d")


@pytest.mark.parametrize(
    ("answer", "parts", "entry", "code"),
    [
        (answers.retrieved({"9.9.9": GIVEN}), {"d": b"hello"}, HELLO, "dmp.document-mismatched"),
        (answers.retrieved({"1.2.3": GIVEN, "9.9.9": GIVEN}), {"d": b"hello"}, HELLO, "dmp.document-mismatched"),
        (answers.retrieved({}), {}, HELLO, "dmp.document-mismatched"),
        (answers.retrieved({"1.2.3": GIVEN}, repository="1.9"), {"d": b"hello"}, HELLO, "dmp.document-mismatched"),
        (answers.retrieved({"1.2.3": GIVEN}), {"d": b"hellO"}, HELLO, "dmp.document-mismatched"),
        (answers.retrieved({"1.2.3": GIVEN}), {"d": b"hello!"}, replace(HELLO, hash=""), "dmp.document-mismatched"),
        (answers.retrieved({"1.2.3": GIVEN}), {"other": b"hello"}, HELLO, "dmp.answer-invalid"),
        (answers.retrieved({"1.2.3": "not base64!"}), {}, HELLO, "dmp.answer-invalid"),
        ('<x:RetrieveDocumentSetResponse xmlns:x="urn:ihe:iti:xds-b:2007"/>', {}, HELLO, "dmp.answer-invalid"),
    ],
)
def test_a_document_that_is_not_the_one_asked_for_is_never_returned(
    server: DmpServer, gateway: SoapGateway, answer: str, parts: dict[str, bytes], entry: DocumentEntry, code: str
) -> None:
    server.respond = answers.with_parts(answer, parts)
    with pytest.raises(DmpUnavailable) as caught:
        gateway.retrieve(session(), [entry])
    assert caught.value.problems[0].code == code


def test_a_document_given_twice_is_refused(server: DmpServer, gateway: SoapGateway) -> None:
    once = answers.retrieved({"1.2.3": GIVEN})
    document = once[once.index("<x:DocumentResponse>") : once.index("</x:RetrieveDocumentSetResponse>")]
    server.respond = answers.with_parts(once.replace(document, document * 2), {"d": b"hello"})
    with pytest.raises(DmpUnavailable, match="mismatched"):
        gateway.retrieve(session(), [HELLO])


@pytest.mark.parametrize("status", [answers.FAILURE, answers.PARTIAL])
def test_an_error_of_the_repository_is_a_refusal(server: DmpServer, gateway: SoapGateway, status: str) -> None:
    failed = answers.retrieved({}, status=answers.registry(status, "XDSDocumentUniqueIdError"))
    server.respond = answers.with_parts(failed, {})
    with pytest.raises(DmpRefused) as caught:
        gateway.retrieve(session(), [HELLO])
    assert caught.value.code == "XDSDocumentUniqueIdError"


def test_wrong_documents_do_not_open_the_circuit(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(circuit_failures=2)
    server.respond = answers.with_parts(answers.retrieved({}), {})
    for _ in range(4):
        with pytest.raises(DmpUnavailable, match="document-mismatched"):
            gateway.retrieve(session(), [HELLO])

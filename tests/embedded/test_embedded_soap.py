"""SOAP 1.2, WS-Addressing, MTOM and the XML reader."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.support.embedded import RawClient
from tests.support.embedded_answer import TD02_BODY
from tests.support.embedded_lot import Document
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import TD02, TD31, TD32

BODY = TD02_BODY.format(ins=Vihf().patient, oid=Vihf().patient_oid)


def _request(raw: RawClient, action: str = TD02, message_id: str | None = None) -> bytes:
    return raw.envelope(action, BODY, raw.assertion(Vihf()), message_id)


def test_an_answer_relates_to_its_request(raw: RawClient) -> None:
    identifier = uuid.uuid4().urn
    answer = raw.post("patients", _request(raw, message_id=identifier))
    assert answer.relates_to == identifier
    assert answer.content_type.startswith("application/soap+xml")
    action = answer.find("wsa:Action")
    assert action is not None
    assert action.text == "urn:hl7-org:v3:PRPA_IN201308UV02"


def test_a_fault_relates_to_its_request_and_has_a_client_status(raw: RawClient) -> None:
    identifier = uuid.uuid4().urn
    answer = raw.post("patients", _request(raw, TD31, identifier))
    assert (answer.status, answer.relates_to) == (400, identifier)
    assert answer.fault[0] == "wsa:ActionNotSupported"


@pytest.mark.parametrize(
    ("action", "message_id", "code"),
    [
        ("", None, "wsa:MessageAddressingHeaderRequired"),
        (TD02, "", "wsa:MessageAddressingHeaderRequired"),
        (TD02, "abc", "wsa:InvalidAddressingHeader"),
    ],
)
def test_addressing_headers_are_required(raw: RawClient, action: str, message_id: str | None, code: str) -> None:
    found, reason = raw.post("patients", _request(raw, action, message_id)).fault
    assert found == code
    if code.endswith("Required"):
        assert reason == "A required header representing a Message Addressing Property is not present"


def test_the_action_of_the_content_type_must_agree(raw: RawClient) -> None:
    kind = 'application/soap+xml; charset=UTF-8; action="{}"'
    assert raw.post("patients", _request(raw), kind.format(TD02)).fault == ("", "")
    assert raw.post("patients", _request(raw), kind.format(TD31)).fault[0] == "wsa:ActionMismatch"


def test_soap_1_1_is_not_spoken(raw: RawClient) -> None:
    old = _request(raw).replace(
        b"http://www.w3.org/2003/05/soap-envelope", b"http://schemas.xmlsoap.org/soap/envelope/"
    )
    assert raw.post("patients", old).fault[0] == "Sender"
    assert raw.post("patients", _request(raw), "text/xml").fault[0] == "Sender"


@pytest.mark.parametrize(
    "prolog",
    [
        b'<!DOCTYPE x [<!ENTITY e "v">]>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        b'<?xml version="1.0" encoding="UTF-7"?>',
    ],
)
def test_dangerous_xml_is_refused(raw: RawClient, prolog: bytes) -> None:
    code, reason = raw.post("patients", prolog + _request(raw)).fault
    assert code == "Sender"
    assert reason.startswith("message refused")


def test_utf16_and_deep_nesting_are_refused(raw: RawClient) -> None:
    assert raw.post("patients", _request(raw).decode().encode("utf-16")).fault[0] == "Sender"
    deep = _request(raw).replace(b"<soap:Body>", b"<soap:Body>" + b"<a>" * 300 + b"</a>" * 300)
    assert raw.post("patients", deep).fault[0] == "Sender"


def test_one_body_child_and_one_assertion(raw: RawClient) -> None:
    assertion = raw.assertion(Vihf())
    assert raw.post("patients", raw.envelope(TD02, BODY + BODY, assertion)).fault[0] == "Sender"
    assert raw.post("patients", raw.envelope(TD02, BODY, assertion + assertion)).fault[0] == "Sender"
    assert raw.post("patients", raw.envelope(TD02, BODY, b"")).fault[0] == "wsse:InvalidSecurity"


def test_the_repository_answers_as_multipart_faults_included(raw: RawClient) -> None:
    envelope = raw.envelope(TD32, "<x/>", b"")
    answer = raw.post("repository", envelope)
    assert answer.content_type.startswith('multipart/related; type="application/xop+xml"')
    assert answer.fault[0] == "wsse:InvalidSecurity"


def test_a_chunked_mtom_request_is_read(raw: RawClient) -> None:
    document = Document()
    content_type, data = raw.submission([document])

    def chunks() -> Iterator[bytes]:
        yield from (data[start : start + 1000] for start in range(0, len(data), 1000))

    assert raw.post("repository", chunks(), content_type).outcome == "Success"
    assert raw.lines()[-1]["mtom"] is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'type="application/xop+xml"', b'type="text/xml"'),
        (b"--MIMEBoundary_raw--", b"--MIMEBoundary_raw"),
        (b"Content-Transfer-Encoding: binary", b"Content-Transfer-Encoding: base64"),
        (b"Content-ID: <root@raw>", b"X-ID: 1"),
        (b"Content-Type: application/xop+xml", b"Content-Type: text/xml"),
        (b'start="<root@raw>"', b'start="<other@raw>"'),
        (b'boundary="MIMEBoundary_raw"', b'boundary="elsewhere"'),
    ],
)
def test_a_broken_mtom_package_is_refused(raw: RawClient, old: bytes, new: bytes) -> None:
    content_type, data = raw.submission([Document()])
    assert old in data or old.decode() in content_type
    broken = data.replace(old, new)
    answer = raw.post("repository", broken, content_type.replace(old.decode(), new.decode()))
    assert answer.fault[0] == "Sender"

"""SOAP 1.2 and WS-Addressing: a request taken apart, an answer or a fault put together.

Sources: W3C SOAP 1.2 part 1, W3C WS-Addressing 1.0 (Core and SOAP binding), OASIS WS-Security 1.0 (SAML token only).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from facade.embedded import multipart
from facade.embedded.strictxml import SAML, SOAP, WSA, WSSE, BadXml, attr, children, only, parse, tag, text

ANONYMOUS = f"{WSA}/anonymous"
FAULT_ACTION = f"{WSA}/soap/fault"
_MESSAGE_ID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SoapFault(Exception):
    """A refusal that leaves as a SOAP fault.

    ``code`` is what the log and the Subcode say: a DMP code (``DMPInvalidCertificate``) or a QName of WS-Addressing
    (``wsa:ActionNotSupported``); ``Sender`` and ``Receiver`` have no Subcode.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A SOAP request: its addressing, the assertion of its security header, the one child of its body."""

    action: str
    message_id: str
    body: etree._Element = field(repr=False)
    assertion: etree._Element | None = field(repr=False)
    mtom: bool = False
    parts: Mapping[str, memoryview] = field(default_factory=dict, repr=False)


def read(content_type: str, body: bytes) -> Message:
    """Read a request. Raises SoapFault for whatever breaks SOAP 1.2, MTOM, WS-Addressing or WS-Security."""
    kind, parameters = multipart.media_type(content_type)
    mtom = kind == "multipart/related"
    if not mtom and kind != multipart.SOAP_TYPE:
        raise SoapFault("Sender", "Content-Type is neither application/soap+xml nor multipart/related")
    parts: Mapping[str, memoryview] = {}
    try:
        if mtom:
            package = multipart.read(parameters, body)
            envelope, parts = parse(package.envelope), package.parts
        else:
            envelope = parse(body)
    except (BadXml, multipart.BadMultipart) as error:
        raise SoapFault("Sender", f"message refused: {error}") from error
    header, content = _envelope(envelope)
    action = _addressing(header, "Action")
    message_id = _addressing(header, "MessageID")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise SoapFault("wsa:InvalidAddressingHeader", "MessageID is not urn:uuid:<uuid>")
    if parameters.get("action", action) != action:
        raise SoapFault("wsa:ActionMismatch", "the action of the Content-Type is not the one of the message")
    return Message(action, message_id, content, _assertion(header), mtom, parts)


def _envelope(envelope: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The header and the only child of the body."""
    if envelope.tag != tag(SOAP, "Envelope"):
        raise SoapFault("Sender", "not a SOAP 1.2 envelope")
    header, body = only(envelope, SOAP, "Header"), only(envelope, SOAP, "Body")
    if header is None or body is None:
        raise SoapFault("Sender", "an envelope has one Header and one Body")
    content = [child for child in body if isinstance(child.tag, str)]
    if len(content) != 1:
        raise SoapFault("Sender", "a Body has one child")
    return header, content[0]


def _addressing(header: etree._Element, name: str) -> str:
    found = children(header, WSA, name)
    if len(found) > 1:
        raise SoapFault("wsa:InvalidAddressingHeader", f"{name} is there more than once")
    value = text(found[0]) if found else ""
    if not value:
        raise SoapFault(
            "wsa:MessageAddressingHeaderRequired",
            "A required header representing a Message Addressing Property is not present",
        )
    return value


def _assertion(header: etree._Element) -> etree._Element | None:
    """The one SAML assertion of the one security header, None when there is none."""
    securities = children(header, WSSE, "Security")
    if not securities:
        return None
    assertions = children(securities[0], SAML, "Assertion")
    if len(securities) > 1 or len(assertions) != 1 or len(securities[0]) != 1:
        raise SoapFault("Sender", "wsse:Security holds one SAML assertion and nothing else")
    return assertions[0]


def answer(action: str, relates_to: str, body: bytes) -> bytes:
    """The envelope of an answer or a fault."""
    return b"".join(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{SOAP}"><soap:Header>'
            f'<Action xmlns="{WSA}">{attr(action)}</Action>'
            f'<MessageID xmlns="{WSA}">urn:uuid:{uuid.uuid4()}</MessageID>'
            f'<To xmlns="{WSA}">{ANONYMOUS}</To>'.encode(),
            f'<RelatesTo xmlns="{WSA}">{attr(relates_to)}</RelatesTo>'.encode() if relates_to else b"",
            b"</soap:Header><soap:Body>",
            body,
            b"</soap:Body></soap:Envelope>",
        )
    )


def fault(error: SoapFault) -> bytes:
    """The body of a fault: Sender or Receiver, with the code as its Subcode where there is one."""
    side = "Receiver" if error.code == "Receiver" else "Sender"
    subcode = ""
    if error.code not in ("Sender", "Receiver"):
        name = error.code if ":" in error.code else f"soap:{error.code}"
        subcode = f"<soap:Subcode><soap:Value>{attr(name)}</soap:Value></soap:Subcode>"
    return (
        f'<soap:Fault xmlns:wsa="{WSA}" xmlns:wsse="{WSSE}"><soap:Code><soap:Value>soap:{side}</soap:Value>{subcode}'
        f'</soap:Code><soap:Reason><soap:Text xml:lang="fr">{attr(error.reason)}</soap:Text></soap:Reason></soap:Fault>'
    ).encode()

"""SOAP 1.2 with WS-Addressing and WS-Security: the envelope of a request, and what an answer must be to be believed.

Sources: W3C SOAP 1.2, WS-Addressing 1.0, OASIS WSS 1.0; the DMP wants Action, MessageID and ReplyTo, and a Security
header that holds the VIHF and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from facade.dmp import multipart
from facade.dmp.http import HttpAnswer
from facade.dmp.xmltext import attribute, text
from facade.domain.content import Buffer
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.xmlsafe import parse as parse_xml

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XOP = "http://www.w3.org/2004/08/xop/include"
_ANONYMOUS = f"{WSA}/anonymous"
_GENERIC = ("Sender", "Receiver")


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """The child of the answer's Body, and its attachments by Content-ID."""

    body: etree._Element
    parts: Mapping[str, Buffer] = field(default_factory=dict, repr=False)


def envelope(*, action: str, to: str, message_id: str, assertion: str, body: str) -> bytes:
    """The message of one request. ``assertion`` and ``body`` are XML already and go in as they are."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{WSA}"><soap:Header>'
        f'<wsa:Action soap:mustUnderstand="true">{text(action)}</wsa:Action>'
        f"<wsa:MessageID>{text(message_id)}</wsa:MessageID>"
        f"<wsa:ReplyTo><wsa:Address>{_ANONYMOUS}</wsa:Address></wsa:ReplyTo>"
        f"<wsa:To>{text(to)}</wsa:To>"
        f'<wsse:Security xmlns:wsse="{WSSE}">{assertion}</wsse:Security>'
        f"</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def include(cid: str) -> str:
    """The XOP reference to an attachment."""
    return f'<xop:Include xmlns:xop="{XOP}" href="cid:{attribute(cid)}"/>'


def read(
    answer: HttpAnswer,
    message_id: str,
    *,
    changes: bool,
    limits: tuple[int, int],
    shorten: Callable[[Buffer], Buffer] | None = None,
) -> SoapAnswer:
    """Understand an answer to the message ``message_id``. ``limits``: bytes of an XML message, number of parts.

    ``shorten`` may leave out of the XML message what nobody reads.

    Raises DmpRefused (channel ``fault``) for a fault, DmpUnavailable when it is no SOAP answer, or one to another
    message; ``changes`` makes that an unknown outcome.
    """
    max_bytes, max_parts = limits
    status = str(answer.status)
    try:
        parsed = multipart.parse(answer.content_type, answer.body, max_parts=max_parts)
        message = shorten(parsed.root) if shorten else parsed.root
        root = parse_xml(message, max_bytes=max_bytes, huge_text=True, keep_comments=False)
    except ValueError as error:
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status=status) from error
    content = _body_child(root)
    if content is None:
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status=status)
    related = _relates_to(root)
    is_fault = content.tag == f"{{{SOAP}}}Fault"
    # A fault raised before the headers were read may say nothing of the message it answers; an answer never may.
    if related != message_id and not (is_fault and related is None):
        raise DmpUnavailable("dmp.answer-mismatched", outcome_unknown=changes)
    if is_fault:
        raise _refusal(content)
    if answer.status >= 300:  # noqa: PLR2004 - only a fault may come with another status than 2xx
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status=status)
    return SoapAnswer(content, parsed.parts)


def _body_child(root: etree._Element) -> etree._Element | None:
    if root.tag != f"{{{SOAP}}}Envelope":
        return None
    body = root.find(f"{{{SOAP}}}Body")
    if body is None:
        return None
    return next((child for child in body if isinstance(child.tag, str)), None)


def _relates_to(root: etree._Element) -> str | None:
    found = root.findtext(f"{{{SOAP}}}Header/{{{WSA}}}RelatesTo")
    return found.strip() if found is not None else None


def _refusal(fault: etree._Element) -> DmpRefused:
    """The most precise code of a fault: the innermost Subcode that says more than Sender or Receiver."""
    values = [value.text or "" for value in fault.iterfind(f"{{{SOAP}}}Code//{{{SOAP}}}Value")]
    codes = [value.strip().rpartition(":")[2] for value in values if value.strip()]
    code = next((code for code in reversed(codes) if code not in _GENERIC), codes[0] if codes else "Fault")
    reason = fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or ""
    return DmpRefused(code, reason.strip(), "fault")

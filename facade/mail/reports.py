"""Delivery reports (RFC 3464) and disposition notifications (RFC 8098) as they come back to the sending box.

A notification is not signed: whoever writes to the box may make one up. It is believed only about a message whose
unguessable id it gives, and only for the one recipient of that message; its text is never kept.
"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import Message

from facade.domain.mail import Notice, Report

_ID = re.compile(r"<\s*([^<>\s]{1,250})\s*>")
_ANS_CODE = re.compile(r"error:\s*(9\d\d)\b", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ACTIONS = {
    "failed": Notice.FAILED,
    "delayed": Notice.DELAYED,
    "delivered": Notice.DELIVERED,
    "relayed": Notice.RELAYED,
    "expanded": Notice.RELAYED,
}
_DISPOSITIONS = {
    "displayed": Notice.DISPLAYED,
    "processed": Notice.PROCESSED,
    "dispatched": Notice.PROCESSED,
    "deleted": Notice.DELETED,
}
_MOST_PARTS = 50


def read_report(data: bytes) -> Report | None:
    """The report in a message, None for a message that is none, or says nothing that is understood."""
    try:
        message = message_from_bytes(data, policy=policy.compat32)
        if message.get_content_type() != "multipart/report":
            return None
        parts = list(message.walk())[:_MOST_PARTS]
    except (MessageError, ValueError, LookupError, RecursionError):
        return None
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _delivery(part, parts)
        if part.get_content_type() in ("message/disposition-notification", "message/x-disposition-notification"):
            return _disposition(part)
    return None


def _delivery(part: Message, parts: list[Message]) -> Report | None:
    blocks = [block for block in _blocks(part) if block.keys()]
    envelope = next((text for block in blocks if (text := _field(block, "Original-Envelope-Id"))), "")
    about = [block for block in blocks if _field(block, "Action")]
    if not about:
        return None
    action = _field(about[0], "Action").lower()
    notice = _ACTIONS.get(action)
    if notice is None:
        return None
    status = _STATUS.search(_field(about[0], "Status"))
    return Report(
        notice,
        _returned_id(parts),
        envelope,
        tuple(address for block in about for address in _recipients(block)),
        status[0] if status else "",
    )


def _disposition(part: Message) -> Report | None:
    for block in _blocks(part):
        disposition = _field(block, "Disposition")
        if not disposition:
            continue
        kind, _, modifier = disposition.partition(";")[2].strip().partition("/")
        notice = _DISPOSITIONS.get(kind.strip().lower())
        if notice is None:
            return None
        code = _ANS_CODE.search(modifier)
        failed = notice is Notice.PROCESSED and "error" in modifier.lower()
        found = _ID.search(_field(block, "Original-Message-ID"))
        return Report(
            Notice.INTEGRATION_ERROR if failed else notice,
            found[1] if found else "",
            "",
            tuple(_recipients(block)),
            code[1] if code else "",
        )
    return None


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a report: parsed as messages where the type is known, else read from its text."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [each for each in payload if isinstance(each, Message)]
    decoded = part.get_payload(decode=True)
    text = decoded if isinstance(decoded, bytes) else b""
    return [message_from_bytes(block, policy=policy.compat32) for block in re.split(rb"\r?\n\r?\n", text)]


def _field(block: Message, name: str) -> str:
    return " ".join(str(block.get(name, "")).split())[:500]


def _recipients(block: Message) -> list[str]:
    found = []
    for name in ("Original-Recipient", "Final-Recipient"):
        _, separator, address = _field(block, name).partition(";")
        if separator and address.strip():
            found.append(address.strip().strip("<>").lower())
    return found


def _returned_id(parts: list[Message]) -> str:
    """The Message-ID of the message that came back, whole or as its headers (``text/rfc822-headers``)."""
    for part in parts[1:]:
        if part.get_content_type() == "text/rfc822-headers":
            decoded = part.get_payload(decode=True)
            headers = message_from_bytes(decoded if isinstance(decoded, bytes) else b"", policy=policy.compat32)
            found = _ID.search(_field(headers, "Message-ID"))
        else:
            found = _ID.search(_field(part, "Message-ID"))
        if found:
            return found[1]
    return ""

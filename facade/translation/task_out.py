"""A message of the outbox as a FHIR R4 Task: one Task for one message to one recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from facade.domain.caller import Caller, CallerKind
from facade.domain.mail import MailState, Notice
from facade.translation.obligations_out import DUTY_SYSTEM
from facade.translation.vocabulary import PS_IDNAT, STRUCT_IDNAT

KIND = "urn:dmp-facade:task-code"
STATE = "urn:dmp-facade:message-state"
OUTCOME = "urn:dmp-facade:message-outcome"
RULE = "urn:dmp-facade:rule"
PART = "urn:dmp-facade:message-part"
SEND = "send"
# FHIR has no status for "nobody can say": the message is on hold until a notification comes.
STATUSES: Mapping[MailState, str] = MappingProxyType(
    {
        MailState.HELD: "received",
        MailState.QUEUED: "requested",
        MailState.SENDING: "in-progress",
        MailState.HANDING_OVER: "in-progress",
        MailState.SENT: "completed",
        MailState.UNKNOWN: "on-hold",
        MailState.UNDELIVERABLE: "failed",
        MailState.NOT_SENT: "failed",
        MailState.CANCELLED: "cancelled",
    }
)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a reader may know of a message.

    ``documents``, ``patient_id``, ``recipient`` and ``duties`` are empty for colleagues. ``documents`` are sealed ids;
    ``reason`` a row of mappings/mail/outcomes.csv or a rule, ``reason_text`` its words; ``reply`` the SMTP code,
    ``status`` the enhanced one (RFC 3463); ``duties`` codes of ``feeding-duty-code``.
    """

    id: str
    state: MailState
    requester: Caller
    queued_at: datetime
    changed_at: datetime
    attempts: int
    message_id: str
    reason: str = ""
    reason_text: str = ""
    reply: int = 0
    status: str = ""
    notice: Notice | None = None
    notice_code: str = ""
    patient_id: str = ""
    documents: tuple[str, ...] = ()
    recipient: str = field(default="", repr=False)
    duties: tuple[str, ...] = ()


def mail_task(facts: TaskFacts) -> dict[str, Any]:
    """The Task as a plain dict."""
    changed = _instant(facts.changed_at)
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": facts.id,
        "meta": {"lastUpdated": changed},
        "status": STATUSES[facts.state],
        "businessStatus": _concept(STATE, (facts.notice or facts.state).value),
        "intent": "order",
        "code": _concept(KIND, SEND),
        "authoredOn": _instant(facts.queued_at),
        "lastModified": changed,
        "requester": _requester(facts.requester),
    }
    if facts.reason and facts.state is not MailState.SENT:
        system = OUTCOME if facts.reason.startswith("mail.") else RULE
        task["statusReason"] = _concept(system, facts.reason) | (
            {"text": facts.reason_text} if facts.reason_text else {}
        )
    if facts.duties:
        task["reasonCode"] = {"coding": [{"system": DUTY_SYSTEM, "code": duty} for duty in facts.duties]}
    if facts.patient_id:
        task["for"] = {"reference": f"Patient/{facts.patient_id}"}
    references = [{"reference": f"DocumentReference/{document}"} for document in facts.documents]
    if references:
        task["focus"] = references[0]
    inputs = [_part("document", {"valueReference": reference}) for reference in references[1:]]
    if facts.recipient:
        inputs.append(_part("recipient", {"valueUrl": f"mailto:{facts.recipient}"}))
    if inputs:
        task["input"] = inputs
    task["output"] = _outputs(facts)
    return task


def _outputs(facts: TaskFacts) -> list[dict[str, Any]]:
    found = [_part("message-id", {"valueString": facts.message_id})]
    if facts.attempts:
        found.append(_part("attempts", {"valueInteger": facts.attempts}))
    if facts.reply:
        found.append(_part("smtp-reply", {"valueInteger": facts.reply}))
    if facts.status:
        found.append(_part("smtp-status", {"valueString": facts.status}))
    if facts.notice is not None:
        found.append(_part("notice", {"valueCode": facts.notice.value}))
    if facts.notice_code:
        found.append(_part("notice-code", {"valueString": facts.notice_code}))
    return found


def _part(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": _concept(PART, name), **value}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _requester(caller: Caller) -> dict[str, Any]:
    machine = caller.kind is CallerKind.STRUCTURE
    system = STRUCT_IDNAT if machine else PS_IDNAT
    identifier = {"system": f"urn:oid:{system}", "value": caller.id}
    return {"type": "Organization" if machine else "Practitioner", "identifier": identifier, "display": caller.name}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")

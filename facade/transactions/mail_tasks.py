"""Messages as Task: all of it for the one who asked, how far it got for colleagues of the same structure.

A colleague may not know of the document, nor of the patient: what is told does not depend on either. Nothing of the DMP
is asked: what this facade did is told, not what the record holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade import knowledge
from facade.domain.ins import INS
from facade.domain.mail import MailState
from facade.records.mail_rows import Mail
from facade.transactions.actor import Actor
from facade.transactions.mail_context import read_context
from facade.transactions.services import Services
from facade.translation.task_out import STATUSES, TaskFacts, mail_task


def read(services: Services, actor: Actor, task_id: str, language: str) -> dict[str, Any] | None:
    """One message of the caller's structure, None where there is none of this id."""
    mail = services.outbox.read(task_id, actor.caller.structure.id)
    return None if mail is None else task_of(services, actor, mail, language)


@dataclass(frozen=True, slots=True)
class Which:
    """Which messages: of these statuses of a Task and these ids (None: all), about a patient (None: about any)."""

    statuses: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    patient: INS | None = None


def find(
    services: Services, actor: Actor, which: Which, page: tuple[int, int], language: str
) -> tuple[int, list[dict[str, Any]]]:
    """How many messages of the caller's structure fit, and those of a page (offset, count); about a patient, own ones.

    A colleague's message that is found by its patient would be told to be about this one.
    """
    states = [state for state in MailState if which.statuses is None or STATUSES[state] in which.statuses]
    if not states:
        return 0, []
    caller = actor.caller
    caller_id = caller.id if which.patient is not None else ""
    offset, count = page
    total, found = services.outbox.search(
        caller.structure.id,
        caller_id=caller_id,
        patient=which.patient,
        states=states,
        ids=which.ids,
        limit=count,
        offset=offset,
    )
    return total, [task_of(services, actor, mail, language) for mail in found]


def task_of(services: Services, actor: Actor, mail: Mail, language: str) -> dict[str, Any]:
    """The Task of a message, as far as this reader may know of it."""
    own = mail.caller_id == actor.caller.id and mail.structure_id == actor.caller.structure.id
    asked = read_context(mail.context)
    reason = mail.reason if own or mail.state is not MailState.NOT_SENT else "mail.not-sent"
    facts = TaskFacts(
        id=mail.id,
        state=mail.state,
        requester=asked.actor.caller,
        queued_at=mail.queued_at,
        changed_at=mail.changed_at,
        attempts=mail.attempts,
        message_id=mail.message_id,
        reason=reason,
        reason_text=_text(services, reason, language),
        reply=mail.reply,
        status=mail.status,
        notice=mail.notice,
        notice_code=mail.notice_code,
        patient_id=services.ids.seal_patient(mail.patient) if own else "",
        documents=_documents(services, mail) if own else (),
        recipient=mail.recipient if own else "",
        duties=asked.duties if own else (),
    )
    return mail_task(facts)


def _documents(services: Services, mail: Mail) -> tuple[str, ...]:
    """The documents by the ids the DMP has them under, which a publication may only know once it is stored."""
    asked = read_context(mail.context)
    logical_ids = [document.logical_id for document in asked.documents]
    if asked.published and services.settings.dmp.entry_uuids != "ours":
        known = [
            services.publications.own(mail.structure_id, unique_id=document.unique_id) for document in asked.documents
        ]
        logical_ids = [each.logical_id for each in known if each is not None]
    return tuple(services.ids.seal_document(mail.patient, each) for each in logical_ids)


def _text(services: Services, reason: str, language: str) -> str:
    if not reason:
        return ""
    for row in knowledge.rows("mail/outcomes.csv"):
        if row["code"] == reason:
            return row[f"text_{language}"]
    decision = services.access.decision(reason)
    return decision.text_fr if language == "fr" else decision.text_en

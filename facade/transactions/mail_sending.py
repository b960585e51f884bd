"""The other end of the outbox: take a message, judge it again as if it were asked for now, submit it, note what came.

A document masked, withdrawn or changed since it was asked for is not sent. The judgement leaves a trace of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from facade.domain.caller import CallerKind
from facade.domain.document import XdsTime
from facade.domain.dossier import Dossier
from facade.domain.errors import FacadeError, NotFound, Refused
from facade.domain.mail import Deferred, MailState, MailTrouble, OutcomeUnknown, Rejected
from facade.mail.submission import Submitter
from facade.records.engine import RecordsUnavailable
from facade.records.mail_rows import Mail
from facade.transactions.case import Case
from facade.transactions.mail_context import Asked, SentDocument, read_context
from facade.transactions.mail_recipients import TRANSACTION
from facade.transactions.read_document import judged
from facade.transactions.services import Services

_WRITES, _PAUSE = 5, 1.0


class _Changed(Exception):
    """The document is no longer what the message says of it."""


def send_next(services: Services, submitter: Submitter) -> bool:
    """Send one message that is due; false when none is. Raises Deferred while the server cannot be used at all.

    Nothing is taken from the outbox, nothing asked of the DMP and nothing traced as long as it cannot.
    """
    outbox = services.outbox
    try:
        submitter.open()
    except Deferred as trouble:
        outbox.failed(trouble.reason)
        raise
    claimed = outbox.claim(now=services.clock())
    if claimed is None:
        return False
    mail, message = claimed
    try:
        _judge_and_send(services, submitter, mail, message)
    except (NotFound, Refused, _Changed) as refusal:
        _settle(services, mail, MailState.NOT_SENT, refusal)
    except Rejected as trouble:
        _settle(services, mail, MailState.UNDELIVERABLE, trouble)
    except OutcomeUnknown as trouble:
        _settle(services, mail, MailState.UNKNOWN, trouble)
    except (Deferred, FacadeError) as trouble:
        _again(services, mail, trouble)
    return True


def give_up(services: Services, reason: str = "") -> int:
    """Note as undeliverable what has waited for too long; return how many. ``reason``: why nothing leaves now."""
    settings, now = services.settings.mail, services.clock()
    before = now - timedelta(hours=settings.give_up_hours)
    return services.outbox.give_up(before, reason, now=now) + services.outbox.abandon_held(before, now=now)


def _judge_and_send(services: Services, submitter: Submitter, mail: Mail, message: bytes) -> None:
    asked = read_context(mail.context)
    with Case(services, asked.actor, asked.act, mail.patient, TRANSACTION) as case:
        case.recipients = {asked.act: mail.recipient}
        if asked.published:
            _judge_published(case, asked)
        else:
            _judge_read(case, asked)
        submitter.send(
            asked.sender,
            mail.recipient,
            mail.envelope_id,
            message,
            lambda: services.outbox.hand_over(mail, now=services.clock()),
        )
        _write(lambda: services.outbox.settle(mail, MailState.SENT, now=services.clock()))


def _judge_read(case: Case, asked: Asked) -> None:
    """The documents of $send, as the one who asked may read and send them now."""
    logical_ids = [document.logical_id for document in asked.documents]
    gateway = case.services.gateway
    dossier, answer = case.ask(lambda session: gateway.get_documents(session, logical_ids=logical_ids))
    for document in asked.documents:
        current = judged(case, dossier, answer, document.logical_id)
        if (current.entry_uuid, current.version) != (document.entry_uuid, document.version):
            raise _Changed


def _judge_published(case: Case, asked: Asked) -> None:
    """Documents sent with their publication, by whom may not be able to read them: what has the first id is unchanged.

    A change of visibility makes a new metadata version with another entryUUID (ITI TF-2 3.57); a withdrawal is known
    to the ledger, and to the DMP where the caller may ask it for more than a reference.
    """
    services = case.services
    dossier = services.gateway.check_access(case.session)
    created = XdsTime.at(case.now)
    reads = case.caller.kind is CallerKind.PROFESSIONAL and case.explain(dossier, None, asked.act).permits
    for document in asked.documents:
        case.require_new(dossier, document.entry(case.patient, created), asked.act)
        known = services.publications.own(case.caller.structure.id, unique_id=document.unique_id)
        if known is None:
            raise NotFound.of("document.unknown")
        found = services.gateway.find_reference(case.session, document.unique_id)
        if found is None:
            raise NotFound.of("document.unknown")
        if found != known.logical_id:
            raise _Changed
        if reads:
            _judge_current(case, asked, dossier, document, known.logical_id)


def _judge_current(case: Case, asked: Asked, dossier: Dossier, document: SentDocument, logical_id: str) -> None:
    """The same document in full, for a professional who may read the record: its status counts too."""
    answer = case.services.gateway.get_documents(case.session, logical_ids=[logical_id])
    current = max(answer.entries, key=lambda entry: entry.version, default=None)
    if current is None or current.unique_id != document.unique_id:
        raise NotFound.of("document.unknown")
    case.require_new(dossier, current, asked.act)


def _settle(services: Services, mail: Mail, state: MailState, trouble: Exception) -> None:
    reason, reply, status = _reason(trouble)
    now = services.clock()
    _write(lambda: services.outbox.settle(mail, state, now=now, reason=reason, reply=reply, status=status))


def _again(services: Services, mail: Mail, trouble: Exception) -> None:
    """Put it back, with more patience each time. What was settled meanwhile stays settled."""
    settings, now = services.settings.mail, services.clock()
    wait = min(settings.retry_first * 2 ** min(mail.attempts - 1, 30), settings.retry_longest)
    reason, reply, status = _reason(trouble)
    at = now + timedelta(seconds=wait)
    _write(lambda: services.outbox.retry(mail, at, now=now, reason=reason, reply=reply, status=status))


def _reason(trouble: Exception) -> tuple[str, int, str]:
    if isinstance(trouble, MailTrouble):
        return trouble.reason, trouble.reply, trouble.status
    if isinstance(trouble, Refused):
        return trouble.decision.rule, 0, ""
    if isinstance(trouble, NotFound):
        return "mail.document-unknown", 0, ""
    return ("mail.document-changed" if isinstance(trouble, _Changed) else "mail.dmp"), 0, ""


def _write(note: Callable[[], bool]) -> None:
    """Note what became of a message, patiently: what is lost here is later told as unknown, or sent again."""
    for attempt in range(_WRITES):
        try:
            note()
        except RecordsUnavailable:
            if attempt + 1 == _WRITES:
                raise
            time.sleep(_PAUSE)
        else:
            return

"""$obligations, and what a publication leaves to be done: the law applied to one document. No record is opened.

The day that counts is the day the document was made, in French legal time. Source: see ``policy.obligations``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cache

from facade import knowledge
from facade.domain.document import DocumentEntry
from facade.domain.mail import Audience, MailState
from facade.domain.masking import Flag
from facade.domain.obligations import BeingSent, Duty, LeftToDo, Obligations
from facade.policy.days import legal_day
from facade.policy.obligations import ObligationTables, obligations
from facade.records.mail_rows import Mail
from facade.transactions.mail_context import read_context
from facade.translation.obligations_in import read_obligation_question
from facade.translation.tables import CodeTables

# What a publication that succeeded says of a document by itself (mappings/documents/production_contexts.csv).
_FED = "already-fed"
_OF_A_MASK = {Flag.HIDDEN_FROM_PATIENT: "hidden-from-patient", Flag.MASKED_TO_PROFESSIONALS: "masked-to-professionals"}
_DAY_DIGITS = 8
_AUDIENCES = {Duty.PROFESSIONALS: Audience.PROFESSIONAL, Duty.PATIENT: Audience.PATIENT}
# Of unknown outcome is not failed: sent again by hand it could be there twice.
_FAILED = (MailState.UNDELIVERABLE, MailState.NOT_SENT, MailState.CANCELLED)


@cache
def tables() -> ObligationTables:
    """The annex of the arrêté, read once."""
    return ObligationTables.from_rows(knowledge.rows)


def obligations_of(params: Sequence[tuple[str, str]], codes: CodeTables, now: datetime) -> Obligations:
    """What is owed for the type, day and contexts of a query. Raises InvalidInput, see ``read_obligation_question``."""
    known = tables()
    asked = read_obligation_question(params, codes, known.contradicts, tuple(known.excuses))
    return obligations(known, asked.type_code, _day(asked.made or now), asked.contexts)


def left_to_do(entry: DocumentEntry, mails: Iterable[Mail], now: datetime) -> LeftToDo:
    """What is left for a document that was just published with these messages.

    A message to a professional is taken for one the law wants: whose box an address is, is the sender's to know.
    """
    owed = _still_owed(entry, now)
    carrying = [mail for mail in mails if entry.unique_id in _documents(mail)]
    still, being_sent = [], []
    for obligation in owed.owed:
        sent = [mail for mail in carrying if mail.audience is _AUDIENCES.get(obligation.duty)]
        if not sent or any(mail.state in _FAILED for mail in sent):
            still.append(obligation)
        elif waits := tuple(mail.id for mail in sent if mail.state is not MailState.SENT):
            being_sent.append(BeingSent(obligation, waits))
    return LeftToDo(replace(owed, owed=tuple(still)), tuple(being_sent))


def duties_of(entries: Iterable[DocumentEntry], audience: Audience, now: datetime) -> tuple[str, ...]:
    """The codes of the duties a message with these documents is for, sent by who publishes them."""
    owed = {each.duty for entry in entries for each in _still_owed(entry, now).owed}
    return tuple(duty.value for duty, whose in _AUDIENCES.items() if duty in owed and whose is audience)


def _documents(mail: Mail) -> set[str]:
    return {document.unique_id for document in read_context(mail.context).documents}


def _still_owed(entry: DocumentEntry, now: datetime) -> Obligations:
    """Not the feeding, which is done, nor what one of its masks forbids."""
    contexts = [_FED, *(context for flag, context in _OF_A_MASK.items() if flag in entry.masking.flags)]
    created = entry.creation_time
    # A creationTime of a day or less has no hour to move into another time zone: noon is that day everywhere.
    made = created.start if len(created.digits) > _DAY_DIGITS else datetime.combine(created.start, time(12), UTC)
    return obligations(tables(), entry.type_code, _day(min(made, now)), contexts)


def _day(made: date | datetime) -> date:
    return legal_day(made) if isinstance(made, datetime) else made

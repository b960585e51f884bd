"""$send: documents of one record by secure messaging, one message for each recipient, into the outbox or refused whole.

TD0.2 beside TD3.1, the policy for each document and each kind of box, TD3.2, then the outbox. What is sent is what the
DMP holds: the CDAs, and the metadata with the lot they were submitted in.
Sources: art. L. 1110-4 CSP; référentiel socle MSSanté no 2, ECO.2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from facade.domain.content import Content
from facade.domain.dmp import AssociationType
from facade.domain.document import DocumentEntry, SubmissionSet
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.records.mail_rows import Group, Mail
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.mail_recipients import TRANSACTION, acts_of, configured, recipients_of, told, with_patient
from facade.transactions.mail_writing import Parcel, write_mails
from facade.transactions.publish import submission_context
from facade.transactions.read_document import judged, open_id
from facade.transactions.services import Services
from facade.translation.send_in import SendOrder
from facade.translation.subject_in import Subject
from facade.translation.submission_set_in import make_submission_set

_PATH = "Parameters.parameter"


def send_documents(services: Services, actor: Actor, order: SendOrder, *, key: str, fingerprint: str) -> list[Mail]:
    """Queue the messages; those of the first time for a repeated Idempotency-Key.

    Raises InvalidInput, NotFound, Refused, Conflict, DmpRefused, DmpUnavailable; nothing is queued then.
    """
    settings = services.settings.mail
    configured(settings, actor.caller.structure.id)
    recipients = recipients_of(order.wish, settings, _PATH)
    patient, logical_ids = _one_patient(services, order.documents)
    acts = acts_of(recipients, order.wish)
    with Case(services, actor, acts[0], patient, TRANSACTION) as case:
        case.becomes(*((act, TRANSACTION) for act in acts))
        case.recipients = told(recipients)
        gateway = services.gateway
        dossier, answer = case.ask(lambda session: gateway.get_documents(session, logical_ids=logical_ids))
        entries = tuple(judged(case, dossier, answer, logical_id) for logical_id in logical_ids)
        for act in acts[1:]:
            for entry in entries:
                case.require(dossier, entry, act)
        recipients = with_patient(recipients, order.wish, patient, settings, _PATH)
        case.recipients = told(recipients)
        group = _group(case, key, fingerprint)
        if group.request_key and (earlier := services.outbox.of_request(group)):
            return earlier
        retrieved = gateway.retrieve(case.session, entries)
        contents = tuple(Content.of(each.content) for each in retrieved)
        parcel = Parcel(_lot(case, entries), entries, contents, order.body, order.receipt)
        case.intend()
        return services.outbox.put(write_mails(case, parcel, recipients), group, now=case.now)


def _one_patient(services: Services, sealed: Sequence[str]) -> tuple[INS, list[str]]:
    opened = [open_id(services, each) for each in sealed]
    patients = {patient for patient, _ in opened}
    if len(patients) > 1:
        raise InvalidInput.of("mail.one-patient", _PATH)
    return opened[0][0], [logical_id for _, logical_id in opened]


def _group(case: Case, key: str, fingerprint: str) -> Group:
    if not key:
        return Group()
    scoped = f"{case.caller.id}\n$send\n{key}".encode("utf-8", "replace")
    return Group(hashlib.sha256(scoped).hexdigest(), fingerprint)


def _lot(case: Case, entries: Sequence[DocumentEntry]) -> SubmissionSet:
    """The lot all of these documents were submitted in; where there is no such one, a lot of this sending."""
    gateway, session = case.services.gateway, case.session
    first = {entry.logical_id for entry in entries}
    holders: dict[str, set[str]] = {}
    for link in gateway.get_associations(session, sorted(first)):
        if link.type == AssociationType.HAS_MEMBER and link.target in first:
            holders.setdefault(link.source, set()).add(link.target)
    common = sorted(lot for lot, held in holders.items() if held == first)
    found = gateway.get_lot(session, entry_uuid=common[0]).lots if common else ()
    if found:
        return found[0]
    return make_submission_set(Subject(case.patient), submission_context(case), entries[0].authors)

"""ITI-105 and ITI-65: publish documents as one signed lot (TD2.1), all or nothing.

Order: what is recorded here against the act (opposition), what the request says, the record (TD0.2) and the policy,
the ledger (duplicate), and only then is anything sent. Sources: référentiel EXI 02, 05, 06; ITI TF-2 3.41, 3.65, 3.105.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from facade.domain.access import Act
from facade.domain.caller import CallerKind
from facade.domain.document import DocumentEntry, NewDocument, Submission, SubmissionSet
from facade.domain.dossier import Dossier, Traits
from facade.domain.ins import INS
from facade.domain.obligations import LeftToDo
from facade.observability.acts import measured
from facade.records.mail_rows import Mail
from facade.records.reservations import Request as LedgerRequest
from facade.records.reservations import Reservation, ToSend, repeatable_unique_id
from facade.transactions import complete, outcome, render, send_published
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.obligations import left_to_do
from facade.transactions.prepare import Prepared, prepare, target_of_replacement
from facade.transactions.services import Services
from facade.transactions.succession import succession
from facade.translation.document_in import DocumentContext
from facade.translation.people_in import Fill
from facade.translation.subject_in import Subject, read_subject
from facade.translation.submission_in import DocumentPart, SubmissionParts, read_common_subject
from facade.translation.submission_set_in import SubmissionContext, make_submission_set, read_submission_set
from facade.translation.times import from_fhir


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks to be published.

    ``documents`` pairs each DocumentReference with its file: a Base64File, or what was given as base64 text;
    ``lot`` is the List of an ITI-65 Bundle, None for ITI-105; ``index`` resolves references inside a Bundle.
    """

    subject: Subject
    documents: tuple[tuple[dict[str, Any], Any], ...]
    index: dict[str, Any]
    lot: dict[str, Any] | None = None
    idempotency_key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """The documents as stored, what was filled, what is left to be done for each, and the messages that send them."""

    patient: INS
    entries: tuple[DocumentEntry, ...]
    resources: list[dict[str, Any]]
    lot_id: str
    filled: tuple[Fill, ...]
    unsupported_relations: tuple[str, ...]
    left: tuple[LeftToDo, ...]
    mails: tuple[Mail, ...] = ()


def order_of_resource(services: Services, resource: dict[str, Any], data: Any, *, key: str, fingerprint: str) -> Order:
    """The order an ITI-105 DocumentReference makes. Raises InvalidInput for an identity that cannot be used."""
    subject = read_subject(resource, {}, services.subjects)
    return Order(subject, ((resource, data),), {}, None, key, fingerprint)


def order_of_bundle(
    services: Services, parts: SubmissionParts, contents: Mapping[int, Any], *, key: str, fingerprint: str
) -> Order:
    """The order an ITI-65 Bundle makes. Raises InvalidInput for an identity that cannot be used, or several."""
    subject = read_common_subject(parts, services.subjects)
    documents = tuple((_of_stated_type(part), contents.get(part.content_index)) for part in parts.documents)
    return Order(subject, documents, parts.index, parts.lot, key, fingerprint)


def _of_stated_type(part: DocumentPart) -> dict[str, Any]:
    """The DocumentReference, with the media type of its Binary where its attachment does not say it."""
    attachment = part.resource["content"][0]["attachment"]
    if part.media_type:
        attachment.setdefault("contentType", part.media_type)
    return part.resource


@measured("publish")
def publish(services: Services, actor: Actor, order: Order) -> Published:
    """Publish. Raises InvalidInput, Refused, Conflict, DmpRefused, DmpUnavailable; nothing is half-done."""
    with Case(services, actor, Act.PUBLISH, order.subject.ins, "TD2.1") as case:
        case.precheck()
        return _publish(case, order.subject, order)


def _publish(case: Case, subject: Subject, order: Order) -> Published:
    services = case.services
    drafts = _drafts(case, subject, order, case.now)
    lot, lot_filled = _lot(case, subject, order, drafts)
    plan = send_published.plan_of(case, subject.ins, [resource for resource, _ in order.documents], order.lot)
    dossier = services.gateway.check_access(case.session)
    # Judged before the ledger is looked at: what was published before is told to those only who may publish.
    case.require(dossier)
    for draft in drafts:
        case.require(dossier, draft.entry)
    send_published.judge(case, dossier, [draft.entry for draft in drafts], plan)
    reservation = _reserve(case, order, drafts)
    if reservation.replay:
        return _replay(case, subject, order, reservation)
    try:
        replaced = [target_of_replacement(case, dossier, draft) for draft in drafts]
        submission = _wrap(case, dossier, drafts, replaced, lot)
        _note_replaced(case, reservation, drafts, replaced)
        session = case.changing()
        send_published.hold(case, submission, plan, reservation)
    except BaseException:
        services.publications.mark_failed(reservation.id, now=case.now)
        raise
    repeatable = [_new_unique_id(case, order, n) for n in range(len(drafts))] == [
        each.entry.unique_id for each in drafts
    ]
    entries = outcome.send(case, session, reservation, submission, repeatable=repeatable)
    mails = send_published.released(case, plan, reservation)
    filled = lot_filled + tuple(fill for draft in drafts for fill in draft.filled)
    for draft, entry in zip(drafts, entries, strict=True):
        filled += complete.filled(draft.entry, entry)
    relations = tuple(relation for draft in drafts for relation in draft.unsupported_relations)
    resources = render.documents(services, subject.ins, entries)
    lot_id = services.ids.seal_lot(subject.ins, lot.entry_uuid) if outcome.keeps_our_ids(services) else ""
    left = _left(case, entries, mails)
    return Published(subject.ins, entries, resources, lot_id, filled, relations, left, mails)


def _left(case: Case, entries: Sequence[DocumentEntry], mails: Sequence[Mail]) -> tuple[LeftToDo, ...]:
    """What is left to do for each document; nothing by patients and applications, whom the arrêté does not bind."""
    if case.caller.kind not in (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE):
        return ()
    return tuple(left_to_do(entry, mails, case.now) for entry in entries)


def _drafts(case: Case, subject: Subject, order: Order, now: datetime) -> list[Prepared]:
    """The documents of a request that came in ``now``, read and checked."""
    latest = _latest_creation(order, now)
    contexts = [_document_context(case, latest, _new_unique_id(case, order, n)) for n in range(len(order.documents))]
    return [
        prepare(case.services, subject, each, resource, text, order.index)
        for each, (resource, text) in zip(contexts, order.documents, strict=True)
    ]


def _latest_creation(order: Order, now: datetime) -> datetime:
    """When a document that does not say it was made: now, or when its lot says it was submitted, if that is earlier.

    The DMP refuses a creationTime after the submissionTime, and a client's clock may be behind.
    """
    try:
        submitted = from_fhir((order.lot or {})["date"]).start
    except (KeyError, ValueError):
        return now
    return min(submitted, now)


def _new_unique_id(case: Case, order: Order, rank: int) -> str:
    """The uniqueId of a document that brings none: the same for every repetition of a request with an Idempotency-Key.

    The DMP keeps no two documents of one uniqueId: should a repetition be sent while the first is still on its way
    (two hosts whose clocks differ, a clock that jumped), it refuses the later one.
    """
    request = _ledger_request(case, order)
    return repeatable_unique_id(request, rank) if request.idempotency_key else _new_oid(case.services)


def _ledger_request(case: Case, order: Order) -> LedgerRequest:
    return LedgerRequest(case.caller.id, case.caller.structure.id, order.idempotency_key, order.fingerprint)


def _document_context(case: Case, now: datetime, unique_id: str) -> DocumentContext:
    services = case.services
    return DocumentContext(
        caller=case.caller,
        tables=services.codes,
        now=now,
        entry_uuid=services.new_uuid(),
        unique_id=unique_id,
        secret=case.actor.secret,
        subjects=services.subjects,
    )


def _lot(
    case: Case, subject: Subject, order: Order, drafts: Sequence[Prepared]
) -> tuple[SubmissionSet, tuple[Fill, ...]]:
    context = submission_context(case)
    authors = drafts[0].entry.authors
    if order.lot is None:
        return make_submission_set(subject, context, authors), ()
    return read_submission_set(order.lot, subject, context, authors)


def submission_context(case: Case) -> SubmissionContext:
    """What a lot made by this facade is made with: fresh ids, the facade's sourceId, the caller."""
    services = case.services
    return SubmissionContext(
        caller=case.caller,
        tables=services.codes,
        now=case.now,
        entry_uuid=services.new_uuid(),
        unique_id=_new_oid(services),
        source_id=services.settings.oid_root,
    )


def _new_oid(services: Services) -> str:
    """A uniqueId nobody else makes: 2.25 followed by a fresh UUID as a number (ITU-T X.667)."""
    return f"2.25.{int(services.new_uuid().replace('-', ''), 16)}"


def _reserve(case: Case, order: Order, drafts: Sequence[Prepared]) -> Reservation:
    """Take the uniqueIds in the ledger. A publication whose outcome was never learnt is settled first."""
    services = case.services
    to_send = [
        ToSend(
            case.patient,
            draft.entry.unique_id,
            draft.sha1,
            draft.entry.type_code.code,
            draft.media_type,
            draft.size,
            replaces=draft.draft.replaces.unique_id if draft.draft.replaces else "",
            structure_id=case.caller.structure.id,
        )
        for draft in drafts
    ]
    request = _ledger_request(case, order)
    reservation = services.publications.reserve(to_send, request, now=case.now)
    if reservation.state == "unknown":
        outcome.settle(case, reservation)
        reservation = services.publications.reserve(to_send, request, now=case.now)
        if reservation.replay:
            outcome.note_hidden(case, _as_reserved(reservation, drafts))
    return reservation


def _replay(case: Case, subject: Subject, order: Order, reservation: Reservation) -> Published:
    """Answer a repeated request as the first time: same documents, same times filled in, nothing sent."""
    drafts = _drafts(case, subject, order, reservation.reserved_at)
    entries = _as_reserved(reservation, drafts)
    case.replayed(entries)
    resources = render.documents(case.services, case.patient, entries)
    lot_id = case.services.ids.seal_lot(case.patient, reservation.lot) if reservation.lot else ""
    mails = tuple(case.services.outbox.of_publication(reservation.id))
    return Published(case.patient, entries, resources, lot_id, (), (), _left(case, entries, mails), mails)


def _as_reserved(reservation: Reservation, drafts: Sequence[Prepared]) -> tuple[DocumentEntry, ...]:
    """The documents of a repeated request under the ids they were published with the first time."""
    return tuple(
        replace(draft.entry, unique_id=known.unique_id, logical_id=known.logical_id, entry_uuid=known.logical_id)
        for draft, known in zip(drafts, reservation.documents, strict=True)
    )


def _note_replaced(
    case: Case, reservation: Reservation, drafts: Sequence[Prepared], replaced: Sequence[DocumentEntry | None]
) -> None:
    """Say in the ledger what each document replaces, before it is sent: afterwards a crash could lose it."""
    pairs = zip(drafts, replaced, strict=True)
    if known := {draft.entry.unique_id: old.unique_id for draft, old in pairs if old is not None}:
        case.services.publications.replacing(reservation.id, known)


def _wrap(
    case: Case,
    dossier: Dossier,
    drafts: Sequence[Prepared],
    targets: Sequence[DocumentEntry | None],
    lot: SubmissionSet,
) -> Submission:
    services = case.services
    traits = dossier.traits if services.settings.traits_from_dmp else Traits()
    documents = []
    for draft, replaced in zip(drafts, targets, strict=True):
        named = complete.entry(draft.entry, traits)
        line = succession(case, dossier, replaced) if replaced and draft.given is None else None
        content = draft.cda(named, traits, line)
        entry = replace(
            named,
            replaces=replaced.entry_uuid if replaced else "",
            hash=content.digest("sha1").hex(),
            size=len(content),
        )
        documents.append(NewDocument(entry, content))
    return Submission(replace(lot, authors=complete.authors(lot.authors, traits)), tuple(documents))

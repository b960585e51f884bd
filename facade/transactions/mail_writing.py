"""The messages of a request: one XDM archive and its PDF copies, and a message of them for each recipient."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from facade import __version__
from facade.dmp.ebrim_write import exchange
from facade.domain.content import Content
from facade.domain.document import DocumentEntry, SourcePatient, SubmissionSet
from facade.domain.errors import InvalidInput
from facade.domain.mail import Audience
from facade.mail import message, xdm
from facade.mail.addresses import Address, read_address
from facade.records.mail_rows import NewMail
from facade.transactions.case import Case
from facade.transactions.mail_context import write_context
from facade.transactions.mail_recipients import Recipient, configured
from facade.transactions.obligations import duties_of
from facade.translation.cda_layout import pdf_or_layout

_SOFTWARE = "dmp-facade"
_BODY = (
    "Bonjour,\n\nVeuillez trouver ci-joint {what} concernant le patient nommé dans l'objet, "
    "en archive IHE_XDM.zip et en copie PDF.\n\n{structure}\n"
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent together: a lot, its entries as the DMP has them, their CDAs, and what the sender adds."""

    lot: SubmissionSet
    entries: tuple[DocumentEntry, ...]
    contents: tuple[Content, ...] = field(repr=False)
    body: str = field(default="", repr=False)
    receipt: bool = True
    published: bool = False


def write_mails(case: Case, parcel: Parcel, recipients: Sequence[Recipient]) -> list[NewMail]:
    """The messages, not yet in the outbox.

    Raises InvalidInput ``mail.too-large``, and as ``pdf_or_layout`` and ``pdf_copy.write``.
    """
    services, structure = case.services, case.caller.structure
    settings = services.settings.mail
    sender = read_address(configured(settings, structure.id))
    documents = [_mailed(case, entry, content) for entry, content in zip(parcel.entries, parcel.contents, strict=True)]
    archive = _archive(case, parcel, documents, sender)
    found = []
    for recipient in recipients:
        message_id = f"{secrets.token_hex(16)}@{sender.domain}"
        letter = message.Letter(
            sender=sender,
            sender_name=structure.name,
            recipient=recipient.address,
            message_id=message_id,
            moment=case.now,
            patient=_patient(parcel.entries[0]),
            documents=documents,
            archive=archive,
            body=parcel.body or _usual_body(documents, structure.name),
            product=settings.product,
            final=recipient.audience is Audience.PATIENT and not settings.patient_replies,
            receipt=parcel.receipt,
        )
        written = message.write(letter)
        if len(written) > settings.max_message_bytes:
            limit = str(settings.max_message_bytes)
            raise InvalidInput.of("mail.too-large", size=str(len(written)), limit=limit)
        found.append(_new_mail(case, parcel, recipient, sender, message_id, written))
    return found


def _new_mail(
    case: Case, parcel: Parcel, recipient: Recipient, sender: Address, message_id: str, written: bytes
) -> NewMail:
    duties = duties_of(parcel.entries, recipient.audience, case.now) if parcel.published else ()
    context = write_context(
        case.actor, recipient.act, str(sender), parcel.entries, published=parcel.published, duties=duties
    )
    return NewMail(
        caller_id=case.caller.id,
        structure_id=case.caller.structure.id,
        patient=case.patient,
        audience=recipient.audience,
        recipient=str(recipient.address),
        context=context,
        message=written,
        message_id=message_id,
    )


def _archive(case: Case, parcel: Parcel, documents: Sequence[message.MailedDocument], sender: Address) -> bytes:
    names = [xdm.document_name(position) for position in range(1, len(parcel.entries) + 1)]
    archived = [
        xdm.ArchivedDocument(name, document.label, content.pieces)
        for name, document, content in zip(names, documents, parcel.contents, strict=True)
    ]
    origin = xdm.Origin(case.caller.structure.name, str(sender), _SOFTWARE, __version__)
    return xdm.archive(exchange(parcel.lot, parcel.entries, names), archived, origin, case.now.astimezone(UTC))


def _mailed(case: Case, entry: DocumentEntry, content: Content) -> message.MailedDocument:
    label = case.services.codes.coding(entry.type_code).get("display") or entry.title or entry.type_code.code
    day = entry.creation_time.start.date()
    return message.MailedDocument(entry.type_code.code, str(label), day, _copy(entry, content))


def _copy(entry: DocumentEntry, content: Content) -> bytes:
    """The PDF copy of a CDA: the one it holds, or one that is laid out from it. A refusal names the document."""
    try:
        found = pdf_or_layout(bytes(content))
        if isinstance(found, bytes):
            return found
        from facade.mail.pdf import copy as pdf_copy  # noqa: PLC0415 - the PDF library takes time and memory, few messages need it

        return pdf_copy.write(found)
    except InvalidInput as refused:
        named = {"document": entry.unique_id}
        problems = [replace(each, values={**each.values, **named}) for each in refused.problems]
        raise InvalidInput(problems) from None


def _patient(entry: DocumentEntry) -> message.Patient:
    """Whom the metadata name. A matricule is qualified where the four traits are beside it."""
    source: SourcePatient = entry.source_patient
    born = _birth_date(source.birth_date)
    qualified = bool(source.family and source.given and born and source.sex)
    return message.Patient(source.family, source.given, born, qualified)


def _birth_date(digits: str) -> date | None:
    try:
        return datetime.strptime(digits[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _usual_body(documents: Sequence[message.MailedDocument], structure: str) -> str:
    what = f"{len(documents)} documents" if len(documents) > 1 else f"un document ({documents[0].label})"
    return _BODY.format(what=what, structure=structure)

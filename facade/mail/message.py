"""The message: subject, X-MSS headers, a short body, IHE_XDM.zip and the PDF copies.

Source: référentiel socle MSSanté no 2, ECO.2.1.1 to ECO.2.1.6; ANS volet "Transmission de documents CDA par HL7v2",
fields of the message (``X-MSS-MES``). RFC 5322, RFC 8098 for the request of a receipt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import format_datetime

from facade.mail.addresses import Address

ARCHIVE_NAME = "IHE_XDM.zip"
_LABEL = 40
_UNSAFE = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom the message is about. ``qualified``: matricule, its OID and the four traits are in the documents."""

    family: str = field(repr=False)
    given: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    qualified: bool


@dataclass(frozen=True, slots=True)
class MailedDocument:
    """A document of the message: code and label of its type, its day, and its copy in PDF."""

    code: str
    label: str
    day: date
    pdf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything a message is made of. ``product`` is the X-MSS-NIL; ``final`` keeps the patient from answering."""

    sender: Address
    sender_name: str
    recipient: Address
    message_id: str
    moment: datetime
    patient: Patient
    documents: Sequence[MailedDocument]
    archive: bytes = field(repr=False)
    body: str = field(repr=False)
    product: str
    final: bool
    receipt: bool


def write(letter: Letter) -> bytes:
    """The message as it is sent (RFC 5322, CRLF). Raises ValueError for a header that would hold a line break."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = HeaderAddress(_plain(letter.sender_name), letter.sender.local, letter.sender.domain)
    message["To"] = HeaderAddress("", letter.recipient.local, letter.recipient.domain)
    message["Subject"] = subject(letter.patient, letter.documents)
    message["Date"] = format_datetime(letter.moment)
    message["Message-ID"] = f"<{letter.message_id}>"
    message["X-MSS-NIL"] = letter.product
    message["X-MSS-CODECDA"] = ",".join(dict.fromkeys(document.code for document in letter.documents))
    message["X-MSS-INS"] = "O" if letter.patient.qualified else "N"
    if letter.final:
        message["X-MSS-MES"] = "FIN"
    if letter.receipt:
        message["Disposition-Notification-To"] = f"<{letter.sender}>"
    message.set_content(letter.body, cte="quoted-printable")
    message.add_attachment(letter.archive, "application", "zip", filename=ARCHIVE_NAME)
    for number, document in enumerate(letter.documents, start=1):
        name = pdf_name(letter.patient, document, number if len(letter.documents) > 1 else 0)
        message.add_attachment(document.pdf, "application", "pdf", filename=name)
    return message.as_bytes()


def subject(patient: Patient, documents: Sequence[MailedDocument]) -> str:
    """``XDM/1.0/DDM+<label> <FAMILY> <given> <DD/MM/YYYY>``: the label of the one document, or how many there are."""
    many = len(documents) > 1
    label = f"{len(documents)} documents" if many else _one_line(documents[0].label)[:_LABEL].rstrip()
    born = patient.birth_date.strftime("%d/%m/%Y") if patient.birth_date else ""
    words = [label, _plain(patient.family).upper(), _plain(patient.given), born]
    return "XDM/1.0/DDM+" + " ".join(word for word in words if word)


def pdf_name(patient: Patient, document: MailedDocument, number: int = 0) -> str:
    """``<YYYYMMDD>_<type>_<FAMILY>_<given>.pdf``; ``number`` tells apart several documents of one type and day."""
    words = [
        document.day.strftime("%Y%m%d"),
        _file_word(document.label)[:_LABEL],
        _file_word(patient.family).upper(),
        _file_word(patient.given),
        str(number) if number else "",
    ]
    return "_".join(word for word in words if word) + ".pdf"


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def _plain(text: str) -> str:
    """One line, without accents."""
    return _one_line(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii"))


def _file_word(text: str) -> str:
    return _UNSAFE.sub("-", _plain(text)).strip("-")

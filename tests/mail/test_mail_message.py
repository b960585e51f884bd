"""The message and its archive, as functions of what is given to them."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from lxml import etree

from facade.mail import xdm
from facade.mail.addresses import Address
from facade.mail.message import Letter, MailedDocument, Patient, pdf_name, subject, write

NOW = datetime(2026, 11, 22, 9, 30, 16, tzinfo=UTC)
PATIENT = Patient("d'Ébène", "Zoé\r\nBcc: x@evil.org", date(1979, 3, 28), qualified=True)
DOCUMENT = MailedDocument("11488-4", "CR ou fiche de consultation ou de visite du médecin", date(2026, 1, 2), b"%PDF")
ORIGIN = xdm.Origin("Hôpital <&> Nord", "boite@nord.mssante.fr", "dmp-facade", "1.0")


def letter(**changes: Any) -> EmailMessage:
    values: dict[str, Any] = {
        "sender": Address("boite", "nord.mssante.fr"),
        "sender_name": "Hôpital Nord\r\nBcc: x@evil.org",
        "recipient": Address("dr", "medecin.mssante.fr"),
        "message_id": "abc@nord.mssante.fr",
        "moment": NOW,
        "patient": PATIENT,
        "documents": [DOCUMENT],
        "archive": b"PK",
        "body": "Bonjour\n.\nBcc: x@evil.org\n",
        "product": "NIL-1",
        "final": False,
        "receipt": True,
    }
    data = write(Letter(**{**values, **changes}))
    assert b"\r\nBcc:" not in data.split(b"\r\n\r\n", 1)[0]
    assert b"\n" not in data.replace(b"\r\n", b"")
    return message_from_bytes(data, policy=policy.default)


def test_the_subject_is_that_of_the_referentiel() -> None:
    plain = Patient("Martin", "Léa", date(1979, 3, 28), qualified=True)
    assert subject(plain, [DOCUMENT]) == "XDM/1.0/DDM+CR ou fiche de consultation ou de visite MARTIN Lea 28/03/1979"
    assert subject(plain, [DOCUMENT, DOCUMENT]) == "XDM/1.0/DDM+2 documents MARTIN Lea 28/03/1979"


def test_the_headers_say_what_is_inside() -> None:
    message = letter(
        documents=[DOCUMENT, DOCUMENT, MailedDocument("11502-2", "CR de biologie", date(2026, 1, 2), b"%")]
    )
    assert message["X-MSS-CODECDA"] == "11488-4,11502-2"
    assert (message["X-MSS-INS"], message["X-MSS-NIL"], message["X-MSS-MES"]) == ("O", "NIL-1", None)
    assert message["Disposition-Notification-To"] == "<boite@nord.mssante.fr>"
    assert message["Message-ID"] == "<abc@nord.mssante.fr>"


def test_a_patient_who_may_not_reply_and_is_not_wholly_identified() -> None:
    message = letter(final=True, receipt=False, patient=Patient("A", "B", None, qualified=False))
    assert (message["X-MSS-MES"], message["X-MSS-INS"], message["Disposition-Notification-To"]) == ("FIN", "N", None)


def test_names_cannot_add_a_header_or_a_recipient() -> None:
    message = letter()
    assert message["Bcc"] is None
    assert "\n" not in str(message["Subject"])
    assert [address.addr_spec for address in message["To"].addresses] == ["dr@medecin.mssante.fr"]
    assert [address.addr_spec for address in message["From"].addresses] == ["boite@nord.mssante.fr"]


def test_the_attachments_are_the_archive_and_a_copy_of_each_document() -> None:
    parts = list(letter(documents=[DOCUMENT, DOCUMENT]).iter_attachments())
    names = [str(part.get_filename()) for part in parts]
    assert names[0] == "IHE_XDM.zip"
    assert len(set(names)) == 3
    assert all(name.startswith("20260102_CR-ou-fiche-de-consultation") and name.endswith(".pdf") for name in names[1:])
    assert "/" not in "".join(names)


def test_the_name_of_a_copy_holds_nothing_a_file_system_would_follow() -> None:
    wicked = Patient("../../etc/passwd", "a\\b:c*", None, qualified=True)
    assert pdf_name(wicked, DOCUMENT) == "20260102_CR-ou-fiche-de-consultation-ou-de-visite_ETC-PASSWD_a-b-c.pdf"


def test_the_archive_has_what_iti_32_asks_for() -> None:
    documents = [xdm.ArchivedDocument(xdm.document_name(n), f"<b>{n}</b>", (b"<a>", b"</a>")) for n in (1, 2)]
    made = xdm.archive("<m/>", documents, ORIGIN, NOW)
    assert made == xdm.archive("<m/>", documents, ORIGIN, NOW)
    with zipfile.ZipFile(io.BytesIO(made)) as package:
        names = package.namelist()
        index, readme = package.read("INDEX.HTM"), package.read("README.TXT")
        assert package.read("IHE_XDM/SUBSET01/DOC00002.XML") == b"<a></a>"
    subset = "IHE_XDM/SUBSET01"
    documents_of_it = [f"{subset}/{each}" for each in ("METADATA.XML", "DOC00001.XML", "DOC00002.XML")]
    assert names == ["INDEX.HTM", "README.TXT", *documents_of_it]
    page = etree.fromstring(index, etree.XMLParser(load_dtd=False, no_network=True))
    links = page.findall(".//{http://www.w3.org/1999/xhtml}a")
    assert [link.get("href") for link in links[:2]] == documents_of_it[1:]
    assert [link.text for link in links[:2]] == ["<b>1</b>", "<b>2</b>"]
    assert readme.isascii()
    assert b"Hopital <&> Nord" in readme
    assert b"\n" not in readme.replace(b"\r\n", b"")


@pytest.mark.parametrize("name", [xdm.document_name(1), xdm.document_name(99999)])
def test_file_names_are_those_of_iso_9660_level_1(name: str) -> None:
    stem, _, extension = name.partition(".")
    assert (len(stem), extension, name) == (8, "XML", name.upper())

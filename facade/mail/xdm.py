"""The XDM archive ``IHE_XDM.zip``: one submission, its documents, and the two files for whoever opens it by hand.

Source: ITI TF-2 3.32 (Distribute Document Set on Media, ZIP over email); names are those of ISO 9660 level 1 (8.3).
"""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from facade.domain.content import Buffer

SUBSET = "IHE_XDM/SUBSET01"
METADATA = f"{SUBSET}/METADATA.XML"
_DOSTIME_START = 1980


@dataclass(frozen=True, slots=True)
class ArchivedDocument:
    """A CDA of the archive: its file name in the subset, the label of its type, and its pieces of bytes."""

    name: str
    label: str
    pieces: tuple[Buffer, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made the archive: the structure that sends, its mailbox for questions, the software and its version."""

    structure: str
    contact: str
    software: str
    version: str


def document_name(position: int) -> str:
    """The file name of the document at a position, from 1: what its URI slot says in METADATA.XML."""
    return f"DOC{position:05d}.XML"


def archive(metadata: str, documents: Sequence[ArchivedDocument], origin: Origin, moment: datetime) -> bytes:
    """The bytes of IHE_XDM.zip. ``metadata`` is the SubmitObjectsRequest; the same input gives the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        _add(package, "INDEX.HTM", (_index(documents, origin).encode(),), moment)
        _add(package, "README.TXT", (_readme(origin).encode("ascii"),), moment)
        _add(package, METADATA, (f'<?xml version="1.0" encoding="UTF-8"?>\n{metadata}'.encode(),), moment)
        for document in documents:
            _add(package, f"{SUBSET}/{document.name}", document.pieces, moment)
    return made.getvalue()


def _add(package: zipfile.ZipFile, name: str, pieces: Sequence[Buffer], moment: datetime) -> None:
    year = max(moment.year, _DOSTIME_START)
    info = zipfile.ZipInfo(name, (year, moment.month, moment.day, moment.hour, moment.minute, moment.second))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    with package.open(info, "w") as file:
        for piece in pieces:
            file.write(piece)


def _index(documents: Sequence[ArchivedDocument], origin: Origin) -> str:
    lines = "\n".join(
        f'<li><a href="{SUBSET}/{document.name}">{escape(document.label)}</a></li>' for document in documents
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" "http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr">\n'
        f"<head><title>Documents de {escape(origin.structure)}</title></head>\n<body>\n"
        f"<h1>Documents transmis par {escape(origin.structure)}</h1>\n<p>Contact : {escape(origin.contact)}</p>\n"
        f'<ul>\n{lines}\n</ul>\n<p><a href="README.TXT">README.TXT</a></p>\n</body>\n</html>\n'
    )


def _readme(origin: Origin) -> str:
    lines = [
        f"Expediteur : {origin.structure}",
        f"Contact    : {origin.contact}",
        f"Logiciel   : {origin.software} {origin.version}",
        "",
        "Archive IHE XDM (ITI TF-2 3.32).",
        "INDEX.HTM                       liste des documents, a ouvrir dans un navigateur",
        "IHE_XDM/SUBSET01/METADATA.XML   metadonnees du lot, celles du DMP (ebRIM)",
        "IHE_XDM/SUBSET01/DOCnnnnn.XML   documents CDA R2",
        "",
        "Ces documents portent des donnees de sante couvertes par le secret professionnel.",
    ]
    return "".join(f"{_ascii(line)}\r\n" for line in lines)


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")

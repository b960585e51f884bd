"""A CDA -> what its PDF copy is: the PDF it carries, or its header and the narrative of its sections to be laid out.

Source: HL7 CDA R2, 1.2.3 and 4.3 (a receiver renders the header and the narrative blocks; entries are not rendered);
CI-SIS, section FR-Document-PDF-copie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lxml import etree

from facade import xmlsafe
from facade.domain.content import Buffer
from facade.domain.errors import InvalidInput
from facade.domain.layout import Block, Layout, Paragraph, Picture, Run, Section, Style, says_something
from facade.translation import cda_heading
from facade.translation.cda_parties import found, label_of, party, text_of
from facade.translation.cda_read import HL7, unwrap
from facade.translation.narrative.budget import Budget
from facade.translation.narrative.media import Media, bytes_of, is_image, is_pdf
from facade.translation.narrative.reader import Narrative, number_footnotes
from facade.translation.narrative.text import preformatted

_PDF_COPY = "1.2.250.1.213.1.1.2.243"  # FR-Document-PDF-copie: the document as its author laid it out
_BODIES = ("structuredBody", "nonXMLBody")
_BODY = "ClinicalDocument.component.structuredBody"
_FILE = "ClinicalDocument.component.nonXMLBody.text"
_PDF, _TEXT = "application/pdf", "text/plain"
_CONTEXT = (("subject", "Sujet de la section"), ("author", "Auteur de la section"), ("informant", "Informateur"))


def pdf_or_layout(data: Buffer) -> bytes | Layout:
    """The PDF a CDA holds, as its body or as the copy its author joined; else the CDA to be laid out.

    Raises InvalidInput as ``unwrap``, ``mail.no-pdf`` for a body of which no copy can be made, and
    ``mail.copy-too-large``, ``mail.copy-media``, ``mail.copy-no-narrative`` for what would be left out of one.
    """
    file = unwrap(data)
    root = _tree(data)
    bodies = [each for name in _BODIES for each in root.iterfind(f"{HL7}component/{HL7}{name}")]
    if len(bodies) != 1:  # of several, a copy would show one and keep the others from its reader
        raise InvalidInput.of("mail.no-pdf", "ClinicalDocument.component")
    if file is None:
        return _structured(root)
    media_type, content = file[0].partition(";")[0].strip().lower(), bytes(file[1])
    if media_type == _PDF:
        return content
    if media_type == _TEXT:
        budget = Budget()
        return _layout(root, (_text_section(content, budget),), budget)
    if is_image(content):
        return _layout(root, (Section("", 0, (Picture(content),), _FILE),), Budget())
    raise InvalidInput.of("mail.no-pdf", _FILE)


def _tree(data: Buffer) -> etree._Element:
    return xmlsafe.parse(data, huge_text=True, keep_comments=False)


def _structured(root: etree._Element) -> bytes | Layout:
    body = found(root, "component/structuredBody")
    if body is None:
        raise InvalidInput.of("mail.no-pdf", "ClinicalDocument.component")
    joined = _joined_copy(body)
    if joined is not None:
        return joined
    reader = Narrative(Media.of(body), Budget(), number_footnotes(body))
    sections = tuple(_sections(reader, body, _BODY, 0))
    if not any(says_something(section.blocks) for section in sections):
        raise InvalidInput.of("mail.copy-no-narrative", _BODY)
    return _layout(root, sections, reader.budget)


def _joined_copy(body: etree._Element) -> bytes | None:
    """The PDF of the section FR-Document-PDF-copie, where there is one and one only: a section of the body itself."""
    media = [
        each
        for section in body.iterfind(f"{HL7}component/{HL7}section")
        if section.find(f"{HL7}templateId[@root='{_PDF_COPY}']") is not None and section.get("nullFlavor") is None
        for each in section.iter(f"{HL7}observationMedia")
    ]
    content = bytes_of(media[0]) if len(media) == 1 else None
    return content if content is not None and is_pdf(content) else None


def _sections(reader: Narrative, parent: etree._Element, path: str, depth: int) -> Iterator[Section]:
    """The sections of a body or of a section, each before those inside it."""
    reader.budget.depth(depth)
    for number, component in enumerate(parent.findall(f"{HL7}component")):
        # One, by the schema; of a document that has more, none is passed over.
        for section in component.findall(f"{HL7}section"):
            place = f"{path}.component[{number}].section"
            yield _section(reader, section, place, depth)
            yield from _sections(reader, section, place, depth + 1)


def _section(reader: Narrative, section: etree._Element, place: str, depth: int) -> Section:
    reader.budget.place = f"{place}.text"
    reader.budget.element()
    titles = section.findall(f"{HL7}title")
    _weigh(titles, reader.budget)
    title = " ".join(filter(None, map(text_of, titles)))
    told = tuple(block for text in section.findall(f"{HL7}text") for block in reader.read(text))
    if not says_something(told) and section.find(f"{HL7}entry") is not None and section.get("nullFlavor") is None:
        raise InvalidInput.of("mail.copy-no-narrative", f"{place}.text")
    return Section(title, depth, (*_context(reader, section), *told), f"{place}.text")


def _context(reader: Narrative, section: etree._Element) -> Iterator[Block]:
    """Whom a section is by or about, where that is not what the header says (4.4, context)."""
    for name, label in _CONTEXT:
        for each in section.findall(f"{HL7}{name}"):
            _weigh((each,), reader.budget)
            who = party(each)
            if who:
                yield Paragraph((Run(f"{label} : {who}", Style(italic=True)),), heading=True)


def _weigh(elements: Iterable[etree._Element], budget: Budget) -> None:
    """Everything inside, before it is read: what is repeated, nested or set in order takes more time than it has bytes.

    Raises InvalidInput ``mail.copy-too-large``.
    """
    for each in (inside for element in elements for inside in element.iter()):
        budget.element()
        budget.characters(len(each.text or "") + len(each.tail or "") + sum(map(len, each.attrib.values())))


def _text_section(content: bytes, budget: Budget) -> Section:
    """A body of plain text: UTF-8, or else the encoding of Western European software (a CDA does not say it)."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("cp1252", "surrogateescape")
    budget.place = _FILE
    budget.characters(len(text))
    written = preformatted(text)
    if not written.strip():
        raise InvalidInput.of("mail.copy-no-narrative", _FILE)
    return Section("", 0, (Paragraph((Run(written),)),), _FILE)


def _layout(root: etree._Element, sections: tuple[Section, ...], budget: Budget) -> Layout:
    header = Budget()
    _weigh((each for each in root if each.tag != f"{HL7}component"), header)
    made = Layout(
        title=text_of(found(root, "title")) or label_of(found(root, "code")),
        subject=cda_heading.subject(root),
        unique_id=cda_heading.identifier(found(root, "id")),
        header=cda_heading.heading(root),
        sections=sections,
    )
    budget.place = "ClinicalDocument"
    budget.characters(len(made.title))
    for value in (value for each in made.header for value in each.values):
        budget.element()
        budget.characters(len(value))
    return made

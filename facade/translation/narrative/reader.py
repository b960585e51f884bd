"""The narrative block of a section -> blocks to lay out, in document order.

Source: HL7 CDA R2, 4.3.5 and its schema NarrativeBlock. Text is never dropped: an element that is not of the narrative
block is written out as lines of its own, text that stands between rows or items comes before its table or list. What
is marked ``revised="delete"`` is not part of the current document and is left out, as HL7's own stylesheet does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from facade.domain.layout import PLAIN, Align, Block, Item, Listing, Style
from facade.translation.cda_read import HL7
from facade.translation.narrative.budget import Budget
from facade.translation.narrative.lists import marks
from facade.translation.narrative.media import Media
from facade.translation.narrative.style import local, styled
from facade.translation.narrative.tables import read_table
from facade.translation.narrative.text import Flow, shown

_ALIGNS = {"center": Align.CENTER, "right": Align.RIGHT}
_ADDRESSES = ("http:", "https:", "mailto:", "tel:", "ftp:")


@dataclass(frozen=True, slots=True)
class Narrative:
    """What reading a narrative needs beside its element. ``footnotes``: the number of each footnote by its ID."""

    media: Media
    budget: Budget = field(default_factory=Budget)
    footnotes: dict[str, int] = field(default_factory=dict)

    def read(self, text: etree._Element) -> tuple[Block, ...]:
        """The blocks of a ``section/text``.

        Raises InvalidInput ``mail.copy-too-large`` and ``mail.copy-media``.
        """
        return self.blocks(text, PLAIN, 1)

    def blocks(self, element: etree._Element, style: Style, depth: int) -> tuple[Block, ...]:
        """The blocks of what stands inside an element, a cell or an item for instance."""
        flow = Flow(_ALIGNS.get(element.get("align", ""), Align.LEFT))
        self.walk(element, flow, style, depth)
        return flow.blocks()

    def walk(self, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
        """Write the text and the children of an element into a flow."""
        self.budget.depth(depth)
        self.write(element.text, flow, style)
        for child in element:
            self.child(child, flow, style, depth)
            self.write(child.tail, flow, style)

    def child(self, child: etree._Element, flow: Flow, style: Style, depth: int) -> None:
        """Write one child, by its name."""
        self.budget.element()
        name = local(child)
        _READERS.get(name, _unknown)(self, child, flow, styled(child, style), depth + 1)

    def write(self, text: str | None, flow: Flow, style: Style) -> None:
        """Text of the narrative."""
        if text:
            self.budget.characters(len(text))
            flow.write(text, style)


def number_footnotes(body: etree._Element) -> dict[str, int]:
    """The numbers of the footnotes of a document, from 1, in their order."""
    found = (note.get("ID", "") for note in body.iter(f"{HL7}footnote"))
    return {name: number for number, name in enumerate(found, start=1) if name}


def _inline(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    if local(element) != "content" or element.get("revised") != "delete":
        reader.walk(element, flow, style, depth)


def _raised(by: int) -> Callable[[Narrative, etree._Element, Flow, Style, int], None]:
    def read(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
        reader.walk(element, flow, replace(style, raised=by), depth)

    return read


def _break(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    reader.budget.characters(1)
    flow.newline()
    reader.walk(element, flow, style, depth)


def _link(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    """The text of a link and its address as text: nothing in a copy that opens by a click leaves the record."""
    reader.walk(element, flow, style, depth)
    address = shown(element.get("href", "")).strip()
    text = "".join(str(part) for part in element.itertext())
    if not text.strip():
        reader.write(address, flow, style)
    elif address.lower().startswith(_ADDRESSES) and address not in text:
        reader.write(f" ({address})", flow, style)


def _footnote(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    number = reader.footnotes.get(element.get("ID", ""))
    reader.write(f" [{number} : " if number else " [", flow, style)
    reader.walk(element, flow, style, depth)
    reader.write("]", flow, style)


def _footnote_ref(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    number = reader.footnotes.get(element.get("IDREF", ""))
    reader.write(f" [{number or '?'}]", flow, style)
    reader.walk(element, flow, style, depth)


def _paragraph(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    flow.close()
    for block in reader.blocks(element, style, depth):
        flow.block(block)


def _caption(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    caption = Flow(heading=True)
    reader.walk(element, caption, replace(style, bold=True), depth)
    for block in caption.blocks():
        flow.block(block)


def _list(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    flow.close()
    written, items = iter(marks(element)), []
    reader.write(element.text, flow, style)
    for child in element:
        if local(child) == "caption":
            reader.child(child, flow, style, depth)
        else:
            reader.budget.element()
            items.append(Item(next(written), reader.blocks(child, styled(child, style), depth + 1)))
        reader.write(child.tail, flow, style)
    if items:
        flow.block(Listing(tuple(items)))


def _table(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    flow.close()
    table = read_table(reader, element, flow, style, depth)
    if table is not None:
        flow.block(table)


def _multimedia(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    for picture in _pictures(reader, element):
        flow.block(picture)
    reader.walk(element, flow, style, depth)


def _pictures(reader: Narrative, element: etree._Element) -> Iterator[Block]:
    for name in element.get("referencedObject", "").split() or [""]:
        reader.budget.picture()
        yield reader.media.picture(name, reader.budget.place)


def _unknown(reader: Narrative, element: etree._Element, flow: Flow, style: Style, depth: int) -> None:
    flow.close()
    reader.walk(element, flow, style, depth)
    flow.close()


_READERS: dict[str, Callable[[Narrative, etree._Element, Flow, Style, int], None]] = {
    "content": _inline,
    "linkHtml": _link,
    "sub": _raised(-1),
    "sup": _raised(1),
    "br": _break,
    "footnote": _footnote,
    "footnoteRef": _footnote_ref,
    "paragraph": _paragraph,
    "caption": _caption,
    "list": _list,
    "table": _table,
    "renderMultiMedia": _multimedia,
}

"""A document as Markdown (CommonMark with the tables of GitHub)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from facade.homologation.document import Block, Bullets, Cell, Document, Table, lines

# What would be markup in a paragraph or a cell: everything here comes from tables and settings, as text.
_MARKUP = re.compile(r"([\\`*_|<>\[\]#])")


def as_markdown(document: Document) -> str:
    """The whole document, with a line end."""
    parts = [f"# {_text(document.title)}", f"**{_text(document.contents)}**"]
    parts.append("\n".join(f"- [{_text(each.title)}](#{each.name})" for each in document.sections))
    for section in document.sections:
        parts.append(f'<a id="{section.name}"></a>\n\n## {_text(section.title)}')
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, str):
        return _text(block)
    if isinstance(block, Bullets):
        return "\n".join(f"- {_text(item)}" for item in block.items)
    return "\n".join((f"**{_text(block.caption)}**", "", *_rows(block)))


def _rows(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield "|" + " --- |" * len(table.header)
    for row in table.rows:
        yield _row(row)


def _row(cells: tuple[Cell, ...]) -> str:
    return "| " + " | ".join("<br>".join(_text(line) for line in lines(cell)) for cell in cells) + " |"


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))

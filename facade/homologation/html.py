"""A document as one HTML page that needs nothing else: readable without styles or sight, and on paper.

WCAG 2.2: language, title, skip link, headings in order, captions and scopes of tables, regions that scroll by keyboard.
"""

from __future__ import annotations

from html import escape

from facade.homologation.document import Block, Bullets, Cell, Document, Section, Table, lines

_STYLE = """
body{font-family:system-ui,sans-serif;line-height:1.45;margin:0 auto;max-width:80rem;padding:1rem;color:#111}
.skip{position:absolute;left:-100rem}.skip:focus{left:1rem;background:#fff;padding:.5rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0}
caption{text-align:left;font-weight:bold;padding:.3rem 0}
th,td{border:1px solid #666;padding:.35rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{background:#eee}
@media print{@page{size:A4 landscape;margin:12mm}body{max-width:none;padding:0;font-size:9pt}
nav,.skip{display:none}.wide{overflow:visible}thead{display:table-header-group}tr{break-inside:avoid}
h2{break-after:avoid}}
"""


def as_html(document: Document) -> str:
    """The whole page."""
    title = escape(document.title)
    links = "".join(f'<li><a href="#{each.name}">{escape(each.title)}</a></li>' for each in document.sections)
    sections = "".join(_section(each) for each in document.sections)
    return (
        f'<!DOCTYPE html>\n<html lang="{document.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<style>{_STYLE}</style></head><body><a class="skip" href="#content">{escape(document.skip)}</a>'
        f'<header><h1>{title}</h1></header><nav aria-label="{escape(document.contents)}"><ul>{links}</ul></nav>'
        f'<main id="content">{sections}</main></body></html>\n'
    )


def _section(section: Section) -> str:
    blocks = "".join(_block(each) for each in section.blocks)
    heading = f'<h2 id="{section.name}">{escape(section.title)}</h2>'
    return f'<section aria-labelledby="{section.name}">{heading}{blocks}</section>'


def _block(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"
    return _table(block)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    body = "".join(f"<tr>{_row(row)}</tr>" for row in table.rows)
    caption = escape(table.caption)
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: tuple[Cell, ...]) -> str:
    first, *others = row
    return f'<th scope="row">{_cell(first)}</th>' + "".join(f"<td>{_cell(cell)}</td>" for cell in others)


def _cell(cell: Cell) -> str:
    return "<br>".join(escape(line) for line in lines(cell))

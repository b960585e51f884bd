"""The PDF copy of a structured CDA: all of its text in order, on pages, in a file that leads nowhere."""

from __future__ import annotations

import base64
import io
import re
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from facade.domain.errors import FacadeError, InvalidInput
from facade.domain.layout import Cell, Layout, Table
from facade.mail.pdf import copy
from facade.mail.pdf.copy import COPY, write
from facade.mail.pdf.tables import read_grid
from facade.translation.cda_layout import pdf_or_layout
from tests.support.cda import in_order, narrative, pages, squeezed, structured
from tests.support.translation import codes_of, examples

WORDS = "Le patient présente une toux sèche depuis trois jours. "


def copy_of(document: bytes) -> bytes:
    found = pdf_or_layout(document)
    assert isinstance(found, Layout)
    return write(found)


def text_of(pdf: bytes) -> str:
    """The text of all pages without blanks, and without what stands at the head and foot of each."""
    kept = []
    for number, page in enumerate(pages(pdf)):
        body = page.partition(COPY[0])[0]
        kept.append(body if number == 0 else body.partition("\n")[2])
    return squeezed("".join(kept))


def image(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (40, 20), **options: Any) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size).save(made, kind, **options)
    return made.getvalue()


def endless_tiff(pages: int) -> bytes:
    """A TIFF of so many pages of one pixel, each of which names the next one."""
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, 8 if tag == 273 else 1) for tag in (256, 257, 273, 279))
    size = 2 + len(tags) + 4
    following = [8 + page * size for page in range(1, pages)] + [0]
    return b"II*\x00\x08\0\0\0" + b"".join(struct.pack("<H", 4) + tags + struct.pack("<I", at) for at in following)


def shown(data: bytes) -> bytes:
    encoded = base64.b64encode(data).decode()
    value = f'<value mediaType="image/png" representation="B64">{encoded}</value>'
    return narrative(
        'avant<renderMultiMedia referencedObject="m"/>après',
        f'<entry><observationMedia ID="m">{value}</observationMedia></entry>',
    )


@dataclass(frozen=True)
class Piece:
    """Narrative and the texts a reader must find in it, in order."""

    xml: str
    texts: tuple[str, ...]


def _joined(pieces: list[Piece], before: str = "", after: str = "") -> Piece:
    xml = before + " ".join(piece.xml for piece in pieces) + after
    return Piece(xml, tuple(text for piece in pieces for text in piece.texts))


# Latin with the accents of Europe, Greek, Cyrillic, and the signs of medical French.
_LETTERS = st.sampled_from(
    "aAeEzZéèêëàùçœŒæÉÀłőșñß αβγΔΩ жЯ 0123456789 ,;:.!?()[]/%+-=±×≤≥≠→µ²³½°€«»’“”–—…•✓□ \u00a0\u202f"
)
_TEXT = st.text(_LETTERS, min_size=1, max_size=40).map(lambda text: Piece(text, tuple(text.split())))
_STYLES = st.sampled_from(["Bold", "Italics", "Underline", "Bold Italics", "Emphasis", "xColour", ""])


def _wrapped(inside: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    several = st.lists(inside, min_size=1, max_size=3)
    styled = st.tuples(several, _STYLES).map(
        lambda found: _joined(found[0], f'<content styleCode="{found[1]}">', "</content>")
    )
    cell = several.map(lambda found: _joined(found, "<td>", "</td>"))
    row = st.lists(cell, min_size=1, max_size=3).map(lambda found: _joined(found, "<tr>", "</tr>"))
    return st.one_of(
        styled,
        several.map(lambda found: _joined(found, "<paragraph>", "</paragraph>")),
        several.map(lambda found: _joined(found, "<sup>", "</sup>")),
        several.map(lambda found: _joined(found, "<nouveau>", "</nouveau>")),
        several.map(lambda found: Piece(f'<content revised="delete">{_joined(found).xml}</content>', ())),
        st.lists(several, min_size=1, max_size=3).map(
            lambda found: _joined([_joined(each, "<item>", "</item>") for each in found], "<list>", "</list>")
        ),
        st.lists(row, min_size=1, max_size=3).map(lambda found: _joined(found, "<table><tbody>", "</tbody></table>")),
    )


NARRATIVES = st.lists(st.recursive(_TEXT, _wrapped, max_leaves=12), min_size=1, max_size=4).map(_joined)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NARRATIVES)
def test_every_text_that_is_not_deleted_is_in_the_copy_in_its_order(piece: Piece) -> None:
    if not piece.texts:
        assert codes_of_refusal(narrative(f"{piece.xml}", "<entry/>")) == ["mail.copy-no-narrative"]
        return
    assert in_order([squeezed(text) for text in piece.texts], text_of(copy_of(narrative(piece.xml)))) is None


def codes_of_refusal(document: bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        copy_of(document)
    return codes_of(caught.value)


def test_the_first_page_has_the_header_and_every_page_says_what_it_is() -> None:
    found = pages(copy_of(narrative(WORDS * 400)))
    assert len(found) > 2
    assert in_order(["Compte rendu de consultation", "PAT-TROIS DOMINIQUE", "28/03/1979", "Section"], found[0]) is None
    for number, page in enumerate(found, start=1):
        assert in_order([*COPY, "Document 1.2.250.1.999.1.77", f"Page {number} / {len(found)}"], page) is None
        assert "PAT-TROIS DOMINIQUE" in page


def test_the_same_cda_gives_the_same_bytes_and_nothing_of_today() -> None:
    document = narrative(f"<table><tr><td>{WORDS}</td></tr></table>")
    first = copy_of(document)
    assert first == copy_of(document)
    assert b"D:2000" in first
    assert not re.search(rb"D:20(?!00)", first)


def test_a_copy_holds_nothing_that_acts_and_its_fonts_are_in_it() -> None:
    pdf = copy_of(narrative('<linkHtml href="https://a.fr">ici</linkHtml> <content styleCode="Bold">≤ ✓</content>'))
    for forbidden in (b"/URI", b"/JavaScript", b"/JS", b"/Launch", b"/OpenAction", b"/Annots", b"/EmbeddedFile"):
        assert forbidden not in pdf
    (page,) = PdfReader(io.BytesIO(pdf)).pages
    fonts = [each.get_object() for each in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    drawn = [font for font in fonts if font["/Subtype"] == "/TrueType"]
    assert len(drawn) >= 2
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in drawn)


def test_a_table_that_goes_on_repeats_its_head_and_a_cell_taller_than_a_page_goes_on_too() -> None:
    rows = "".join(f"<tr><td>ligne-{number}</td><td>valeur</td></tr>" for number in range(80))
    tall = "".join(f"mot-{number} " for number in range(1500))
    head = "<thead><tr><th>Analyse</th><th>Résultat</th></tr></thead>"
    pdf = copy_of(narrative(f"<table>{head}<tbody>{rows}<tr><td>{tall}</td><td>fin</td></tr></tbody></table>"))
    found = pages(pdf)
    assert len(found) > 3
    assert all(page.count("Analyse") == 1 for page in found)
    assert in_order([f"mot-{number}" for number in range(1500)], text_of(pdf)) is None
    assert in_order([f"ligne-{number}" for number in range(80)], text_of(pdf)) is None


_SPANNED = st.builds(Cell, st.just(()), st.just(False), st.integers(1, 4), st.integers(1, 4))


@given(st.lists(st.lists(_SPANNED, max_size=4).map(tuple), min_size=1, max_size=6).map(tuple))
def test_no_cell_lies_on_another_and_none_is_missing(rows: tuple[tuple[Cell, ...], ...]) -> None:
    grid = read_grid(Table(rows))
    taken = [
        (row, column)
        for placed in (each for row in grid.rows for each in row)
        for row in range(placed.row, placed.last + 1)
        for column in range(placed.column, placed.after)
    ]
    assert sorted(taken) == [(row, column) for row in range(len(rows)) for column in range(grid.columns)]


def test_the_marks_of_a_long_list_do_not_touch_its_items() -> None:
    items = "".join(f"<item>texte-{number}</item>" for number in range(1, 89))
    pdf = copy_of(narrative(f'<list listType="ordered" styleCode="BigRoman">{items}</list>'))
    places: dict[str, tuple[float, float]] = {}

    def seen(text: str, _: Any, matrix: list[float], __: Any, size: float) -> None:
        places[text.strip()] = (matrix[4], size)

    for page in PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(visitor_text=seen)
    mark, item = places["LXXXVIII."], places["texte-88"]
    assert item[0] - mark[0] > len("LXXXVIII.") * 0.4 * mark[1]


def test_spans_keep_every_cell() -> None:
    table = """<table><tr><td rowspan="3">a1</td><td colspan="2">b1</td></tr><tr><td>b2</td></tr>
    <tr><td>b3</td><td rowspan="99">c3</td></tr><tr/><tr><td colspan="3">a5</td></tr>
    <tr><td rowspan="0">a6</td></tr></table>"""
    found = text_of(copy_of(narrative(table)))
    assert all(cell in found for cell in ("a1", "b1", "b2", "b3", "c3", "a5", "a6"))


def test_nothing_is_drawn_beyond_the_margins() -> None:
    narrow = "<td>" + "W" * 300 + "</td>"
    pdf = copy_of(narrative(f"{'W' * 3000}<table><tr>{narrow * 12}</tr></table>"))
    places: list[float] = []

    def seen(text: str, _: Any, matrix: list[float], *__: Any) -> None:
        if text.strip():
            places.extend((matrix[4], matrix[5]))

    for page in PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(visitor_text=seen)
    assert min(places[::2]) > 30
    assert max(places[::2]) < 560
    assert min(places[1::2]) > 30
    assert max(places[1::2]) < 810


@pytest.mark.parametrize(
    "data",
    [
        image(),
        image(mode="RGBA"),
        image(mode="1"),
        image("PNG", "P", size=(4000, 3)),
        image("JPEG", "L"),
        image("JPEG", "CMYK"),
        image("GIF", "P"),
        image("TIFF", "1", size=(30, 4000)),
    ],
)
def test_images_are_shown(data: bytes) -> None:
    pdf = copy_of(shown(data))
    assert [len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages].count(1) == 1
    assert in_order(["avant", "après"], text_of(pdf)) is None


def test_the_pages_of_a_tiff_are_all_shown() -> None:
    second = Image.new("L", (600, 800))
    pdf = copy_of(shown(image("TIFF", "L", size=(600, 800), save_all=True, append_images=[second])))
    assert sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages) == 2


@pytest.mark.parametrize(
    ("attack", "data", "code"),
    [
        ("a damaged image", image()[:60], "mail.copy-media"),
        ("half a photograph", image("JPEG", size=(400, 400), quality=95)[:700], "mail.copy-media"),
        (
            "a moving image",
            image("GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "red")]),
            "mail.copy-media",
        ),
        ("pages without end in a small file", endless_tiff(60_000), "mail.copy-media"),
        ("an image that unpacks to much", image("PNG", "1", size=(11_000, 11_000)), "mail.copy-too-large"),
        ("an image that unpacks to gigabytes", image("PNG", "1", size=(40_000, 20_000)), "mail.copy-too-large"),
    ],
)
def test_an_image_that_cannot_be_shown_refuses_the_copy(attack: str, data: bytes, code: str) -> None:
    assert codes_of_refusal(shown(data)) == [code]


@pytest.mark.parametrize(
    ("what", "character"),
    [
        ("Arabic is joined and written from the right", "ع"),
        ("Hebrew is written from the right", "א"),
        ("Devanagari is shaped", "क"),
        ("Chinese is in no font", "医"),
        ("a picture character", "🙂"),
        ("a sign no font has", "☑"),
        ("a control of windows-1252 read as Latin-1", "\u0092"),
        ("text turned round", "\u202e"),
        ("a private character", "\uf0b7"),
    ],
)
@pytest.mark.parametrize("place", ["text", "title", "header"])
def test_a_character_that_cannot_be_drawn_refuses_the_copy_and_is_named(what: str, character: str, place: str) -> None:
    document = {
        "text": narrative(f"a {character} b"),
        "title": structured(f"<title>a {character} b</title><text>c</text>"),
        "header": structured("<text>c</text>", header=f"<title>{character}</title>"),
    }[place]
    with pytest.raises(InvalidInput) as caught:
        copy_of(document)
    (problem,) = caught.value.problems
    assert (problem.code, problem.values) == ("mail.copy-character", {"character": f"U+{ord(character):04X}"})
    section = "ClinicalDocument.component.structuredBody.component[0].section.text"
    assert problem.expression == ("ClinicalDocument.title" if place == "header" else section,)


def test_characters_that_show_nothing_are_left_out_and_accents_apart_are_joined() -> None:
    assert "hémoglobine" in text_of(copy_of(narrative("he\u0301mo\u00adglo\u200bbine")))


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        ("pages without end", "a<br/>" * 15_000),
        ("rows without end", "<table>" + "<tr/>" * 15_000 + "<tr><td>a</td></tr></table>"),
        (
            "columns too narrow for a letter",
            ("<table><tr>" + "<td>WW</td>" * 9 + "<td>") * 6 + "</td></tr></table>" * 6,
        ),
        (
            "columns without end, by cells that reach down",
            "<table>" + "<tr><td rowspan='99'>a</td></tr>" * 51 + "</table>",
        ),
        (
            "a line for every character, with borders around fifty cells beside it",
            f"<table><tr><td>{chr(0x2028) * 6_000}a</td>{'<td>a</td>' * 49}</tr></table>",
        ),
        (
            "fifty cells that are not there, in row after row",
            f"<table><tr>{'<td>a</td>' * 50}</tr>{'<tr><td>a</td></tr>' * 5_000}</table>",
        ),
    ],
)
def test_what_no_page_has_room_for_is_refused(attack: str, text: str) -> None:
    assert codes_of_refusal(narrative(text)) == ["mail.copy-too-large"]


def test_copies_made_at_the_same_time_are_those_made_one_after_the_other() -> None:
    documents = [
        narrative(f"<content styleCode='Bold'>n° {number}</content> Łódź {WORDS * number}") for number in range(6)
    ]
    alone, together = [copy_of(each) for each in documents], dict[int, bytes]()
    threads = [
        threading.Thread(target=lambda number=number: together.update({number: copy_of(documents[number])}))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(6)] == alone


_PROGRAM = """
import sys
import facade.app, facade.outbox, facade.transactions.mail_writing
print([name for name in sys.modules if name.partition(".")[0] in ("reportlab", "PIL", "pymupdf_fonts")])
"""


def test_who_waits_for_too_long_behind_other_copies_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "_PATIENCE", 0.01)
    with copy._ONE_AT_A_TIME, pytest.raises(FacadeError) as told:
        copy_of(narrative("a"))
    assert ([each.code for each in told.value.problems], told.value.retry_after) == (["busy"], copy._AGAIN)
    assert pages(copy_of(narrative("a"))), "and is served afterwards"


def test_a_facade_that_makes_no_copy_has_nothing_of_the_pdf_library_in_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


PUBLISHED = sorted(found.glob("*.xml")) if (found := examples("cda")) else []


@pytest.mark.skipif(not PUBLISHED, reason="the published CDAs are not beside this checkout")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_the_published_cdas_have_a_copy(path: Any) -> None:
    content = path.read_bytes()
    found = pdf_or_layout(content)
    if isinstance(found, bytes):
        assert found.startswith(b"%PDF-")
        return
    cells = re.findall(r"<t[dh][^>]*>([^<>&]+)<", content.decode())
    assert in_order([squeezed(cell) for cell in cells], text_of(write(found))) is None

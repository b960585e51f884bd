"""The narrative block of a CDA as blocks: every text in its place, nothing dropped, hostile ones refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from facade.domain.errors import InvalidInput
from facade.domain.layout import Align, Block, Cell, Layout, Listing, Paragraph, Picture, Run, Style, Table
from facade.translation.cda_layout import pdf_or_layout
from facade.translation.narrative.budget import MAX_CHARACTERS, MAX_COLUMNS, MAX_DEPTH, MAX_ELEMENTS
from tests.support.cda import narrative, structured
from tests.support.translation import codes_of

PNG = b"\x89PNG\r\n\x1a\n and so on"
MARKS = "\u0301\u0316"  # above and below: in canonical order the second one is first
COPY = "<templateId root='1.2.250.1.213.1.1.2.243'/>"


def laid_out(document: bytes) -> Layout:
    found = pdf_or_layout(document)
    assert isinstance(found, Layout)
    return found


def blocks(text: str, more: str = "") -> tuple[Block, ...]:
    (section,) = laid_out(narrative(text, more)).sections
    return section.blocks


def said(block: Block) -> Any:
    """What a block says, without its styles."""
    match block:
        case Paragraph():
            return "".join(run.text for run in block.runs)
        case Listing():
            return [(item.mark, *map(said, item.blocks)) for item in block.items]
        case Table():
            return [[" ".join(map(str, map(said, cell.blocks))) for cell in row] for row in block.rows]
        case Picture():
            return block.data


def media(data: bytes, name: str = "m", kind: str = "image/png") -> str:
    encoded = base64.b64encode(data).decode()
    value = f'<value mediaType="{kind}" representation="B64">{encoded}</value>'
    return f'<entry><observationMedia ID="{name}">{value}</observationMedia></entry>'


def refusal(document: bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        pdf_or_layout(document)
    return codes_of(caught.value)


def test_blanks_are_those_of_a_reader_not_of_the_source() -> None:
    assert list(map(said, blocks("\n  Toux\n   sèche <br/>\n  depuis\t3&#160;jours \n"))) == [
        "Toux sèche \ndepuis 3\u00a0jours "
    ]
    assert said(blocks("a<content> b</content> <content> c</content>")[0]) == "a b c"
    assert blocks("a<!-- b -->c") == (Paragraph((Run("ac"),)),)


def test_styles_are_those_of_style_code_and_of_what_stands_around() -> None:
    (found,) = blocks('<content styleCode="Bold xRed">a<content styleCode="Italics">b</content></content><sub>2</sub>')
    assert isinstance(found, Paragraph)
    assert [(run.text, run.style) for run in found.runs] == [
        ("a", Style(bold=True)),
        ("b", Style(bold=True, italic=True)),
        ("2", Style(raised=-1)),
    ]


def test_deleted_text_is_not_part_of_the_document_and_what_follows_it_is() -> None:
    assert [said(each) for each in blocks('Arrêt<content revised="delete"> du <sup>1</sup></content> jour')] == [
        "Arrêt jour"
    ]
    assert said(blocks('<content revised="insert">ajouté</content>')[0]) == "ajouté"


def test_lists_have_the_marks_they_ask_for() -> None:
    made = blocks(
        '<list><item>a<list listType="ordered" styleCode="BigRoman"><item>b</item><item>c</item></list></item></list>'
        '<list listType="ordered" styleCode="LittleAlpha"><caption>Titre</caption><item>d</item></list>'
    )
    assert list(map(said, made)) == [[("•", "a", [("I.", "b"), ("II.", "c")])], "Titre", [("a.", "d")]]


def test_a_table_has_its_head_first_and_its_foot_last() -> None:
    caption, table = blocks(
        "<table><caption>Biologie</caption><thead><tr><th colspan='2'>H</th></tr></thead>"
        "<tfoot><tr><td>pied</td></tr></tfoot>"
        "<tbody><tr><td rowspan='9'>a</td><td align='right'>b</td></tr></tbody></table>"
    )
    assert said(caption) == "Biologie"
    assert isinstance(table, Table)
    assert (said(table), table.head) == ([["H"], ["a", "b"], ["pied"]], 1)
    (head,), (left, right), _ = table.rows
    assert (head.header, head.colspan, left.rowspan) == (True, 2, 1)
    (aligned,) = right.blocks
    assert isinstance(aligned, Paragraph)
    assert aligned.align is Align.RIGHT


@pytest.mark.parametrize("span", ["0", "-1", "x", "²", "", "99999999999999999999"])
def test_a_span_that_is_none_is_read_as_xhtml_reads_it(span: str) -> None:
    (table,) = blocks(
        f"<table><tbody><tr><td rowspan='{span}'>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>"
    )
    assert isinstance(table, Table)
    assert table.rows[0][0].rowspan == (2 if span in ("0", "99999999999999999999") else 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<inconnu>a</inconnu>b", ["a", "b"]),
        ("5<x xmlns='urn:other'>0</x>", ["5", "0"]),
        ("<table>entre<tbody>les<tr>lignes<td>a</td></tr></tbody></table>", ["entreleslignes", [["a"]]]),
        ("<table><tr><inconnu>b</inconnu></tr></table>", [[["b"]]]),
        ("<list>avant<item>a</item>après</list>", ["avantaprès", [("•", "a")]]),
        (
            "<renderMultiMedia referencedObject='m'>texte<caption>légende</caption></renderMultiMedia>",
            [PNG, "texte", "légende"],
        ),
        ("<colgroup><col>x</col></colgroup>", ["x"]),
    ],
)
def test_text_where_none_is_expected_is_written_all_the_same(text: str, expected: list[Any]) -> None:
    assert list(map(said, blocks(text, media(PNG)))) == expected


def test_a_link_is_text_and_its_address_is_told() -> None:
    assert said(blocks('<linkHtml href="https://a.fr">ici</linkHtml>')[0]) == "ici (https://a.fr)"
    assert said(blocks('<linkHtml href="https://a.fr">https://a.fr</linkHtml>')[0]) == "https://a.fr"
    assert said(blocks('<linkHtml href="#id3">ici</linkHtml>')[0]) == "ici"
    assert said(blocks('<linkHtml href="javascript:x()"/>')[0]) == "javascript:x()"


def test_footnotes_are_numbered_and_referred_to() -> None:
    notes = '<footnote ID="n1">un</footnote> c<footnote ID="n2">deux</footnote><footnoteRef IDREF="?"/>'
    assert said(blocks(f'a<footnoteRef IDREF="n2"/> b{notes}')[0]) == "a [2] b [1 : un] c [2 : deux] [?]"


def test_sections_are_told_in_their_order_with_those_inside_them() -> None:
    inside = "<title>Dedans</title><text>b</text>"
    document = structured(
        f"<title>Dehors</title><text>a</text><component><section>{inside}</section></component>",
        "<title>Après</title><text>c</text>",
    )
    assert [(each.title, each.depth) for each in laid_out(document).sections] == [
        ("Dehors", 0),
        ("Dedans", 1),
        ("Après", 0),
    ]
    assert laid_out(document).sections[1].place == (
        "ClinicalDocument.component.structuredBody.component[0].section.component[0].section.text"
    )


def test_a_section_by_or_about_somebody_else_says_so() -> None:
    section = """<title>a</title><text>b</text><subject><relatedSubject><code displayName="Foetus"/><subject><name>
    <given>Jumeau A</given></name></subject></relatedSubject></subject><author><assignedAuthor><assignedPerson><name>
    <family>DURAND</family></name></assignedPerson></assignedAuthor></author>"""
    (found,) = laid_out(structured(section)).sections
    assert list(map(said, found.blocks)) == [
        "Sujet de la section : Jumeau A, Foetus",
        "Auteur de la section : DURAND",
        "b",
    ]


def test_the_header_is_in_the_words_of_a_reader() -> None:
    author = """<author><time value="202403051015+0100"/><assignedAuthor><code code="10" displayName="Médecin"/>
    <assignedPerson><name><prefix>M</prefix><given>Paul</given><family>DURAND</family></name></assignedPerson>
    <representedOrganization><name>CHU Nord</name></representedOrganization></assignedAuthor></author>
    <relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3" extension="4"/></parentDocument>
    </relatedDocument>"""
    layout = laid_out(structured("<text>a</text>", header=HEADER_OF_TWO_NAMES + author))
    assert {field.label: field.values for field in layout.header} == {
        "Patient": ("PAT-TROIS DOMINIQUE MARIE", "Nom utilisé : MARTIN DOMINIQUE"),
        "Naissance": ("28/03/1979",),
        "Sexe": ("Féminin",),
        "Matricule INS": ("279035121518989 (NIR)",),
        "Auteur": ("M Paul DURAND, Médecin, CHU Nord, le 05/03/2024 à 10:15 (+01:00)",),
        "Identifiant du document": ("1.2.250.1.999.1.77",),
        "Remplace le document": ("1.2.3^4",),
    }


HEADER_OF_TWO_NAMES = """<recordTarget><patientRole><id root="1.2.250.1.213.1.4.8" extension="279035121518989"/>
<id root="1.2.3.4" extension="IPP"/><patient><name><family qualifier="BR">PAT-TROIS</family>
<given>DOMINIQUE MARIE</given>
<given qualifier="BR">DOMINIQUE</given><family qualifier="CL">MARTIN</family>
<given qualifier="CL">DOMINIQUE</given></name>
<administrativeGenderCode code="F"/><birthTime value="19790328"/></patient></patientRole></recordTarget>"""


def test_an_image_is_told_by_its_bytes_whatever_it_is_said_to_be() -> None:
    assert blocks('<renderMultiMedia referencedObject="m"/>', media(PNG, kind="image/jpeg")) == (Picture(PNG),)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (media(b"%PDF-1.4"), "application/pdf"),
        (media(b"<svg/>", kind="image/svg+xml"), "?"),
        (media(PNG, "other"), "IDREF ?"),
        ('<entry><regionOfInterest ID="m"/></entry>', "regionOfInterest"),
        (
            '<entry><observationMedia ID="m"><value><reference value="x"/></value></observationMedia></entry>',
            "reference",
        ),
    ],
)
def test_what_cannot_be_shown_on_a_page_refuses_the_copy_and_says_what_it_is(more: str, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        blocks('a<renderMultiMedia referencedObject="m"/>', more)
    (problem,) = caught.value.problems
    assert (problem.code, problem.values["media"]) == ("mail.copy-media", named)
    assert problem.expression == ("ClinicalDocument.component.structuredBody.component[0].section.text",)


_SHOWN_COPY = f"{COPY}<text><renderMultiMedia referencedObject='m'/></text>{media(b'%PDF-1.7 x')}"


def test_the_copy_the_author_joined_is_the_copy() -> None:
    section = f"{COPY}<title>Copie</title><text><renderMultiMedia referencedObject='m'/></text>{media(b'%PDF-1.7 x')}"
    assert pdf_or_layout(structured("<text>a</text>", section)) == b"%PDF-1.7 x"


@pytest.mark.parametrize(
    "sections",
    [
        [f"{COPY}<text><renderMultiMedia referencedObject='m'/></text>{media(b'not a PDF')}"],
        [f"{COPY}<text><renderMultiMedia referencedObject='{each}'/></text>{media(b'%PDF-', each)}" for each in "ab"],
        [f"<text>a</text><component><section>{_SHOWN_COPY}</section></component>"],
        [f"<text>a</text></section><section nullFlavor='NI'>{_SHOWN_COPY}"],
    ],
)
def test_a_joined_copy_that_is_none_or_not_the_only_one_is_not_taken_for_it(sections: list[str]) -> None:
    assert refusal(structured(*sections)) == ["mail.copy-media"]


def test_a_section_of_entries_without_text_is_not_passed_over() -> None:
    assert refusal(structured("<text>a</text>", "<title>b</title><entry/>")) == ["mail.copy-no-narrative"]
    assert refusal(structured("<title>b</title>")) == ["mail.copy-no-narrative"]
    for frame in ("<table><tr><td/></tr></table>", "<list><item> </item></list>", "<br/>"):
        assert refusal(narrative(frame)) == ["mail.copy-no-narrative"]
    assert laid_out(structured("<text>a</text>", "<title>b</title>")).sections[1].blocks == ()


def unstructured(kind: str, content: bytes) -> bytes:
    encoded = base64.b64encode(content).decode()
    return _file(f'<text mediaType="{kind}" representation="B64">{encoded}</text>')


def _file(text: str) -> bytes:
    body = f"<component><nonXMLBody>{text}</nonXMLBody></component>"
    return f'<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2"/>{body}</ClinicalDocument>'.encode()


def test_a_body_of_text_keeps_its_lines_and_columns() -> None:
    for text in ("Hb\t12,3\n\n  K    4,1\r\nfin…".encode(), "Hb\t12,3\n\n  K    4,1\r\nfin…".encode("cp1252")):
        (section,) = laid_out(unstructured("text/plain; charset=x", text)).sections
        assert list(map(said, section.blocks)) == [
            "Hb" + "\u00a0" * 6 + "12,3\n\n\u00a0\u00a0K\u00a0\u00a0\u00a0\u00a04,1\nfin…"
        ]


def test_a_body_that_is_an_image_is_shown_and_one_of_another_kind_is_refused() -> None:
    (section,) = laid_out(unstructured("image/png", PNG)).sections
    assert section.blocks == (Picture(PNG),)
    assert refusal(unstructured("text/rtf", rb"{\rtf1 a}")) == ["mail.no-pdf"]
    assert refusal(_file('<text><reference value="x"/></text>')) == ["mail.no-pdf"]


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        ("very long text", "a" * (MAX_CHARACTERS + 1)),
        ("elements without end", "<br/>" * (MAX_ELEMENTS + 1)),
        ("elements inside one another", "<content>" * (MAX_DEPTH + 1) + "a" + "</content>" * (MAX_DEPTH + 1)),
        ("beyond what recursion takes", "<content>" * 1900 + "a" + "</content>" * 1900),
        ("tables inside one another", "<table><tr><td>" * MAX_DEPTH + "a" + "</td></tr></table>" * MAX_DEPTH),
        ("lists inside one another", "<list><item>" * MAX_DEPTH + "a" + "</item></list>" * MAX_DEPTH),
        ("a table of very many cells", "<table>" + ("<tr>" + "<td>1</td>" * 40 + "</tr>") * 2000 + "</table>"),
        ("very many columns", "<table><tr>" + "<td>1</td>" * (MAX_COLUMNS + 1) + "</tr></table>"),
        ("a huge span", "<table><tr><td colspan='999999999'>1</td></tr></table>"),
    ],
)
def test_what_would_take_too_long_is_refused(attack: str, text: str) -> None:
    assert refusal(narrative(text)) == ["mail.copy-too-large"]


def test_sections_inside_one_another_and_a_huge_header_are_refused() -> None:
    deep = "<component><section>" * 40 + "<text>a</text>" + "</section></component>" * 40
    assert refusal(structured(f"<text>a</text>{deep}")) == ["mail.copy-too-large"]
    assert refusal(structured("<text>a</text>", header=f"<title>{'a' * (MAX_CHARACTERS + 1)}</title>")) == [
        "mail.copy-too-large"
    ]


@pytest.mark.parametrize(
    ("attack", "document"),
    [
        ("authors who are nobody", structured("<text>a</text>", header="<author/>" * 30_000)),
        ("a title of marks on one letter", structured(f"<title>a{MARKS * 200_000}</title><text>a</text>")),
        (
            "a header of marks on one letter",
            structured("<text>a</text>", header=f"<author><x><code displayName='a{MARKS * 200_000}'/></x></author>"),
        ),
    ],
)
def test_a_header_is_weighed_before_it_is_read(attack: str, document: bytes) -> None:
    assert refusal(document) == ["mail.copy-too-large"]


def test_marks_without_end_on_one_letter_are_not_put_in_order() -> None:
    written = "a" + MARKS * 40
    assert [said(each) for each in blocks(written)] == [written]
    assert [said(each) for each in blocks("a" + MARKS)] == ["\u00e1\u0316"]


def test_no_section_or_text_is_passed_over_where_the_schema_allows_one() -> None:
    document = structured("<text>un</text><text>deux</text></section><section><title>Et</title><text>trois</text>")
    assert [[said(block) for block in each.blocks] for each in laid_out(document).sections] == [
        ["un", "deux"],
        ["trois"],
    ]
    second = b"<component><structuredBody/></component></ClinicalDocument>"
    assert refusal(document.replace(b"</ClinicalDocument>", second)) == ["mail.no-pdf"]


def test_one_image_shown_many_times_is_one_image_and_not_shown_without_end() -> None:
    shown = blocks('<renderMultiMedia referencedObject="m"/>' * 3, media(PNG))
    assert shown[0] is shown[1] is shown[2]
    assert refusal(narrative('<renderMultiMedia referencedObject="m m m"/>' * 40, media(PNG))) == [
        "mail.copy-too-large"
    ]


def test_cells_say_what_they_are() -> None:
    (table,) = blocks("<table><tr styleCode='Italics'><td styleCode='Bold'>a</td></tr></table>")
    assert table == Table(((Cell((Paragraph((Run("a", Style(bold=True, italic=True)),)),)),),))


def test_a_document_of_two_bodies_has_no_copy_that_shows_one_of_them() -> None:
    document = unstructured("application/pdf", b"%PDF-1.7 x")
    other = b"<component><structuredBody/></component></ClinicalDocument>"
    assert refusal(document.replace(b"</ClinicalDocument>", other)) == ["mail.no-pdf"]


def test_a_body_that_is_a_pdf_is_its_own_copy() -> None:
    assert pdf_or_layout(unstructured("application/pdf", b"%PDF-1.7")) == b"%PDF-1.7"

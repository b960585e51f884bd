"""The digest without a tree is the digest of lxml's canonical form, whatever stands around and inside the base64."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from facade.dmp import canonical
from facade.domain.content import Content

RUN = 16384  # shorter texts are left where they are


def expected(content: bytes) -> bytes:
    """The digest of the canonical form as lxml makes it of the whole document."""
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True)
    tree = etree.fromstring(content, parser).getroottree()
    return hashlib.sha256(etree.tostring(tree, method="c14n", with_comments=True)).digest()


def base64_text(size: int, fold: bytes = b"") -> bytes:
    text = base64.b64encode(hashlib.shake_128(b"seed").digest(size))
    return fold.join(text[start : start + 76] for start in range(0, len(text), 76)) if fold else text


LONG = base64_text(30_000)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DOCUMENTS = {
    "as our wrapper writes it": f'{HEAD}<C xmlns="urn:hl7-org:v3"><t b="1">é</t><text m="x">%s</text></C>',
    "attributes out of order": f"{HEAD}<C z='1' a='2'><text>%s</text></C>",
    "repeated namespaces": '<C xmlns="u:a" xmlns:b="u:b"><b:d xmlns:b="u:b"><text xmlns="u:a">%s</text></b:d></C>',
    "empty elements, entities, references": "<C><e/><f>&amp;&#13;&#xe9;</f><text>%s</text></C>",
    "in a comment": "<C><!-- <text>%s</text> --></C>",
    "in an instruction": "<C><?a <text>%s</text> ?></C>",
    "in a section": "<C><![CDATA[<text>%s</text>]]></C>",
    "in a section, at its end": "<C><![CDATA[>%s]]></C>",
    "after a section": "<C><![CDATA[a]]>%s<b/></C>",
    "before the root": "<!-- <t>%s</t> --><C/>",
    "after the root": "<C/><!-- <t>%s</t> -->",
    "between elements": "<C><a/>%s<b/></C>",
    "with a tail of other text": "<C><a/>%s é</C>",
    "twice": "<C><text>%s</text><text>%s</text></C>",
    "blanks outside the root": "<!--a-->" + " \n" * RUN + "<C><text>%s</text></C>" + "\n" * (2 * RUN) + "<!-- b -->",
    "carriage returns around": "<C>\r\n<text\r\na='1\r\n2'>%s</text>\r</C>\r\n",
    "in an attribute": '<C a="%s"><text>%s</text></C>',
    "another encoding": '<?xml version="1.0" encoding="ISO-8859-1"?><C>\xe9<text>%s</text></C>',
}


@pytest.mark.parametrize("fold", [b"", b"\n", b"\r\n", b"\r", b" "])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_digest_is_that_of_the_canonical_form(name: str, fold: bytes) -> None:
    template = DOCUMENTS[name].encode("latin-1" if "ISO" in DOCUMENTS[name] else "utf-8")
    for run in (base64_text(30_000, fold=fold), fold + base64_text(30_000, fold=fold) + fold):
        content = template.replace(b"%s", run)
        assert canonical.digest(Content.of(content), "sha256") == expected(content)


def test_line_ends_that_fall_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "_SLICE", 7)
    for fold in (b"\r\n", b"\r", b"\n", b"\r\r\n"):
        content = b"<C><text>" + base64_text(30_000, fold=fold) + b"</text></C>"
        assert canonical.digest(Content.of(content), "sha256") == expected(content)


_pieces = st.sampled_from(
    ["<a>", "</a>", "<b c='>'/>", "<!--", "-->", "<![CDATA[", "]]>", "<?p ", "?>", ">", "<", "\n", "\r\n", "&amp;", " ",
     "x", "é", "<a b='", "'>", "%s", "%s", "%s"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_pieces, max_size=12), st.sampled_from([b"", b"\r\n", b"\n"]))
def test_any_arrangement_has_the_right_digest_or_is_no_xml(pieces: list[str], fold: bytes) -> None:
    run = base64_text(13_000, fold=fold)
    content = f"<r>{''.join(pieces)}</r>".encode().replace(b"%s", run)
    try:
        wanted: bytes | None = expected(content)
    except etree.XMLSyntaxError:
        wanted = None
    assert canonical.digest(Content.of(content), "sha256") == wanted


@pytest.mark.parametrize(
    "template", [b"<C><text>%s</text>", b"<C>%s</D>", b"<!DOCTYPE C><C>%s</C>", b"%s", b">%s<", b"<C>\x00%s</C>"]
)
def test_what_is_no_xml_has_no_digest(template: bytes) -> None:
    assert canonical.digest(Content.of(template.replace(b"%s", LONG)), "sha256") is None


def test_a_document_that_already_holds_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "5e")
    content = b"<C><a>5e</a><text>" + LONG + b"</text></C>"
    assert canonical.digest(Content.of(content), "sha256") == expected(content)


def test_sha1() -> None:
    content = b"<C/>"
    assert canonical.digest(Content.of(content), "sha1") == hashlib.sha1(b"<C></C>", usedforsecurity=False).digest()


def test_no_tree_and_no_copy_of_the_base64() -> None:
    content = b"<C><text>" + base64_text(9_000_000) + b"</text></C>"
    tracemalloc.start()
    try:
        canonical.digest(Content.of(content), "sha256")
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.dmp.multipart import MalformedMultipart, MultipartBody, Part, content_type, normal_cid, parse
from facade.domain.content import Content

KIND = 'multipart/related; boundary="B"; start="<root>"'


def message(*parts: tuple[str, bytes], close: bytes = b"--B--\r\n") -> bytes:
    body = b""
    for cid, content in parts:
        body += f"--B\r\nContent-ID: <{cid}>\r\n\r\n".encode() + content + b"\r\n"
    return body + close


@given(st.binary(), st.lists(st.binary(), max_size=4))
def test_what_is_written_is_read_back_the_same(root: bytes, contents: list[bytes]) -> None:
    parts = [Part(f"p{number}@x", "text/xml", Content.of(content)) for number, content in enumerate(contents)]
    body = MultipartBody(root, parts, action="urn:a")
    sent = b"".join(body)
    assert len(sent) == len(body)
    assert body.started
    read = parse(body.content_type, sent)
    assert bytes(read.root) == root
    assert {cid: bytes(content) for cid, content in read.parts.items()} == {
        each.cid: bytes(each.content) for each in parts
    }


@given(
    st.lists(st.sampled_from([b"\r\n", b"--B", b"--", b"B", b" ", b"\r", b"\n", b"x", b"--BB"]), max_size=12).map(
        b"".join
    )
)
def test_a_text_like_the_boundary_inside_a_part_belongs_to_it(content: bytes) -> None:
    hostile = content.replace(b"\r\n--B\r\n", b"").replace(b"\r\n--B--", b"")
    if any(
        marker in b"\r\n" + hostile + b"\r\n"
        for marker in (b"\r\n--B\r\n", b"\r\n--B--", b"\r\n--B \r\n", b"\r\n--B  ")
    ):
        return  # a real delimiter line: no sender may put one inside a part
    read = parse(KIND, message(("root", b"<r/>"), ("doc", hostile)))
    assert bytes(read.parts["doc"]) == hostile


@pytest.mark.parametrize("lines", [0, 1, 499, 500, 501, 2_000])
def test_a_part_ends_at_the_first_delimiter_however_many_lines_it_has(lines: int) -> None:
    contents = [b"\r\n--" * lines + b"one", b"\r\n" * lines + b"two"]
    read = parse(KIND, message(("root", b"<r/>"), *((f"d{number}", each) for number, each in enumerate(contents))))
    assert [bytes(read.parts[f"d{number}"]) for number in (0, 1)] == contents
    with pytest.raises(MalformedMultipart, match="has no end"):
        parse(KIND, message(("root", b"<r/>"), ("d", contents[1]), close=b""))


def test_the_document_is_not_copied_when_written_or_read() -> None:
    content = bytes(100_000)
    body = MultipartBody(b"<r/>", [Part("d", "text/xml", Content.of(content))], action="a")
    assert any(memoryview(buffer).obj is content for buffer in body)
    raw = b"".join(body)
    view = parse(body.content_type, raw).parts["d"]
    assert isinstance(view, memoryview)
    assert view.obj is raw


def test_a_single_part_answer() -> None:
    read = parse("application/soap+xml; charset=UTF-8", b"<x/>")
    assert read.root == b"<x/>"
    assert not read.parts


def test_preamble_padding_epilogue_and_folded_headers() -> None:
    body = (
        b"preamble\r\n--B  \r\nContent-Type: text/xml;\r\n charset=utf-8\r\ncontent-id: root\r\n\r\n<r/>\r\n"
        b"--B\r\nContent-ID: <d>\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--B--\r\nepilogue"
    )
    read = parse(KIND, body)
    assert bytes(read.root) == b"<r/>"
    assert bytes(read.parts["d"]) == b"hello"


def test_the_start_parameter_names_the_root() -> None:
    read = parse(KIND, message(("doc", b"D"), ("root", b"R")))
    assert bytes(read.root) == b"R"
    assert set(read.parts) == {"doc"}


def test_without_start_the_first_part_is_the_root() -> None:
    read = parse("multipart/related; boundary=B", message(("a", b"R"), ("b", b"D")))
    assert bytes(read.root) == b"R"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/related", b""),
        (f'multipart/related; boundary="{"x" * 71}"', b""),
        (KIND, b""),
        (KIND, b"no boundary here"),
        (KIND, b"--B--\r\n"),
        (KIND, message(("root", b"R"), close=b"")),
        (KIND, b"--B\r\nContent-ID: <root>\r\n\r\ntruncated"),
        (KIND, b"--B"),
        (KIND, message(("other", b"R"))),
        (KIND, message(("root", b"R"), ("d", b"1"), ("d", b"2"))),
        (KIND, b"--B\r\nContent-ID: <root>\r\nno blank line\r\n--B--\r\n"),
        (KIND, b"--B\r\nContent-ID: <root>\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx\r\n--B--"),
        (KIND, b"--B\r\nContent-ID: <root>\r\nContent-Transfer-Encoding: base64\r\n\r\nabc\r\n--B--"),
    ],
)
def test_malformed(kind: str, body: bytes) -> None:
    with pytest.raises(MalformedMultipart):
        parse(kind, body)


def test_too_many_parts() -> None:
    body = message(("root", b""), *((f"p{number}", b"") for number in range(9)))
    assert len(parse(KIND, body, max_parts=10).parts) == 9
    with pytest.raises(MalformedMultipart, match="too many"):
        parse(KIND, body, max_parts=9)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_but_never_crashes(body: bytes) -> None:
    sent = b"--B\r\n" + body
    try:
        found = parse(KIND, sent)
    except MalformedMultipart:
        return
    assert all(bytes(each) in sent for each in (found.root, *found.parts.values())), "nothing is made up"


def test_content_type_parameters() -> None:
    media, parameters = content_type('Multipart/Related; Boundary="a\\"b; c"; start=<x@y>;type="application/xop+xml"')
    assert media == "multipart/related"
    assert parameters == {"boundary": 'a"b; c', "start": "<x@y>", "type": "application/xop+xml"}


@pytest.mark.parametrize("text", ["<a@b>", "cid:a@b", "cid:a%40b", " a@b ", "CID:a@b"])
def test_every_spelling_of_a_content_id_is_the_same(text: str) -> None:
    assert normal_cid(text) == "a@b"

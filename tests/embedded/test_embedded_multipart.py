"""The MTOM codec on its own: what was written is read, whatever bytes it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.embedded import multipart
from tests.support.embedded_answer import mtom

contents = st.binary(max_size=200) | st.sampled_from([b"\r\n", b"\r\n--", b"--MIMEBoundary_raw--", b"\x00\xff\r\n\r\n"])


@given(st.lists(contents, max_size=4))
@settings(max_examples=60)
def test_what_is_written_is_read(parts: list[bytes]) -> None:
    named = {f"part{number}@test": ("application/octet-stream", part) for number, part in enumerate(parts)}
    header, body = multipart.write(b"<e/>", named)
    kind, parameters = multipart.media_type(header)
    package = multipart.read(parameters, body)
    assert kind == "multipart/related"
    assert bytes(package.envelope) == b"<e/>"
    assert {name: bytes(part) for name, part in package.parts.items()} == {
        name: part for name, (_, part) in named.items()
    }


@given(st.lists(st.binary(max_size=200), max_size=3))
@settings(max_examples=60)
def test_what_another_writer_wrote_is_read(parts: list[bytes]) -> None:
    boundary = "uuid:0f1e2d3c"
    header, body = mtom(b"<e/>", {f"p{number}@x": part for number, part in enumerate(parts)}, boundary)
    package = multipart.read(multipart.media_type(header)[1], body)
    assert [bytes(part) for part in package.parts.values()] == parts


def test_a_preamble_and_an_epilogue_are_ignored() -> None:
    header, body = mtom(b"<e/>", {"p@x": b"1"})
    package = multipart.read(multipart.media_type(header)[1], b"preamble\r\n" + body + b"epilogue")
    assert bytes(package.parts["p@x"]) == b"1"


def test_two_parts_with_one_id_are_refused() -> None:
    header, body = mtom(b"<e/>", {"p@x": b"1", "q@x": b"2"})
    with pytest.raises(multipart.BadMultipart, match="same Content-ID"):
        multipart.read(multipart.media_type(header)[1], body.replace(b"<q@x>", b"<p@x>"))


def test_content_ids_are_percent_decoded_and_nothing_else_is_followed() -> None:
    assert multipart.content_id("cid:a%40b") == "a@b"
    with pytest.raises(multipart.BadMultipart):
        multipart.content_id("http://example.org/a")


def test_parameters_may_hold_semicolons_and_escapes() -> None:
    kind, parameters = multipart.media_type('Multipart/Related; start="<a;b>"; action="x\\"y"; boundary=abc')
    assert kind == "multipart/related"
    assert parameters == {"start": "<a;b>", "action": 'x"y', "boundary": "abc"}

"""The head of an answer is what the standard library says it is, whichever way it is read."""

from __future__ import annotations

import io
import re
from http.client import HTTPException, HTTPResponse

import pytest

from facade.dmp.http_head import Pool

_STATUS = b"HTTP/1.1 200 OK\r\n"
_MTOM = b'Content-Type: multipart/related; type="application/xop+xml"; boundary="uuid:1"\r\n'
_LENGTH = b"Content-Length: 2\r\n"


class _Sent(io.BytesIO):
    """What is used of a socket."""

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self.getvalue()))


def _read(kind: type[HTTPResponse], sent: bytes) -> tuple[object, ...]:
    response = kind(_Sent(sent))  # type: ignore[arg-type]
    try:
        response.begin()
    except HTTPException as error:
        response.close()
        return type(error), error.args
    fields = [(name.lower(), value) for name, value in response.headers.items()]
    headers = sorted(fields, key=lambda field: field[0])  # of one name in their order
    return response.status, response.length, response.chunked, response.will_close, headers, response.read()


@pytest.mark.parametrize(
    "sent",
    [
        _STATUS + _MTOM + _LENGTH + b"\r\nab",
        _STATUS + _LENGTH + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + _MTOM.swapcase() + b"\r\nab",
        _STATUS + _LENGTH + b"Content-Type:multipart/related;\tboundary=a  \n\r\nab",
        _STATUS + _LENGTH + b'Content-Type: multipart/related;\r\n\tboundary="a b"\r\n\r\nab',
        _STATUS + _LENGTH + b"Content-Type: text/xml\r\n" + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + _MTOM + _MTOM.replace(b"uuid:1", b"uuid:2") + b"\r\nab",
        _STATUS + _LENGTH + _MTOM + b"Content-Type: text/xml\r\n\r\nab",
        _STATUS + _LENGTH + b"Content-Type: text/xml; a=multipart/related\r\n\r\nab",
        # What is no field: all that comes after it is no head.
        _STATUS + b"not a field\r\n" + _MTOM + _LENGTH + b"\r\nab",
        _STATUS + _LENGTH + b"not a field\r\n" + _MTOM + b"\r\nab",
        _STATUS + b" folded\r\n" + _LENGTH + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + b": no name\r\n" + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + b"X: y\rContent-Type: text/xml\r\n" + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + _MTOM.replace(b":", b" :") + b"\r\nab",
        _STATUS + _LENGTH + b" \r\n" + _MTOM + b"\r\nab",
        _STATUS + _LENGTH + _MTOM + b" \r\n\r\nab",
        _STATUS + _LENGTH + _MTOM + b"Content-Type: application/x-kept-back\r\n\r\nab",
        _STATUS + _MTOM + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        _STATUS + _MTOM + b"Connection: close\r\n\r\nab",
        b"HTTP/1.1 100 Continue\r\n\r\n" + _STATUS + _MTOM + _LENGTH + b"\r\nab",
        b"HTTP/1.1 100 Continue\r\n" + _MTOM + b"\r\n" + _STATUS + b"Content-Type: text/xml\r\n" + _LENGTH + b"\r\nab",
        b"HTTP/1.1 100 Continue\r\n" + _MTOM + b"\r\n" + _STATUS + _LENGTH + b"\r\nab",
        b"HTTP/1.1 100 Continue\r\n" + _MTOM + b"\r\n" + _STATUS + _MTOM.replace(b"1", b"2") + _LENGTH + b"\r\nab",
        b"HTTP/1.1 103 Early Hints\r\n" + _MTOM + b"\r\n" + _STATUS + _LENGTH + b"\r\nab",
        _STATUS + _MTOM.rstrip() + b";" + b"x" * 70_000 + b"\r\n" + _LENGTH + b"\r\nab",
        _STATUS + b"X: y\r\n" * 200 + _MTOM + b"\r\n",
        _STATUS + _MTOM,
        _MTOM + _STATUS,
        b"not HTTP\r\n" + _STATUS + _LENGTH + b"\r\nab",
        b"",
    ],
)
def test_a_head_is_read_as_the_standard_library_reads_it(sent: bytes) -> None:
    assert _read(Pool.ConnectionCls.response_class, sent) == _read(HTTPResponse, sent)


def test_no_expression_is_compiled_for_a_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    monkeypatch.setattr(re, "compile", compiled.append)
    status, *_ = _read(Pool.ConnectionCls.response_class, _STATUS + _MTOM + _LENGTH + b"\r\nab")
    assert (status, compiled) == (200, [])

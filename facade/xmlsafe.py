"""The one XML parser of the facade: no DOCTYPE, no entity, no network, bounded size and depth.

Whatever arrives as XML (FHIR XML, CDA, an answer of the DMP) is parsed here and nowhere else (XXE, entity bombs).
"""

from __future__ import annotations

import re
from typing import cast

from lxml import etree

from facade.domain.content import Buffer

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
_MISC = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# Only encodings in which '<!DOCTYPE' is spelt with the same bytes: the look-out below must not be blinded.
_ENCODINGS = {b"utf-8", b"us-ascii", b"iso-8859-1", b"iso-8859-15", b"windows-1252"}


class MalformedXml(ValueError):
    """The bytes are not well-formed XML."""


class UnsafeXml(ValueError):
    """The bytes hold a DOCTYPE, an unusual encoding, or are larger than allowed."""


def parse(
    data: Buffer,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    huge_text: bool = False,
    keep_instructions: bool = False,
    keep_comments: bool = True,
) -> etree._Element:
    """Parse ``data``, without copying it, and return its root element.

    ``huge_text`` lifts libxml2's limit of 10 MB for one text node: a CDA holds its PDF in one. Processing instructions
    are dropped unless ``keep_instructions`` (they count in a canonical form); they are never obeyed. Without
    ``keep_comments`` a text that a comment interrupts is one text.
    Raises UnsafeXml or MalformedXml; neither carries anything of the content.
    """
    if len(data) > max_bytes:
        raise UnsafeXml("larger than the limit")
    _refuse_prolog(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=huge_text,
        remove_pis=not keep_instructions,
        remove_comments=not keep_comments,
    )
    try:
        root = etree.fromstring(cast("bytes", data), parser)  # the stubs do not know that lxml 6 reads any buffer
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedXml("not well-formed XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnsafeXml("a DOCTYPE is not allowed")
    return root


def _refuse_prolog(raw: Buffer) -> None:
    """Refuse before libxml2 sees it: with ``huge_text`` an entity in an attribute would be expanded without bound."""
    encoding = _ENCODING.match(raw)
    # A NUL that early is how libxml2 knows UTF-16 and UCS-4 without a byte order mark.
    if bytes(raw[1:2]) == b"\0" or (encoding and encoding.group(1).lower() not in _ENCODINGS):
        raise UnsafeXml("the encoding is not one of UTF-8, ASCII, ISO-8859-1, ISO-8859-15, windows-1252")
    prolog = _MISC.match(raw)
    start = prolog.end() if prolog else 0
    if bytes(raw[start : start + 2]) == b"<!":
        raise UnsafeXml("a DOCTYPE is not allowed")
    if bytes(raw[start : start + 1]) != b"<":
        raise MalformedXml("not well-formed XML")

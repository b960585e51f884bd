"""The embedded DMP's own XML reader and writer helpers: no DOCTYPE, no entity, no network, UTF-8 family only."""

from __future__ import annotations

import re
from html import escape

from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
XOP = "http://www.w3.org/2004/08/xop/include"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
XDS = "urn:ihe:iti:xds-b:2007"
HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

_DECLARED = re.compile(rb"""\A<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")
_ENCODINGS = {b"utf-8", b"us-ascii", b"iso-8859-1"}
_MAX_DEPTH = 256


class BadXml(ValueError):
    """Not XML, or XML that a medical server must not open. Its text holds nothing of the content."""


def parse(data: bytes | memoryview) -> etree._Element:
    """The root element of ``data``, comments and processing instructions kept. Raises BadXml."""
    raw = bytes(data)
    declared = _DECLARED.match(raw.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared.group(1).lower() not in _ENCODINGS:
        raise BadXml("unusual encoding")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\x00" in raw[:64]:
        raise BadXml("DOCTYPE, entity or UTF-16")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadXml("not well-formed") from error
    if _depth(root) > _MAX_DEPTH:
        raise BadXml("too deep")
    return root


def _depth(root: etree._Element) -> int:
    deepest = depth = 0
    for event, _node in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def tag(namespace: str, name: str) -> str:
    """A name in Clark notation."""
    return f"{{{namespace}}}{name}"


def children(parent: etree._Element, namespace: str, name: str) -> list[etree._Element]:
    """The child elements of that name."""
    return parent.findall(tag(namespace, name))


def only(parent: etree._Element | None, namespace: str, name: str) -> etree._Element | None:
    """The child element of that name where there is exactly one, else None."""
    found = [] if parent is None else children(parent, namespace, name)
    return found[0] if len(found) == 1 else None


def text(element: etree._Element | None) -> str:
    """The text of an element without surrounding space, empty for None."""
    return "" if element is None else (element.text or "").strip()


def serialise(element: etree._Element) -> bytes:
    """An element as bytes of its own: the namespaces in scope declared on it, nothing of what follows it."""
    return etree.tostring(element, with_tail=False)


def attr(value: str) -> str:
    """A value as it is written between double quotes or tags."""
    return escape(value)

"""Requests against the XSDs of the standards, where a folder with them is given (``EMBEDDED_DMP_SCHEMAS``).

SOAP 1.2, WS-Addressing, WS-Security, SAML 2.0, ebRS and XDS.b have one; HL7v3 and the DMP's own messages have none
here and are checked by the transactions themselves.
"""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from facade.embedded.soap import SoapFault
from facade.embedded.strictxml import HL7, LCM, QUERY, SAML, SOAP, WSA, WSSE, XDS, XSI, tag

_FILES = {
    SOAP: "soap-1.2-envelope.xsd",
    WSA: "ws-addr.xsd",
    WSSE: "oasis-200401-wss-wssecurity-secext-1.0.xsd",
    SAML: "sstc-saml-schema-assertion-2.0.xsd",
    QUERY: "query.xsd",
    LCM: "lcm.xsd",
    XDS: "XDS.b_DocumentRepository.xsd",
}


class Schemas:
    """The schemas of one folder, read once. Used by all threads of one server."""

    def __init__(self, folder: Path) -> None:
        self._schemas = {space: etree.XMLSchema(etree.parse(folder / name)) for space, name in _FILES.items()}

    def check(self, envelope: etree._Element) -> None:
        """Raise SoapFault ``Sender`` unless the envelope, each of its headers and its body are valid."""
        # A copy: HL7v3 types that stand in SAML attributes have no schema here, an xop:Include stands for its bytes.
        alone = etree.fromstring(etree.tostring(envelope))
        for node in alone.iter(tag(HL7, "*")):
            node.attrib.pop(tag(XSI, "type"), "")
        for document in list(alone.iter(tag(XDS, "Document"))):
            for include in list(document):
                document.remove(include)
        self._check(alone)
        for part in (tag(SOAP, "Header"), tag(SOAP, "Body")):
            for element in alone.find(part) or ():
                self._check(element)
                for inner in element.iter(tag(SAML, "Assertion")):
                    self._check(inner)

    def _check(self, element: etree._Element) -> None:
        space = etree.QName(element).namespace or ""
        schema = self._schemas.get(space)
        name = etree.QName(element).localname
        if schema is not None and not schema.validate(etree.fromstring(etree.tostring(element, with_tail=False))):
            raise SoapFault("Sender", f"{name} is not valid against {_FILES[space]}")

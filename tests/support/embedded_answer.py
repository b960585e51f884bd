"""Answers of the embedded DMP taken apart, and MTOM packages written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser

import requests
from lxml import etree

from tests.support.embedded_words import NS


@dataclass
class Received:
    """An answer taken apart."""

    status: int
    content_type: str
    envelope: etree._Element
    parts: dict[str, bytes]

    def find(self, path: str) -> etree._Element | None:
        """The first element of a path."""
        return self.envelope.find(f".//{path}", NS)

    def all(self, path: str) -> list[etree._Element]:
        """All elements of a path."""
        return self.envelope.findall(f".//{path}", NS)

    def text(self, path: str) -> str:
        """The text of the only element of a path."""
        (node,) = self.all(path)
        return node.text or ""

    @property
    def fault(self) -> tuple[str, str]:
        """Subcode (or code) and reason of a fault, empty when it is none."""
        if self.find("soap:Fault") is None:
            return "", ""
        code = self.find("soap:Subcode/soap:Value")
        code = self.find("soap:Code/soap:Value") if code is None else code
        reason = self.find("soap:Reason/soap:Text")
        assert code is not None
        assert reason is not None
        return (code.text or "").removeprefix("soap:"), reason.text or ""

    @property
    def errors(self) -> list[str]:
        """The codes of the registry errors."""
        return [node.get("errorCode", "") for node in self.all("rs:RegistryError")]

    @property
    def contexts(self) -> str:
        """The texts of the registry errors."""
        return " ".join(node.get("codeContext", "") for node in self.all("rs:RegistryError"))

    @property
    def outcome(self) -> str:
        """The last part of the registry status."""
        for name in ("rs:RegistryResponse", "query:AdhocQueryResponse"):
            node = self.find(name)
            if node is not None:
                return node.get("status", "").rsplit(":", 1)[-1]
        return ""

    @property
    def relates_to(self) -> str:
        """The MessageID it answers."""
        node = self.find("wsa:RelatesTo")
        return "" if node is None else node.text or ""

    @property
    def documents(self) -> dict[str, bytes]:
        """Retrieved bytes by uniqueId."""
        found = {}
        for node in self.all("xds:DocumentResponse"):
            include = node.find("xds:Document/xop:Include", NS)
            unique_id = node.findtext("xds:DocumentUniqueId", "", NS)
            assert include is not None
            found[unique_id] = self.parts[include.get("href", "").removeprefix("cid:")]
        return found


def take_apart(response: requests.Response) -> Received:
    """Read an answer, multipart or plain."""
    content_type = response.headers["Content-Type"]
    if not content_type.startswith("multipart/related"):
        return Received(response.status_code, content_type, etree.fromstring(response.content), {})
    boundary = content_type.split('boundary="')[1].split('"')[0].encode()
    chunks = (b"\r\n" + response.content).split(b"\r\n--" + boundary)
    assert chunks[0] == b""
    assert chunks[-1] == b"--\r\n"
    parts: dict[str, bytes] = {}
    for chunk in chunks[1:-1]:
        head, _, body = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        parts[headers["Content-ID"].strip("<>")] = body
    start = content_type.split('start="<')[1].split(">")[0]
    return Received(response.status_code, content_type, etree.fromstring(parts.pop(start)), parts)


def mtom(envelope: bytes, parts: Mapping[str, bytes], boundary: str = "MIMEBoundary_raw") -> tuple[str, bytes]:
    """An MTOM package written by hand."""
    chunks = [
        f'--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        "Content-Transfer-Encoding: binary\r\nContent-ID: <root@raw>\r\n\r\n".encode()
        + envelope
    ]
    for cid, content in parts.items():
        head = (
            f"--{boundary}\r\nContent-Type: text/xml\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{cid}>\r\n\r\n"
        )
        chunks.append(head.encode() + content)
    data = b"\r\n".join(chunks) + f"\r\n--{boundary}--\r\n".encode()
    kind = (
        f'multipart/related; type="application/xop+xml"; boundary="{boundary}"; start="<root@raw>";'
        ' start-info="application/soap+xml"'
    )
    return kind, data


TD02_BODY = """<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="2.25.1234567"/>
<creationTime value="20240101120000"/><interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201307UV02"/>
<processingCode code="D"/><processingModeCode code="T"/><acceptAckCode code="AL"/>
<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id root="1.2.250.1.213.4.1.1.1"/>
<softwareName>DMP</softwareName></device></receiver>
<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="1.2.250.1.999.1"/>
<softwareName>raw</softwareName></device></sender>
<controlActProcess classCode="CACT" moodCode="EVN"><code code="PRPA_TE201307UV02" codeSystem="2.16.840.1.113883.1.6"/>
<reasonCode code="TEST_EXST" codeSystem="1.2.250.1.213.1.1.4.11"/>
<queryByParameter><queryId root="2.25.99"/><statusCode code="new"/><parameterList><patientIdentifier>
<value root="{oid}" extension="{ins}"/><semanticsText>Patient.id</semanticsText></patientIdentifier></parameterList>
</queryByParameter></controlActProcess></PRPA_IN201307UV02>"""

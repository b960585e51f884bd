"""Reading requests as they came over the wire, without the code that wrote them."""

from __future__ import annotations

import re

from lxml import etree

from tests.support.dmp_server import Seen

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"


def mode(seen: Seen) -> str:
    found = re.search(rb'Name="Authentification_mode"><saml2:AttributeValue[^>]*>([A-Z_]+)<', seen.message)
    assert found is not None
    return found[1].decode()


def purpose(seen: Seen) -> str:
    found = re.search(rb'<PurposeOfUse [^>]*code="([a-z_0-9]+)"', seen.message)
    assert found is not None
    return found[1].decode()


def body(seen: Seen) -> etree._Element:
    found = etree.fromstring(seen.message).find("{http://www.w3.org/2003/05/soap-envelope}Body")
    assert found is not None
    return found[0]


def slots(element: etree._Element) -> dict[str, list[str]]:
    return {
        slot.get("name", ""): [value.text or "" for value in slot.iter(f"{{{RIM}}}Value")]
        for slot in element.iter(f"{{{RIM}}}Slot")
    }


def associations(element: etree._Element) -> list[tuple[str, str, str, dict[str, list[str]]]]:
    return [
        (
            each.get("associationType", "").rpartition(":")[2],
            each.get("sourceObject", ""),
            each.get("targetObject", ""),
            slots(each),
        )
        for each in element.iter(f"{{{RIM}}}Association")
    ]


def parts_of(seen: Seen) -> dict[str, bytes]:
    """The attachments of a request by Content-ID, cut by hand."""
    boundary = re.search(r'boundary="([^"]+)"', seen.headers["Content-Type"])
    assert boundary is not None
    found = {}
    for part in seen.body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        cid = re.search(rb"Content-ID: <([^>]+)>", head)
        assert cid is not None
        found[cid[1].decode()] = content.removesuffix(b"\r\n")
    return found

"""A search as it is written by whoever does not look at its cost: what the facade is to be many times cheaper than.

Each is what the first page of a library's documentation shows: the key given as PEM for every signature, a connection
for every call, an XPath for every field, a model for every entry and another for the Bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import floor_map
import requests
from floor_map import Codings, Json
from lxml import etree
from signxml import CanonicalizationMethod, XMLSigner, methods

_EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
_RIM = {"rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"}
_VALUES = "rim:Slot[@name='{}']/rim:ValueList/rim:Value/text()"
_SLOTS = (
    "creationTime",
    "hash",
    "languageCode",
    "legalAuthenticator",
    "repositoryUniqueId",
    "serviceStartTime",
    "serviceStopTime",
    "size",
    "sourcePatientId",
    "sourcePatientInfo",
)
_OF_AUTHOR = ("authorInstitution", "authorPerson", "authorRole", "authorSpecialty")


def search(recorded: Path, pki: Path, sink: str, codings: Codings) -> Callable[[], object]:
    """One search, from the signature to the text of the Bundle. ``sink`` is where the recorded answer comes from."""
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 - only this operation pays for them
    from fhir.resources.R4B.documentreference import DocumentReference  # noqa: PLC0415

    sent, content_type = (recorded / "search.sent").read_bytes(), (recorded / "search.sent-type").read_text()
    unsigned = _unsigned((recorded / "assertion.xml").read_bytes())
    key, certificate = (pki / "sign.key").read_bytes(), (pki / "sign.pem").read_bytes()

    def run() -> object:
        signer = XMLSigner(method=methods.enveloped, c14n_algorithm=_EXCLUSIVE)
        signer.sign(etree.fromstring(unsigned), key=key, cert=certificate, reference_uri=None)
        answer = requests.post(
            f"{sink}/search",
            data=sent,
            headers={"Content-Type": content_type},
            cert=(str(pki / "auth_cli.pem"), str(pki / "auth_cli.key")),
            verify=str(pki / "ca.pem"),
            timeout=30,
        ).content
        found = [DocumentReference.model_validate(each).model_dump() for each in references(answer, codings)]
        entries = [{"resource": each, "search": {"mode": "match"}} for each in found]
        searchset = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
        return Bundle.model_validate(searchset).model_dump_json()

    return run


def references(answer: bytes, codings: Codings) -> Iterator[Json]:
    """The DocumentReferences of an ITI-18 answer, an XPath for each field."""
    for entry in _all(etree.fromstring(answer), "//rim:ExtrinsicObject"):
        if "art" not in _all(entry, _VALUES.format("languageCode")):
            yield _reference(entry, codings)


def _reference(entry: etree._Element, codings: Codings) -> Json:
    slots = {name: values[0] for name in _SLOTS if (values := _all(entry, _VALUES.format(name)))}
    codes, identifiers, authors = {}, {}, []
    for scheme in _all(entry, "rim:Classification/@classificationScheme"):
        path = f"rim:Classification[@classificationScheme='{scheme}']"
        if codes_of := _all(entry, f"{path}/@nodeRepresentation[. != '']"):
            coding_scheme = _all(entry, f"{path}/{_VALUES.format('codingScheme')}")[0]
            codes[scheme] = codings[coding_scheme, codes_of[0]]
        else:
            authors.append({name: _all(entry, f"{path}/{_VALUES.format(name)}") for name in _OF_AUTHOR})
    for scheme in _all(entry, "rim:ExternalIdentifier/@identificationScheme"):
        [identifiers[scheme]] = _all(entry, f"rim:ExternalIdentifier[@identificationScheme='{scheme}']/@value")
    title = _all(entry, "rim:Name/rim:LocalizedString/@value")[0]
    version = _all(entry, "rim:VersionInfo/@versionName")[0]
    return floor_map.resource(entry, (slots, codes, identifiers), authors, (title, version), codings)


def _all(element: etree._Element, path: str) -> list[Any]:
    found: list[Any] = element.xpath(path, namespaces=_RIM)
    return found


def _unsigned(assertion: bytes) -> bytes:
    root = etree.fromstring(assertion)
    for signature in root.findall("{http://www.w3.org/2000/09/xmldsig#}Signature"):
        root.remove(signature)
    return etree.tostring(root)

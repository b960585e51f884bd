"""Every request is valid against the standards' own schemas, where a folder with them is at hand."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from lxml import etree

from facade.dmp import queries, xds
from facade.dmp.gateway import SoapGateway
from facade.domain.dmp import DocumentQuery, LotQuery
from facade.domain.document import Availability, Coded, ReferenceId, XdsTime
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.masking import Flag, Level, Masking
from tests.support.dmp_callers import PATIENT, session
from tests.support.dmp_entries import CDA, ENTRY, LOT, SUBMISSION, submission_of
from tests.support.dmp_server import SOAP, DmpServer
from tests.support.shelf import on_the_shelf

SCHEMAS = on_the_shelf("data/schemas")
pytestmark = pytest.mark.skipif(SCHEMAS is None, reason="no shelf with the XSDs (set DMP_SHELF to one)")
MANY = tuple(Coded(f"{number}-1", "2.16.840.1.113883.6.1") for number in range(80))
REFERENCES = tuple(ReferenceId(f"{number}", "1.2.3", "urn:ihe:iti:xds:2013:accession") for number in range(9))
XOP = "{http://www.w3.org/2004/08/xop/include}Include"


@cache
def schema(name: str) -> etree.XMLSchema:
    assert SCHEMAS is not None
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


def valid(element: etree._Element, name: str) -> None:
    alone = etree.fromstring(etree.tostring(element))
    for each in alone.iter("{urn:hl7-org:v3}*"):  # the datatypes of HL7 v3 are in none of these schemas
        each.attrib.pop("{http://www.w3.org/2001/XMLSchema-instance}type", "")
    found = schema(name)
    assert found.validate(alone), found.error_log


def sent(server: DmpServer, act: Callable[[], object]) -> etree._Element:
    """The body of the message that ``act`` sends; the envelope and its headers are validated on the way."""
    with pytest.raises((DmpUnavailable, DmpRefused)):
        act()
    envelope = etree.fromstring(server.seen[-1].message)
    valid(envelope, "soap-1.2-envelope.xsd")
    header = envelope.find(f"{{{SOAP}}}Header")
    assert header is not None
    for each in header:
        name = "ws-addr.xsd" if "addressing" in each.tag else "oasis-200401-wss-wssecurity-secext-1.0.xsd"
        valid(each, name)
        if "addressing" not in each.tag:
            valid(each[0], "sstc-saml-schema-assertion-2.0.xsd")
    body = envelope.find(f"{{{SOAP}}}Body")
    assert body is not None
    return body[0]


def test_search(server: DmpServer, gateway: SoapGateway) -> None:
    codes = (ENTRY.type_code, replace(ENTRY.type_code, code='it\'s <b> & "c"'))
    query = DocumentQuery(
        statuses=(Availability.APPROVED, Availability.ARCHIVED),
        type_codes=codes,
        class_codes=codes,
        format_codes=codes,
        facilities=codes,
        practices=codes,
        events=codes,
        confidentiality=codes,
        author_person="^DUPONT%",
        creation_from=XdsTime("2024"),
        creation_to=XdsTime("2025"),
        service_start_from=XdsTime("2024"),
        service_start_to=XdsTime("2025"),
        service_stop_from=XdsTime("2024"),
        service_stop_to=XdsTime("2025"),
    )
    body = sent(server, lambda: gateway.find_documents(session(), query))
    valid(body, "query.xsd")
    values = {
        slot.get("name", ""): [value.text for value in slot.iter(f"{{{xds.RIM}}}Value")]
        for slot in body.iter(f"{{{xds.RIM}}}Slot")
    }
    assert values["$XDSDocumentEntryPatientId"] == [f"'{PATIENT.cx}'"]
    assert values["$XDSDocumentEntryStatus"] == [
        "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')",
        "('urn:asip:ci-sis:2010:StatusType:Archived')",
    ]
    assert "'it''s <b> & \"c\"^^2.16.840.1.113883.6.1'" in (values["$XDSDocumentEntryTypeCode"][0] or "")
    assert values["$XDSDocumentEntryCreationTimeFrom"] == ["2024"]
    assert len(values) == 16


@pytest.mark.parametrize(
    "request_text",
    [
        queries.get_by_unique_id(["1.2.3", "1.2.4"]),
        queries.get_by_unique_id(["1.2.3"], "ObjectRef"),
        queries.get_by_entry_uuid([ENTRY.entry_uuid]),
        queries.get_by_logical_id([ENTRY.entry_uuid]),
        queries.get_associations([ENTRY.entry_uuid]),
        queries.get_documents_and_associations([ENTRY.entry_uuid, LOT.entry_uuid]),
        queries.get_lot(ENTRY.entry_uuid, ""),
        queries.get_lot("", "1.2.3"),
        queries.find_lots(PATIENT, LotQuery()),
        queries.find_documents(PATIENT, DocumentQuery(type_codes=MANY, events=MANY, references=REFERENCES)),
        queries.find_lots(
            PATIENT, LotQuery(content_types=(LOT.content_type,), author_person="<&'", source_ids=("1.2",))
        ),
    ],
)
def test_other_queries(request_text: str) -> None:
    valid(etree.fromstring(request_text), "query.xsd")


def test_retrieve(server: DmpServer, gateway: SoapGateway) -> None:
    body = sent(server, lambda: gateway.retrieve(session(), [ENTRY, replace(ENTRY, unique_id="1.2.3")]))
    valid(body, "XDS.b_DocumentRepository.xsd")


@pytest.mark.parametrize("submission", [SUBMISSION, submission_of(CDA, CDA, replaces=ENTRY.entry_uuid)])
def test_publish(server: DmpServer, gateway: SoapGateway, submission: object) -> None:
    assert isinstance(submission, type(SUBMISSION))
    body = sent(server, lambda: gateway.publish(session(), submission))
    for element in body.iter(f"{{{xds.XDSB}}}Document"):
        assert element[0].tag == XOP
        del element[0]
        element.text = base64.b64encode(b"x").decode()
    valid(body, "XDS.b_DocumentRepository.xsd")
    ids = [element.get("id") for element in body.iter(f"{{{xds.RIM}}}*") if element.get("id")]
    assert len(ids) == len(set(ids))


def test_update(server: DmpServer, gateway: SoapGateway) -> None:
    entry = replace(
        ENTRY,
        logical_id=ENTRY.entry_uuid,
        masking=Masking(Level.RESTRICTED, frozenset(Flag)),
        version=3,
        hash="da39a3ee5e6b4b0d3255bfef95601890afd80709",
        size=0,
        repository="1.2.3",
        comments="c",
    )
    valid(sent(server, lambda: gateway.update_metadata(session(), LOT, entry)), "lcm.xsd")
    valid(sent(server, lambda: gateway.update_status(session(), LOT, entry, Availability.DELETED)), "lcm.xsd")


def test_existence(server: DmpServer, gateway: SoapGateway) -> None:
    body = sent(server, lambda: gateway.check_access(replace(session(), secret=True)))
    assert body.tag == "{urn:hl7-org:v3}PRPA_IN201307UV02"

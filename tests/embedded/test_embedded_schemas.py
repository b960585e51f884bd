"""What the embedded DMP sends, and what these tests send it, against the standards' own schemas.

The schemas are not part of this repository: without them these tests are skipped.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from tests.support.embedded import RawClient
from tests.support.embedded_answer import Received, take_apart
from tests.support.embedded_lot import Document
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import NS, TD32

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
SCHEMAS = Path(__file__).parents[3] / "shared" / "data" / "schemas"
pytestmark = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the standards' schemas are not on this machine")


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


def _check(element: etree._Element | None, schema: str) -> None:
    assert element is not None
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    for node in alone.iter(f"{{{NS['v3']}}}*"):
        node.attrib.pop(XSI_TYPE, "")  # a type of HL7v3, whose schemas are not here
    _schema(schema).assertValid(alone)


def _body(answer: Received) -> etree._Element:
    body = answer.find("soap:Body")
    assert body is not None
    return body[0]


def _inlined(answer: Received) -> etree._Element:
    """xop:Include replaced by base64, as XOP says the document means."""
    body = _body(answer)
    for include in body.findall(".//xop:Include", NS):
        holder = include.getparent()
        assert holder is not None
        content = answer.parts[include.get("href", "").removeprefix("cid:")]
        holder.remove(include)
        holder.text = base64.b64encode(content).decode()
    return body


def test_answers_and_faults_are_soap_1_2(raw: RawClient) -> None:
    for answer in (
        raw.existence(),
        raw.post("patients", b"x"),
        raw.post("repository", raw.envelope(TD32, "<x/>", b"")),
    ):
        _check(answer.envelope, "soap-1.2-envelope.xsd")


def test_query_answers_are_ebrs(raw: RawClient) -> None:
    raw.provide(Document())
    _check(_body(raw.find()), "query.xsd")
    _check(_body(raw.get(returns="ObjectRef", UniqueId="('1.2')")), "query.xsd")
    _check(_body(raw.find(Status=None)), "query.xsd")


def test_registry_responses_are_ebrs(raw: RawClient) -> None:
    document = Document()
    _check(_body(raw.provide(document)), "rs.xsd")
    _check(_body(raw.provide(document)), "rs.xsd")


def test_retrieve_answers_are_xds_b(raw: RawClient) -> None:
    document = Document()
    raw.provide(document)
    _check(_inlined(raw.retrieve([document.unique_id, "1.2.3.4"])), "XDS.b_DocumentRepository.xsd")
    _check(_inlined(raw.retrieve(["1.2.3.4"])), "XDS.b_DocumentRepository.xsd")


def test_the_assertions_of_these_tests_are_saml_2(raw: RawClient) -> None:
    _check(etree.fromstring(raw.assertion(Vihf())), "sstc-saml-schema-assertion-2.0.xsd")


def test_the_stored_lot_and_its_links_are_ebrim(raw: RawClient) -> None:
    """What later queries will answer with is already well formed in the registry."""
    raw.provide(Document())
    records = raw.world.store()
    with records.reading() as db:
        for table in ("lots", "associations", "entries"):
            for (fragment,) in db.exec_driver_sql(f"SELECT fragment FROM {table}"):
                _schema("rim.xsd").assertValid(etree.fromstring(fragment))
    records.close()


def test_a_plain_answer_is_read_as_one(raw: RawClient) -> None:
    response = raw.session.post(f"{raw.url}/patients", data=b"x", headers={"Content-Type": "text/plain"})
    assert take_apart(response).parts == {}

"""What the embedded DMP sends, and what these tests send it, against the standards' own schemas.

The schemas are not part of this repository: without them these tests are skipped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from facade.embedded.world import World
from tests.support.embedded import RawClient, free_port, running
from tests.support.embedded_answer import Received, take_apart
from tests.support.embedded_lot import Document
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, NS, TD03, TD04, TD16, TD32, WSSE
from tests.support.shelf import on_the_shelf

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
SCHEMAS = on_the_shelf("data/schemas")
pytestmark = pytest.mark.skipif(SCHEMAS is None, reason="the standards' schemas are not on this machine")


@cache
def _schema(name: str) -> etree.XMLSchema:
    assert SCHEMAS is not None
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


def _check(element: etree._Element | None, schema: str = "", *, whole: bool = False) -> None:
    assert element is not None
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    for node in alone.iter(f"{{{NS['v3']}}}*"):
        node.attrib.pop(XSI_TYPE, "")  # a type of HL7v3, whose schemas are not here
    (_whole() if whole else _schema(schema)).assertValid(alone)


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


# Every namespace of a request in one schema: what a lax wildcard (SOAP header and body) meets is then checked too.
_WHOLE = (
    ("http://www.w3.org/2003/05/soap-envelope", "soap-1.2-envelope.xsd"),
    ("http://www.w3.org/2005/08/addressing", "ws-addr.xsd"),
    (WSSE, "oasis-200401-wss-wssecurity-secext-1.0.xsd"),
    ("urn:oasis:names:tc:SAML:2.0:assertion", "sstc-saml-schema-assertion-2.0.xsd"),
    ("urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0", "query.xsd"),
    ("urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0", "lcm.xsd"),
    ("urn:ihe:iti:xds-b:2007", "XDS.b_DocumentRepository.xsd"),
)


@cache
def _whole() -> etree.XMLSchema:
    imports = "".join(f'<xs:import namespace="{space}" schemaLocation="{file}"/>' for space, file in _WHOLE)
    text = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(text, base_url=f"{SCHEMAS}/all.xsd"))


def _sent(raw: RawClient) -> etree._Element:
    """The last request, whole, its attachments (any will do) where they belong."""
    start, end = raw.sent.index(b"<soap:Envelope"), raw.sent.index(b"</soap:Envelope>") + len(b"</soap:Envelope>")
    root = etree.fromstring(raw.sent[start:end])
    for include in root.findall(".//xop:Include", NS):
        holder = include.getparent()
        assert holder is not None
        holder.remove(include)
        holder.text = base64.b64encode(b"content").decode()
    for node in root.iter(f"{{{NS['v3']}}}*"):
        node.attrib.pop(XSI_TYPE, "")  # a type of HL7v3, whose schemas are not here
    return root


def _document() -> Document:
    return Document(
        events=(("ZBQK002", "1.2.250.1.213.2.5"),),
        confidentiality=(("N", "2.16.840.1.113883.5.25"), ("MASQUE_PS", "1.2.250.1.213.1.1.4.13")),
    )


def _masked(raw: RawClient) -> Received:
    document = _document()
    raw.provide(document)
    plain = document.but(id=Document().id, lid=document.id, confidentiality=document.confidentiality[:1])
    return raw.mask(plain, 1)


def _archived(raw: RawClient) -> Received:
    document = _document()
    raw.provide(document)
    return raw.change_status(document.id, f"{STATUS}Approved", "urn:asip:ci-sis:2010:StatusType:Archived")


def _replaced(raw: RawClient) -> Received:
    old = _document()
    raw.provide(old)
    new = Document(replaces=old.unique_id)
    return raw.provide(new, replaces={new.id: old.id})


def _retrieved(raw: RawClient) -> Received:
    document = _document()
    raw.provide(document)
    return raw.retrieve([document.unique_id])


def _habilitations(action: str, body: str) -> Callable[[RawClient], Received]:
    return lambda raw: raw.call("habilitations", action, body, Vihf())


REQUESTS: dict[str, Callable[[RawClient], Received]] = {
    "TD0.2": lambda raw: raw.existence(),
    "TD1.3a": lambda raw: raw.existence(Vihf(mode=INDIRECT), change=("TEST_EXST", "CNSLT_DATA")),
    "TD0.3": _habilitations(
        TD03, '<setAuthorization xmlns="urn:si-dmp-habilitations"><action>AJOUT</action></setAuthorization>'
    ),
    "TD1.6": _habilitations(
        TD16,
        '<listAuthorizationByPatient xmlns="urn:si-dmp-habilitations"><mode>TOUTE</mode></listAuthorizationByPatient>',
    ),
    "TD0.4": lambda raw: raw.call(
        "patientsSpecific",
        TD04,
        '<patientList xmlns="urn:si-dmp-patients"><startDate>20240101000000</startDate>'
        "<dateType>LASTDOC</dateType></patientList>",
        Vihf(),
    ),
    "TD2.1": lambda raw: raw.provide(_document(), Document()),
    "TD2.1 replacement": _replaced,
    "TD3.1 FindDocuments": lambda raw: raw.find(CreationTimeFrom="20200101"),
    "TD3.1 GetDocuments": lambda raw: raw.get(returns="ObjectRef", UniqueId="('1.2')"),
    "TD3.1 FindSubmissionSets": lambda raw: raw.query(
        "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9", {"$XDSSubmissionSetStatus": f"('{STATUS}Approved')"}
    ),
    "TD3.1 GetAssociations": lambda raw: raw.query(
        "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155", {"$uuid": ["('a','b')", "('c')"]}
    ),
    "TD3.1 GetDocumentsAndAssociations": lambda raw: raw.query(
        "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a", {"$XDSDocumentEntryUniqueId": "('1.2')"}
    ),
    "TD3.1 GetSubmissionSetAndContents": lambda raw: raw.query(
        "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83", {"$XDSSubmissionSetUniqueId": "'1.2'"}
    ),
    "TD3.2": _retrieved,
    "TD3.3a": _masked,
    "TD3.3d": _archived,
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_kind_of_request_of_these_tests_and_its_answer(raw: RawClient, kind: str) -> None:
    answer = REQUESTS[kind](raw)
    assert raw.lines()[-1]["result"] == "success"
    assert raw.lines()[-1]["transaction"] == kind.split(maxsplit=1)[0]
    _whole().assertValid(_sent(raw))
    _check(answer.envelope if not answer.parts else _inlined(answer).getroottree().getroot(), whole=True)


def test_the_schemas_see_what_is_wrong_in_a_request(raw: RawClient) -> None:
    """Else the tests above could not fail: each part of a request is reached through a wildcard."""
    raw.provide(_document())
    good = etree.tostring(_sent(raw))
    for old, new in (
        (b"<ReplyTo ", b"<ReplyTo wrong='1' "),
        (b"<saml2:Subject>", b"<saml2:Subjects/><saml2:Subject>"),
        (b"<rim:ExtrinsicObject id=", b"<rim:ExtrinsicObject isOpaque='maybe' id="),
        (b"<xds:Document id=", b"<xds:Document ids="),
    ):
        assert old in good
        assert not _whole().validate(etree.fromstring(good.replace(old, new)))


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


def test_with_the_schemas_at_hand_no_request_is_taken_that_is_not_valid(embedded_world: World, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log.jsonl"
    with running(embedded_world.data, "dmp", port, "--schemas", str(SCHEMAS), "--log", str(log)):
        client = RawClient(embedded_world, port, log)
        assert client.existence().status == 200
        assert client.provide(Document()).outcome == "Success"
        assert client.find().outcome == "Success"
        wrong = client.query("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", {}, returns="Everything")
        assert wrong.status == 400
        assert b"AdhocQueryRequest is not valid" in etree.tostring(wrong.envelope)
        client.close()

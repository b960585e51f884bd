"""Answers of the DMP, spoiled on the wire or by a DMP gone wrong: MTOM, SOAP, ebRIM, HL7v3, habilitations."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from facade.dmp import ebrim_write, hl7v3, multipart, retrieve, soap, xds
from facade.dmp.ebrim_lots import read_associations, read_lots
from facade.dmp.ebrim_parts import Ids
from facade.dmp.ebrim_read import read_entries, read_references
from facade.dmp.errors import read_status
from facade.dmp.http import HttpAnswer
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.xmlsafe import MalformedXml, UnsafeXml, parse
from tests.dmp.test_dmp_hl7v3 import answer as existence
from tests.support.dmp_answers import fault, include, registry, retrieved, search
from tests.support.dmp_entries import CDA, ENTRY, PATIENT
from tests.support.dmp_server import Reply, envelope, mtom
from tests.support.fuzzing import check, restructured, spoiled

EXAMPLES = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MESSAGE = "urn:uuid:6f0c0000-0000-4000-8000-000000000001"
LIMITS = (64 * 1024 * 1024, 16)
SECRETS = (PATIENT.value, "PAT-TROIS", "DOMINIQUE", "Accentué", "NAISSANCE")
FOUND = ebrim_write.extrinsic_object(ENTRY, xds.uuid_urn(ENTRY.entry_uuid), Ids(), status=True)
SOAP_TYPE = "application/soap+xml; charset=UTF-8"
SEARCHES = [
    envelope(search(FOUND), MESSAGE),
    envelope(search(FOUND + FOUND, "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess", "XDSRegistryError"), MESSAGE),
    envelope(search('<rim:ObjectRef id="urn:uuid:11111111-2222-4333-8444-555555555555"/>'), MESSAGE),
    envelope(registry("urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure", "XDSDuplicateUniqueId"), MESSAGE),
    envelope(fault("env:Receiver", f"le patient {SECRETS[1]} est inconnu", "env:DMPPatientNotFound"), MESSAGE),
]
DOCUMENTS = mtom(envelope(retrieved({ENTRY.unique_id: include("doc@dmp")}), MESSAGE), {"doc@dmp": CDA})
EXISTENCE = [existence(), existence(code="NF", patient="")]
INLINE = Reply(envelope(retrieved({ENTRY.unique_id: "UEsDBBQ="}), MESSAGE), content_type=SOAP_TYPE)


def _answered(content_type: str, body: bytes) -> soap.SoapAnswer:
    return soap.read(HttpAnswer(200, content_type, bytearray(body)), MESSAGE, changes=False, limits=LIMITS)


def _search(data: bytes) -> None:
    body = _answered(SOAP_TYPE, data).body
    read_status(body, changes=False)
    read_entries(body, PATIENT)
    read_references(body)
    read_lots(body, PATIENT)
    read_associations(body)


def _retrieved(content_type: str, body: bytes) -> None:
    answer = _answered(content_type, body)
    retrieve.documents(answer, [ENTRY], "1.2.250.1.213.4.1.1.1.2")


def test_the_answers_that_are_spoiled_are_read_when_they_are_whole() -> None:
    body = _answered(SOAP_TYPE, SEARCHES[0]).body
    (found,), unreadable = read_entries(body, PATIENT)
    assert (found.unique_id, found.authors, unreadable) == (ENTRY.unique_id, ENTRY.authors, 0)
    parsed = _answered(DOCUMENTS.content_type, DOCUMENTS.body)
    assert bytes(parsed.parts["doc@dmp"]) == CDA
    assert hl7v3.read_existence(parse(existence()), hl7v3.Asked(PATIENT)).exists


@EXAMPLES
@given(restructured(*SEARCHES) | spoiled(*SEARCHES))
def test_an_ebrim_answer(data: bytes) -> None:
    check(lambda: _search(data), DmpUnavailable, DmpRefused, secrets=SECRETS)


@EXAMPLES
@given(spoiled(DOCUMENTS.body))
def test_a_multipart_body(body: bytes) -> None:
    check(
        lambda: multipart.parse(DOCUMENTS.content_type, bytearray(body), max_parts=16),
        multipart.MalformedMultipart,
        secrets=SECRETS,
    )
    check(lambda: _retrieved(DOCUMENTS.content_type, body), DmpUnavailable, DmpRefused, secrets=SECRETS)


@EXAMPLES
@given(spoiled(DOCUMENTS.content_type.encode("latin-1"), INLINE.content_type.encode("latin-1")))
def test_a_content_type(header: bytes) -> None:
    kind = header.decode("latin-1")
    for reply in (DOCUMENTS, INLINE):
        body = reply.body
        check(lambda body=body: _retrieved(kind, body), DmpUnavailable, DmpRefused, secrets=SECRETS)  # type: ignore[misc]


@EXAMPLES
@given(restructured(INLINE.body) | spoiled(INLINE.body))
def test_a_document_inside_the_message(body: bytes) -> None:
    check(lambda: _retrieved(SOAP_TYPE, body), DmpUnavailable, DmpRefused, secrets=SECRETS)


@EXAMPLES
@given(restructured(*EXISTENCE) | spoiled(*EXISTENCE))
def test_an_existence_answer(data: bytes) -> None:
    def read() -> None:
        hl7v3.read_existence(parse(data), hl7v3.Asked(PATIENT))

    check(read, DmpUnavailable, DmpRefused, MalformedXml, UnsafeXml, secrets=SECRETS)

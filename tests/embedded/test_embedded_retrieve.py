"""TD3.2: bytes, partial answers, and who may read what is masked."""

from __future__ import annotations

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_lot import Document, Lot
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT

DENIED = "DMPAccessDeniedByRightsService"
MASKED = (("N", "2.16.840.1.113883.5.25"), ("MASQUE_PS", "1.2.250.1.213.1.1.4.13"))
HIDDEN = (("N", "2.16.840.1.113883.5.25"), ("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13"))


def _fed(raw: RawClient, document: Document, patient: str = sample.ADULT.ins) -> Document:
    lot = Lot(patient=patient)
    assert raw.provide(document, vihf=Vihf(mode=INDIRECT, patient=patient), lot=lot).outcome == "Success"
    return document


def test_several_documents_come_as_they_were_sent(raw: RawClient) -> None:
    documents = [_fed(raw, Document()), _fed(raw, Document(cda_changes={"JVBERi0=": "é" * 5000 + "\r\n--x"}))]
    answer = raw.retrieve([document.unique_id for document in documents])
    assert answer.outcome == "Success"
    assert answer.documents == {document.unique_id: document.bytes for document in documents}
    kinds = [node.text for node in answer.all("xds:DocumentResponse/xds:mimeType")]
    assert kinds == ["text/xml", "text/xml"]
    assert raw.lines()[-1]["mtom"] is False


def test_a_partial_answer_has_what_there_is(raw: RawClient) -> None:
    document = _fed(raw, Document())
    answer = raw.retrieve([document.unique_id, "1.2.3.4"])
    assert (answer.outcome, answer.errors) == ("PartialSuccess", ["XDSDocumentUniqueIdError"])
    assert answer.contexts == "uniqueId=1.2.3.4"
    assert list(answer.documents) == [document.unique_id]
    assert raw.lines()[-1]["result"] == "partial"


def test_nothing_found_is_a_failure_and_still_multipart(raw: RawClient) -> None:
    answer = raw.retrieve(["1.2.3.4"])
    assert (answer.status, answer.outcome, answer.errors) == (200, "Failure", ["XDSDocumentUniqueIdError"])
    assert answer.content_type.startswith("multipart/related")
    assert raw.lines()[-1]["result"] == "XDSDocumentUniqueIdError"


def test_another_repository_or_record(raw: RawClient) -> None:
    document = _fed(raw, Document())
    assert raw.retrieve([document.unique_id], repository="1.2.3").errors == ["XDSUnknownRepositoryId"]
    other = raw.retrieve([document.unique_id], Vihf(patient=sample.MINOR.ins))
    assert other.errors == ["XDSDocumentUniqueIdError"]
    assert raw.retrieve([document.unique_id, document.unique_id]).errors == ["XDSRepositoryError"]


@pytest.mark.parametrize(
    ("vihf", "patient", "plain", "masked"),
    [
        (Vihf(), sample.ADULT, True, True),
        (Vihf().of(sample.TREATING_DOCTOR), sample.ADULT, True, True),
        (Vihf().of(sample.OTHER_DOCTOR), sample.ADULT, True, False),
        (Vihf().of(sample.NURSE), sample.ADULT, True, False),
        (Vihf().of(sample.UNAUTHORISED_DOCTOR), sample.ADULT, False, False),
        (Vihf().of(sample.BLOCKED_DOCTOR), sample.ADULT, False, False),
        (Vihf(purpose="bris_de_glace").of(sample.OTHER_DOCTOR), sample.ADULT, True, True),
        (Vihf(purpose="centre_15").of(sample.REGULATOR), sample.ADULT, True, True),
        (Vihf(purpose="bris_de_glace").of(sample.BLOCKED_DOCTOR), sample.ADULT, False, False),
        (Vihf(purpose="bris_de_glace").of(sample.OTHER_DOCTOR), sample.OBJECTOR, False, False),
        (Vihf(mode=INDIRECT), sample.ADULT, False, False),
        (Vihf(name_id="idpe", roles=(("EXP_PATIENT", "1.2.250.1.213.1.1.4.6"),)), sample.ADULT, True, True),
    ],
)
def test_who_may_read(raw: RawClient, vihf: Vihf, patient: sample.SamplePatient, plain: bool, masked: bool) -> None:
    for document, allowed in ((Document(confidentiality=HIDDEN), plain), (Document(confidentiality=MASKED), masked)):
        fed = _fed(raw, document.but(patient=patient.ins), patient.ins)
        answer = raw.retrieve([fed.unique_id], vihf.but(patient=patient.ins))
        assert answer.errors == ([] if allowed else [DENIED])
        assert (fed.unique_id in answer.documents) is allowed


def test_a_blocked_professional_reads_its_own(raw: RawClient) -> None:
    own = _fed(raw, Document(author=sample.BLOCKED_DOCTOR.id))
    assert raw.retrieve([own.unique_id], Vihf().of(sample.BLOCKED_DOCTOR)).outcome == "Success"

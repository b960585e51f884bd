"""ITI-67: values that cannot be are refused with their reason, and before the DMP is asked."""

from __future__ import annotations

import pytest
import requests

from tests.support.api import LETTER, valid
from tests.support.demo import LOINC, RunningDemo, codes_of

READER, PATIENT = "nurse", "objector"
# A token without a system is read as a system, which the error then repeats.


def _search(demo: RunningDemo, **params: str) -> requests.Response:
    return demo.search(READER, PATIENT, None, **params)


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "an unknown type": ({"type": f"{LOINC}|0000-0"}, "search.code-unknown"),
    "a type of another system": ({"type": f"urn:x|{LETTER}"}, "search.code-unknown"),
    "an unknown class": ({"category": "99"}, "search.code-unknown"),
    "an unknown facility": ({"facility": "SA99"}, "search.code-unknown"),
    "an unknown setting": ({"setting": "MARS"}, "search.code-unknown"),
    "an unknown format": ({"format": "urn:x"}, "search.code-unknown"),
    "an unknown label": ({"security-label": "TOP-SECRET"}, "search.code-unknown"),
    "an unknown event system": ({"event": "urn:oid:1.2.3|x"}, "search.code-unknown"),
    "an unknown status": ({"status": "preliminary"}, "search.code-unknown"),
    "a date that is none": ({"date": "2001-13"}, "search.value-malformed"),
    "an unknown prefix": ({"date": "xx2001"}, "search.value-malformed"),
    "neither true nor false": ({"isArchived": "perhaps"}, "search.value-malformed"),
    "an order that is none": ({"_sort": "colour"}, "search.value-malformed"),
    "a year before the calendar": ({"date": "0001"}, "search.value-malformed"),
    "an author by address": ({"author": "Practitioner/1"}, "search.reference-literal"),
    "a related that is none": ({"related": "urn:x|ACC-1"}, "search.value-malformed"),
    "a relation to what is no document": ({"relatesto": "Patient/1"}, "search.value-malformed"),
    "a name that is none": ({"author.name": " , "}, "search.value-malformed"),
    "a modifier of identifier": ({"identifier:not": "urn:oid:1.2.3"}, "search.modifier-unsupported"),
    "a modifier": ({"type:not": LETTER}, "search.modifier-unsupported"),
    "a second patient": ({"subject:identifier": "OTHER"}, "search.patient-several"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_cannot_be_is_refused_before_the_dmp_is_asked(demo: RunningDemo, case: str) -> None:
    params, code = REFUSED[case]
    sent = len(demo.log())
    asked = {name: demo.ins("adult") if value == "OTHER" else value for name, value in params.items()}
    answer = _search(demo, **asked)
    assert (answer.status_code, codes_of(answer)) == (400, [code]), answer.text
    valid(answer, "OperationOutcome", 400)
    assert len(demo.log()) == sent
    assert demo.patients[PATIENT]["value"] not in answer.text


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("urn:oid:1.2.3|279035121518989", "identity.not-qualified"),
        ("urn:oid:1.2.250.1.213.1.4.10|279035121518988", "identity.ins-key"),
        ("urn:oid:1.2.250.1.213.1.4.10|27903", "identity.ins-shape"),
        ("279035121518989", "identity.not-qualified"),
    ],
)
def test_a_patient_that_is_no_ins_is_refused(demo: RunningDemo, token: str, code: str) -> None:
    sent = len(demo.log())
    answer = demo.call(READER, "GET", "/DocumentReference", params={"patient.identifier": token, "status": "current"})
    assert (answer.status_code, codes_of(answer)) == (422, [code])
    assert ("279035121518" in answer.text, len(demo.log())) == (False, sent)

"""Which patient a request means: every accepted way, and every identity that must be refused."""

from __future__ import annotations

from typing import Any

import pytest

from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.translation.subject_in import Subject, SubjectRules, read_patient_token, read_subject
from facade.translation.vocabulary import IDENTITY_RELIABILITY
from tests.support.translation import OTHER_PATIENT, PATIENT, RULES, Json, codes_of, publication

SYSTEM = PATIENT.system
TOKEN = f"{SYSTEM}|{PATIENT.value}"


def patient_resource(status: str = "", **changes: Any) -> Json:
    resource: Json = {
        "resourceType": "Patient",
        "id": "pat",
        "identifier": [
            {"system": "urn:oid:1.2.3.4.567", "value": "IPP-42"},
            {"system": SYSTEM, "value": PATIENT.value},
        ],
        "name": [
            {"use": "usual", "family": "DUPONT", "given": ["Domi"]},
            {"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE", "MARIE-LOUISE"]},
        ],
        "gender": "female",
        "birthDate": "1979-03-28",
        **changes,
    }
    if status:
        part = {"url": "identityStatus", "valueCoding": {"code": status}}
        resource["extension"] = [{"url": IDENTITY_RELIABILITY, "extension": [part]}]
    return resource


def read(
    reference: Json, rules: SubjectRules = RULES, contained: Json | None = None, bundled: Json | None = None
) -> Subject:
    resource = publication(subject=reference, contained=[contained] if contained else None)
    return read_subject(resource, {"urn:uuid:p": bundled} if bundled else {}, rules)


@pytest.mark.parametrize(
    "reference",
    [
        {"identifier": {"system": SYSTEM, "value": PATIENT.value}},
        {"reference": f"Patient?identifier={TOKEN}"},
        {"reference": f"Patient?identifier={SYSTEM.replace(':', '%3A')}%7C{PATIENT.value}"},
        {"reference": f"https://example.org/fhir/Patient?identifier={TOKEN}"},
        {"reference": f"Patient?identifier={TOKEN}", "identifier": {"system": SYSTEM, "value": PATIENT.value}},
    ],
)
def test_a_patient_named_by_ins(reference: Json) -> None:
    assert read(reference).ins == PATIENT


def test_contained_and_bundled_patient_give_traits() -> None:
    for found in (
        read({"reference": "#pat"}, contained=patient_resource()),
        read({"reference": "urn:uuid:p"}, bundled=patient_resource("VALI")),
    ):
        assert found.ins == PATIENT
        assert found.source is not None
        assert found.source.id == "IPP-42^^^&1.2.3.4.567&ISO^PI"
        assert (found.source.family, found.source.given) == ("PAT-TROIS", "DOMINIQUE MARIE-LOUISE")
        assert (found.source.birth_date, found.source.sex) == ("19790328", "F")


def test_sealed_patient_id_goes_through_the_callback() -> None:
    opened: list[str] = []

    def open_id(text: str) -> INS | None:
        opened.append(text)
        return PATIENT if text == "good" else None

    rules = SubjectRules(test_identities=True, open_patient_id=open_id)
    assert read({"reference": "Patient/good"}, rules).ins == PATIENT
    assert read({"reference": "https://example.org/fhir/Patient/good/_history/1"}, rules).ins == PATIENT
    with pytest.raises(InvalidInput) as refused:
        read({"reference": "Patient/forged"}, rules)
    assert codes_of(refused.value) == ["patient.unresolved"]
    assert opened == ["good", "good", "forged"]


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"identifier": {"system": "urn:oid:1.2.250.1.213.1.4.2", "value": "123"}}, "identity.not-qualified"),
        ({"identifier": {"system": "urn:oid:1.2.3.4.567", "value": "IPP-42"}}, "identity.not-qualified"),
        ({"identifier": {"value": PATIENT.value}}, "identity.not-qualified"),
        ({"identifier": {"system": SYSTEM, "value": "27903512151898"}}, "identity.ins-shape"),
        ({"identifier": {"system": SYSTEM, "value": "279035121518988"}}, "identity.ins-key"),
        ({"reference": f"Patient?identifier={SYSTEM}|279035121518988"}, "identity.ins-key"),
        ({"reference": "Patient?identifier=a|b&identifier=c|d"}, "patient.unresolved"),
        ({"reference": "#nobody"}, "patient.unresolved"),
        ({"display": "somebody"}, "patient.missing"),
    ],
)
def test_references_that_lead_to_no_usable_identity(reference: Json, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(reference)
    assert codes_of(refused.value) == [code]
    assert "279035" not in repr(refused.value.problems)


def test_no_subject_at_all() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_subject(publication(subject=None), {}, RULES)
    assert codes_of(refused.value) == ["patient.missing"]


def test_link_and_identifier_must_mean_the_same_patient() -> None:
    other = {"system": OTHER_PATIENT.system, "value": OTHER_PATIENT.value}
    with pytest.raises(InvalidInput) as refused:
        read({"reference": f"Patient?identifier={TOKEN}", "identifier": other})
    assert codes_of(refused.value) == ["patient.mismatch"]


def test_a_patient_with_two_ins_is_nobody() -> None:
    both = [{"system": found.system, "value": found.value} for found in (PATIENT, OTHER_PATIENT)]
    with pytest.raises(InvalidInput) as refused:
        read({"reference": "#pat"}, contained=patient_resource(identifier=both))
    assert codes_of(refused.value) == ["patient.mismatch"]


def test_test_identities_only_where_they_are_on() -> None:
    with pytest.raises(InvalidInput) as refused:
        read({"identifier": {"system": SYSTEM, "value": PATIENT.value}}, SubjectRules(test_identities=False))
    assert codes_of(refused.value) == ["identity.test-refused"]


def test_the_key_of_test_identities_may_be_left_unchecked_but_never_that_of_real_ones() -> None:
    lax = SubjectRules(test_identities=True, check_test_keys=False)
    assert read_patient_token(SYSTEM, "279035121518988", lax, "patient").value == "279035121518988"
    with pytest.raises(InvalidInput) as refused:
        read_patient_token("urn:oid:1.2.250.1.213.1.4.8", "279035121518988", lax, "patient")
    assert codes_of(refused.value) == ["identity.ins-key"]


@pytest.mark.parametrize("status", ["VALI", "QUAL"])
def test_reliable_identities(status: str) -> None:
    assert read({"reference": "#pat"}, contained=patient_resource(status)).reliability == status


@pytest.mark.parametrize("status", ["PROV", "RECUP", "DOUTE", "FICTI", "VIDE"])
def test_exi_06_an_identity_that_is_not_qualified_is_refused(status: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read({"reference": "#pat"}, contained=patient_resource(status))
    assert codes_of(refused.value) == ["identity.not-reliable"]


def test_an_installation_may_demand_that_reliability_is_stated() -> None:
    rules = SubjectRules(test_identities=True, reliability_required=True)
    for reference, contained in (
        ({"identifier": {"system": SYSTEM, "value": PATIENT.value}}, None),
        ({"reference": "#pat"}, patient_resource()),
    ):
        with pytest.raises(InvalidInput) as refused:
            read(reference, rules, contained)
        assert codes_of(refused.value) == ["identity.reliability-missing"]
    assert read({"reference": "#pat"}, rules, patient_resource("VALI")).ins == PATIENT


@pytest.mark.parametrize("death", [{"deceasedBoolean": True}, {"deceasedDateTime": "2020-01-01"}])
def test_a_deceased_patient_is_refused(death: Json) -> None:
    with pytest.raises(InvalidInput) as refused:
        read({"reference": "#pat"}, contained=patient_resource(**death))
    assert codes_of(refused.value) == ["identity.deceased"]
    assert read({"reference": "#pat"}, contained=patient_resource(deceasedBoolean=False)).ins == PATIENT


def test_a_subject_that_is_not_a_patient() -> None:
    with pytest.raises(InvalidInput) as refused:
        read({"reference": "#pat"}, contained={"resourceType": "Group", "id": "pat"})
    assert codes_of(refused.value) == ["reference.wrong-type"]


def test_traits_do_not_show_in_a_repr() -> None:
    shown = repr(read({"reference": "#pat"}, contained=patient_resource()))
    assert "PAT-TROIS" not in shown
    assert PATIENT.value not in shown

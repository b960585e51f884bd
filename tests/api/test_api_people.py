"""Each kind of caller publishes with the least and with everything, and what was said comes back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import (
    AUTHOR,
    HOSPITAL,
    PS_IDNAT,
    STRUCT_IDNAT,
    URI,
    Resource,
    attachment_of,
    flags_of,
    master,
    oid,
    submission,
    valid,
)
from tests.support.demo import LEVELS, RunningDemo, codes_of, pdf

SNOMED = "http://snomed.info/sct"
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
FEEDING = (
    "treating-doctor",
    "author-doctor",
    "other-doctor",
    "nurse",
    "unauthorised-doctor",
    "blocked-doctor",
    "regulator",
    "structure",
    "patient-adult",
    "catalogue-app",
)


@pytest.mark.parametrize("who", FEEDING)
def test_the_least_is_enough_for_every_caller_that_may_feed(demo: RunningDemo, who: str) -> None:
    created = valid(demo.post(who, "/DocumentReference", demo.document("adult", pdf())), "DocumentReference", 201)
    assert created["author"]
    assert created["authenticator"]
    assert created["context"]["facilityType"]
    assert created["context"]["practiceSetting"]
    assert created["category"]
    assert demo.sees("treating-doctor", "adult", created["id"])


@pytest.mark.parametrize("who", FEEDING)
def test_the_least_of_a_lot_is_enough_too(demo: RunningDemo, who: str) -> None:
    valid(demo.post(who, "", submission(demo, "adult")), "Bundle")


@pytest.mark.parametrize("who", ["patient-minor", "representative-minor"])
def test_a_citizen_without_the_right_to_feed_is_refused(demo: RunningDemo, who: str) -> None:
    answer = demo.post(who, "/DocumentReference", demo.document("minor", pdf()))
    assert (answer.status_code, codes_of(answer)) == (403, ["pairing.feeding-not-consented"])


def _people(with_names: bool = True) -> list[Resource]:
    practitioner: Resource = {
        "resourceType": "Practitioner",
        "id": "doctor",
        "identifier": [{"system": PS_IDNAT, "value": AUTHOR}],
    }
    if with_names:
        practitioner["name"] = [{"family": "BERTIN", "given": ["HUGO"]}]
    organization = {
        "resourceType": "Organization",
        "id": "hospital",
        "identifier": [{"system": STRUCT_IDNAT, "value": HOSPITAL}],
        "name": "SERVICE DE CARDIOLOGIE",
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "#doctor"},
        "organization": {"reference": "#hospital"},
    }
    return [practitioner, organization, role]


def _everything(demo: RunningDemo, content: bytes) -> Resource:
    """A DocumentReference that leaves nothing to fill, with the codes of ANS's own examples."""
    document = demo.document("adult", content, masterIdentifier=master(oid()), date="2024-02-03T04:05:06Z")
    patient = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [demo.patients["adult"]],
        "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}],
        "gender": "female",
        "birthDate": "1979-03-28",
    }
    document["contained"] = [*_people(), patient]
    document |= {
        "category": [{"coding": [{"system": CLASSES, "code": "10"}]}],
        "author": [{"reference": "#role"}],
        "authenticator": {"reference": "#doctor"},
        "custodian": {"identifier": {"system": STRUCT_IDNAT, "value": HOSPITAL}},
        "description": "Échographie et ordonnance",
        "securityLabel": [{"coding": [{"system": LEVELS, "code": "R"}]}],
        "context": {
            "event": [{"coding": [{"system": "urn:oid:1.2.250.1.213.2.5", "code": "DEQP003", "display": "ECG"}]}],
            "period": {"start": "2024-02-01T08:00:00Z", "end": "2024-02-02T18:30:00Z"},
            "facilityType": {"coding": [{"system": SNOMED, "code": "22232009"}]},
            "practiceSetting": {"coding": [{"system": SNOMED, "code": "394802001"}]},
            "sourcePatientInfo": {"reference": "#patient"},
            "related": [_related("accession", "A-17"), _related("order", "O-42")],
        },
    }
    attachment_of(document).update(language="fr-FR", creation="2024-02-03T04:05:06Z")
    return document


def _related(kind: str, value: str) -> Resource:
    coding = {"system": URI, "code": f"urn:ihe:iti:xds:2013:{kind}"}
    return {"identifier": {"type": {"coding": [coding]}, "system": "urn:oid:1.2.250.1.999.7", "value": value}}


def _code(concept: Resource) -> str:
    return str(concept["coding"][0]["code"])


def _check(found: Resource, sent: Resource) -> None:
    assert found["masterIdentifier"] == sent["masterIdentifier"]
    assert (found["description"], flags_of(found)) == (sent["description"], ["R"])
    assert (attachment_of(found)["creation"], found["date"]) == (sent["date"], sent["date"])
    context = found["context"]
    assert (_code(context["facilityType"]), _code(context["practiceSetting"])) == ("SA01", "AMBULATOIRE")
    assert context["period"] == sent["context"]["period"]
    assert [_code(event) for event in context["event"]] == ["DEQP003"]
    assert [each["identifier"] for each in context["related"]] == [
        each["identifier"] for each in sent["context"]["related"]
    ]
    contained = {each["resourceType"]: each for each in found["contained"]}
    assert contained["Practitioner"]["name"] == [{"family": "BERTIN", "given": ["HUGO"]}]
    assert contained["Organization"]["name"] == "SERVICE DE CARDIOLOGIE"
    assert found["authenticator"]["reference"].removeprefix("#") == contained["Practitioner"]["id"]
    assert "name" not in contained["Patient"], "traits are for the DMP, not for readers"


@pytest.mark.parametrize("who", ["author-doctor", "structure"])
def test_everything_said_comes_back_and_nothing_is_filled(demo: RunningDemo, who: str) -> None:
    sent = _everything(demo, pdf())
    told = demo.post(who, "/DocumentReference", sent, Prefer="return=OperationOutcome")
    filled = {
        issue["expression"][0] for issue in valid(told, "OperationOutcome", 201)["issue"] if "expression" in issue
    }
    assert not filled & {
        "DocumentReference.author",
        "DocumentReference.authenticator",
        "DocumentReference.category",
        "DocumentReference.masterIdentifier",
        "DocumentReference.securityLabel",
        "DocumentReference.context.facilityType",
        "DocumentReference.context.practiceSetting",
        "DocumentReference.context.period.start",
        "DocumentReference.content.attachment.creation",
        "DocumentReference.content.attachment.language",
    }
    read = valid(demo.call("treating-doctor", "GET", told.headers["Location"]), "DocumentReference")
    _check(read, sent)


def test_the_callers_own_name_is_taken_from_the_token(demo: RunningDemo) -> None:
    document = _everything(demo, pdf()) | {"contained": _people(with_names=False)}
    document["context"].pop("sourcePatientInfo")
    created = valid(demo.post("author-doctor", "/DocumentReference", document), "DocumentReference", 201)
    practitioner = next(each for each in created["contained"] if each["resourceType"] == "Practitioner")
    assert practitioner["name"] == [{"family": "BERTIN", "given": ["HUGO"]}]


def test_a_colleague_of_the_same_structure_may_be_the_author(demo: RunningDemo) -> None:
    document = _everything(demo, pdf()) | {"authenticator": {"reference": "#role"}}
    created = valid(demo.post("nurse", "/DocumentReference", document), "DocumentReference", 201)
    practitioner = next(each for each in created["contained"] if each["resourceType"] == "Practitioner")
    assert practitioner["identifier"][0]["value"] == AUTHOR


@pytest.mark.parametrize("who", ["other-doctor", "unauthorised-doctor"])
def test_an_author_of_another_structure_is_refused(demo: RunningDemo, who: str) -> None:
    sent = len(demo.log())
    answer = demo.post(who, "/DocumentReference", _everything(demo, pdf()))
    assert answer.status_code == 422, answer.text
    assert set(codes_of(answer)) == {"author.not-caller"}
    assert len(demo.log()) == sent


def test_a_patient_is_the_author_of_its_own_document(demo: RunningDemo) -> None:
    created = valid(
        demo.post("patient-adult", "/DocumentReference", demo.document("adult", pdf())), "DocumentReference", 201
    )
    author = created["author"][0]["reference"].removeprefix("#")
    resource = next(each for each in created["contained"] if each["id"] == author)
    assert resource["resourceType"] == "Patient"
    assert "PAT-TROIS" not in str(created)


Change = tuple[str, Any, str]
MISTAKES: dict[str, Change] = {
    "an unknown facility": ("facilityType", {"coding": [{"system": SNOMED, "code": "1"}]}, "code.unknown"),
    "an unknown setting": ("practiceSetting", {"coding": [{"system": SNOMED, "code": "1"}]}, "code.unknown"),
    "a period that ends before it starts": (
        "period",
        {"start": "2024-02-02", "end": "2024-02-01"},
        "period.reversed",
    ),
    "a related identifier of no type": (
        "related",
        [{"identifier": {"system": "urn:oid:1.2.3", "value": "x", "type": {"coding": [{"code": "no"}]}}}],
        "related.type-unknown",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_context_the_dmp_would_refuse_is_refused_here(demo: RunningDemo, mistake: str) -> None:
    element, value, code = MISTAKES[mistake]
    document = _everything(demo, pdf())
    document["context"][element] = value
    sent = len(demo.log())
    answer = demo.post("author-doctor", "/DocumentReference", document)
    assert (answer.status_code, codes_of(answer)) == (422, [code]), answer.text
    assert len(demo.log()) == sent


def test_everything_wrong_is_said_at_once(demo: RunningDemo) -> None:
    document = _everything(demo, pdf())
    document["context"]["facilityType"] = {"coding": [{"system": SNOMED, "code": "1"}]}
    document["context"]["period"] = {"start": "2024-02-02", "end": "2024-02-01"}
    document["category"] = [{"coding": [{"system": CLASSES, "code": "11"}]}]
    document["docStatus"] = "final"
    answer = demo.post("author-doctor", "/DocumentReference", document)
    codes = codes_of(answer)
    assert {"code.unknown", "period.reversed", "category.contradicts-type", "document.element-forbidden"} <= set(codes)
    assert all(issue["expression"] for issue in answer.json()["issue"])

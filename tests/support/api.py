"""What the tests of the FHIR surface share: Bundles, CDAs, traces, and the R4B models every answer must satisfy."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any, cast

import requests
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask

from facade.app import create_app
from facade.records.engine import open_database
from facade.records.traces import StoredTrace, Traces
from facade.settings import Settings
from facade.transactions.services import Services
from tests.support.demo import LOINC, RunningDemo, pdf

LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
URI = "urn:ietf:rfc:3986"
PS_IDNAT = "urn:oid:1.2.250.1.71.4.2.1"
STRUCT_IDNAT = "urn:oid:1.2.250.1.71.4.2.2"
HOSPITAL = "1990000028"
AUTHOR = "899700000021"
LETTER = "11490-0"

Resource = dict[str, Any]
# The PATCH entry of an ITI-65 replacement.
SUPERSEDED: Resource = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        }
    ],
}


def urn() -> str:
    """A fresh urn:uuid."""
    return f"urn:uuid:{uuid.uuid4()}"


def oid() -> str:
    """A fresh uniqueId."""
    return f"2.25.{uuid.uuid4().int}"


def master(unique_id: str) -> Resource:
    """The masterIdentifier of a uniqueId."""
    return {"use": "usual", "system": URI, "value": f"urn:oid:{unique_id}"}


def entry(resource: Resource, method: str = "POST", url: str = "", full_url: str = "") -> Resource:
    """One entry of a transaction."""
    request = {"method": method, "url": url or resource["resourceType"]}
    return {"fullUrl": full_url or urn(), "resource": resource, "request": request}


def submission(demo: RunningDemo, patient: str, *contents: bytes, **changes: Any) -> Resource:
    """An ITI-65 Bundle: the List, then each DocumentReference, then each Binary. ``changes`` go to the documents."""
    documents, binaries = [], []
    for content in contents or (pdf(),):
        binary = {"resourceType": "Binary", "contentType": "application/pdf"}
        binaries.append(entry(binary | {"data": base64.b64encode(content).decode()}))
        document = demo.document(patient, b"-", **changes)
        attachment = document["content"][0]["attachment"]
        attachment.pop("data")
        attachment["url"] = binaries[-1]["fullUrl"]
        documents.append(entry(document))
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_lot(demo, patient, documents), *documents, *binaries],
    }


def _lot(demo: RunningDemo, patient: str, documents: list[Resource]) -> Resource:
    return entry(
        {
            "resourceType": "List",
            "status": "current",
            "mode": "working",
            "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
            "subject": {"identifier": demo.patients[patient]},
            "entry": [{"item": {"reference": document["fullUrl"]}} for document in documents],
        }
    )


def part(bundle: Resource, kind: str, number: int = 0) -> Resource:
    """One of the entries of a Bundle that hold a resource type."""
    found: list[Resource] = [each for each in bundle["entry"] if each["resource"]["resourceType"] == kind]
    return found[number]


def cda(matricule: str, unique_id: str, **changes: str) -> bytes:
    """A structured CDA for a test INS: the least a header says, and a section of text."""
    values = {
        "code": "11488-4",
        "date": "20240305101500+0100",
        "level": "N",
        "parent": "",
        "body": "<structuredBody><component><section><title>Motif</title><text>Toux</text></section></component>"
        "</structuredBody>",
    } | changes
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><realmCode code="FR"/>
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><templateId root="1.2.250.1.213.1.1.1.1"/>
<id root="{unique_id}"/><code code="{values["code"]}" codeSystem="2.16.840.1.113883.6.1"/><title>Consultation</title>
<effectiveTime value="{values["date"]}"/>
<confidentialityCode code="{values["level"]}" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="{matricule}"/></patientRole></recordTarget>
{values["parent"]}<component>{values["body"]}</component></ClinicalDocument>
""".encode()


def cda_document(demo: RunningDemo, content: bytes, unique_id: str, **changes: Any) -> Resource:
    """A DocumentReference that publishes a CDA as it is, for the adult."""
    changes = {"content_type": "text/xml", "masterIdentifier": master(unique_id), **changes}
    document = demo.document("adult", content, **changes)
    document["content"][0]["attachment"]["creation"] = "2024-03-05T10:15:00+01:00"
    return document


def typed(code: str) -> Resource:
    """A CodeableConcept of a LOINC typeCode."""
    return {"coding": [{"system": LOINC, "code": code}]}


def sha1(content: bytes) -> str:
    """attachment.hash of a content."""
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()


def attachment_of(document: Resource) -> Resource:
    """The one attachment of a DocumentReference."""
    found: Resource = document["content"][0]["attachment"]
    return found


def flags_of(document: Resource) -> list[str]:
    """The codes of securityLabel, in order."""
    return [label["coding"][0]["code"] for label in document["securityLabel"]]


def valid(answer: requests.Response, kind: str, status: int = 200) -> Resource:
    """The resource of an answer: of this status and type, and valid for the R4B models."""
    assert answer.status_code == status, answer.text
    resource: Resource = answer.json()
    assert resource["resourceType"] == kind
    get_fhir_model_class(kind).model_validate(resource)
    return resource


def matches(answer: requests.Response) -> list[Resource]:
    """The matches of a searchset, which is valid."""
    bundle = valid(answer, "Bundle")
    return [each["resource"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]


def transactions(demo: RunningDemo, since: int) -> list[str]:
    """What the DMP was asked since its log had this length."""
    return sorted(line["transaction"] for line in demo.log()[since:])


def application() -> Flask:
    """The facade's routes and their documentation, with nothing behind them."""
    return create_app(Settings(), cast(Services, object()))


class TraceBook:
    """The traces of a running demonstration, read from its database."""

    def __init__(self, demo: RunningDemo) -> None:
        self._traces = Traces(open_database(f"sqlite:///{demo.data / 'facade.db'}"))
        self._seen = self._traces.head().seq

    def new(self) -> list[StoredTrace]:
        """The traces written since the last look, oldest first."""
        found = [trace for trace in self._traces.export() if trace.seq > self._seen]
        self._seen = self._traces.head().seq
        return found

    def acts(self) -> list[tuple[str, str, str]]:
        """Act, DMP transaction and outcome of each of them."""
        return [(trace.act, trace.transaction, trace.outcome) for trace in self.new()]

"""The requests of the differential leak tests, one generator per declared route.

Every request is made twice: for a document that this caller must not know of, and for one that does not exist. A
declared route that has no generator here fails ``test_leaks_routes``: none is added without saying how it could leak.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, cast
from urllib.parse import urlencode

import requests

from facade.api.declared import declarations_of
from facade.app import create_app
from facade.domain.ins import INS
from facade.settings import Settings
from facade.transactions.services import Services
from facade.translation.sealed_ids import SealedIds, derive_key
from tests.support.demo import FHIR_JSON, JSON_PATCH, LEVELS, MASKS, RunningDemo, pdf
from tests.support.tasks import task

URI = "urn:ietf:rfc:3986"
FORM = "application/x-www-form-urlencoded"
IS_DELETED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-deleted"
WITHDRAWAL = [
    {"op": "replace", "path": "/status", "value": "superseded"},
    {"op": "add", "path": "/extension/-", "value": {"url": IS_DELETED, "valueBoolean": True}},
]
_UNMASK = [{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"system": LEVELS, "code": "N"}]}]}]
_MASK = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}}]
_OTHER_ELEMENT = [{"op": "replace", "path": "/type", "value": {}}]
_FAILING_TEST = [{"op": "test", "path": "/status", "value": "superseded"}, *_UNMASK]
_STRANGE_POSITION = [{"op": "remove", "path": "/securityLabel/7"}]
_FHIRPATH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "delete"},
                {"name": "path", "valueString": "DocumentReference.securityLabel[1]"},
            ],
        }
    ],
}
_REASON = {"Purpose-Of-Use-Reason": "test"}


@dataclass(frozen=True)
class Lot:
    """A lot as a caller may name it."""

    id: str
    unique_id: str
    entry_uuid: str

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that tells this lot from another."""
        return (self.id, self.unique_id.removeprefix("2.25."), self.entry_uuid)


@dataclass(frozen=True)
class Target:
    """A document as a caller may name it: one that exists, or one that could exist and does not."""

    patient: str
    id: str
    unique_id: str
    entry_uuid: str
    logical_id: str
    lot: Lot | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that tells this document, and its lot, from another in an answer."""
        as_number = str(uuid.UUID(self.logical_id).int)
        own = (self.id, self.unique_id.removeprefix("2.25."), self.entry_uuid, self.logical_id, as_number)
        return (*own, *self.lot.names) if self.lot else own


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``label`` names it in the tests; ``path`` is under /fhir."""

    label: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


Generator = Callable[[RunningDemo, Target], Iterator[Request]]


def existing(patient: str, resource: dict[str, Any]) -> Target:
    """The target of a published document."""
    uuids = [each["value"].removeprefix("urn:uuid:") for each in resource["identifier"]]
    unique_id = resource["masterIdentifier"]["value"].removeprefix("urn:oid:")
    return Target(patient, resource["id"], unique_id, uuids[0], uuids[1])


def with_lot(demo: RunningDemo, target: Target, author: str) -> Target:
    """The same target with its lot, which its author sees."""
    params = {"patient.identifier": demo.ins(target.patient), "_count": "200"}
    found = demo.call(author, "GET", "/List", params=params).json()["entry"]
    reference = {"item": {"reference": f"DocumentReference/{target.id}"}}
    lot = next(each["resource"] for each in found if reference in each["resource"].get("entry", []))
    unique_id, entry_uuid = (each["value"].rpartition(":")[2] for each in lot["identifier"])
    return replace(target, lot=Lot(lot["id"], unique_id, entry_uuid))


def absent_like(demo: RunningDemo, target: Target) -> Target:
    """A document that does not exist, named by ids of the same shape and length."""
    secret = (demo.data / "seal.secret").read_text().strip().encode()
    identity = demo.patients[target.patient]
    logical_id = str(uuid.uuid4())
    seals, ins = SealedIds([derive_key(secret)]), INS.of(identity["system"], identity["value"])
    lot = None
    if target.lot:
        entry_uuid = str(uuid.uuid4())
        lot = Lot(seals.seal_lot(ins, entry_uuid), _like(target.lot.unique_id), entry_uuid)
    sealed = seals.seal_document(ins, logical_id)
    return Target(target.patient, sealed, _like(target.unique_id), str(uuid.uuid4()), logical_id, lot)


def _like(unique_id: str) -> str:
    """Another uniqueId of the same length."""
    while len(other := f"2.25.{uuid.uuid4().int}") != len(unique_id):
        pass
    return other


def declared_routes() -> set[tuple[str, str]]:
    """(method, rule) of every route that declares a FHIR interaction."""
    app = create_app(Settings(), cast(Services, object()))
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if declarations_of(app.view_functions[rule.endpoint])
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def find(demo: RunningDemo, reader: str, patient: str, params: dict[str, str]) -> requests.Response:
    """Search with exactly these parameters besides the patient."""
    query = {"patient.identifier": demo.ins(patient), **params}
    return demo.call(reader, "GET", "/DocumentReference", params=query)


def _read(demo: RunningDemo, target: Target) -> Iterator[Request]:
    path = f"/DocumentReference/{target.id}"
    yield Request("read", "GET", path)
    yield Request("read as XML", "GET", path, {"Accept": "application/fhir+xml"})
    yield Request("head", "HEAD", path)
    yield Request("pretty", "GET", f"{path}?_pretty=true&_format=json")
    for known in ('W/"1"', "*"):
        yield Request(f"not modified {known}", "GET", path, {"If-None-Match": known})
    yield Request("version", "GET", f"{path}/_history/1")
    yield Request("history", "GET", f"{path}/_history")
    yield Request("slash at the end", "GET", f"{path}/")
    yield Request("glass without a reason", "GET", path, {"Purpose-Of-Use": "bris_de_glace"})
    yield Request("regulation", "GET", path, {"Purpose-Of-Use": "centre_15", **_REASON})
    yield Request("unknown purpose", "GET", path, {"Purpose-Of-Use": "curiosity"})
    yield Request("secret", "GET", path, {"Connexion-Secrete": "true"})


def _retrieve(demo: RunningDemo, target: Target) -> Iterator[Request]:
    path = f"/Binary/{target.id}"
    kinds = ("*/*", "application/pdf", "application/xml", FHIR_JSON, "application/fhir+xml", "image/png")
    for kind in kinds:
        yield Request(f"retrieve {kind}", "GET", path, {"Accept": kind})
    yield Request("head", "HEAD", path)
    yield Request("range", "GET", path, {"Range": "bytes=0-9"})
    for known in ('W/"1"', "*"):
        yield Request(f"not modified {known}", "GET", path, {"If-None-Match": known})
        yield Request(f"head not modified {known}", "HEAD", path, {"If-None-Match": known})
    yield Request("form unknown", "GET", f"{path}?_format=image/png")
    yield Request("glass without a reason", "GET", path, {"Purpose-Of-Use": "bris_de_glace"})


def _bodies() -> Iterator[tuple[str, str, str]]:
    for label, patch in (
        ("unmask", _UNMASK),
        ("mask", _MASK),
        ("other element", _OTHER_ELEMENT),
        ("failing test", _FAILING_TEST),
        ("strange position", _STRANGE_POSITION),
        ("withdrawal", WITHDRAWAL),
        ("empty", []),
    ):
        yield label, JSON_PATCH, json.dumps(patch)
    yield "FHIRPath", FHIR_JSON, json.dumps(_FHIRPATH)
    yield "not JSON", JSON_PATCH, "{"
    yield "media type", "text/plain", "x"


def _patch(demo: RunningDemo, target: Target) -> Iterator[Request]:
    path = f"/DocumentReference/{target.id}"
    for label, kind, body in _bodies():
        yield Request(f"patch {label}", "PATCH", path, {"Content-Type": kind}, body)
    for version in ('W/"1"', 'W/"99"', "*", "x"):
        headers = {"Content-Type": JSON_PATCH, "If-Match": version}
        yield Request(f"patch if-match {version}", "PATCH", path, headers, json.dumps(_UNMASK))


def _conditional_patch(demo: RunningDemo, target: Target) -> Iterator[Request]:
    unique_id = f"{URI}|urn:oid:{target.unique_id}"
    for label, kind, body in _bodies():
        query = urlencode({"identifier": unique_id, "patient.identifier": demo.ins(target.patient)})
        yield Request(f"{label}, patient named", "PATCH", f"/DocumentReference?{query}", {"Content-Type": kind}, body)
    alone = urlencode({"identifier": unique_id})
    headers = {"Content-Type": JSON_PATCH}
    yield Request("no patient named", "PATCH", f"/DocumentReference?{alone}", headers, json.dumps(_OTHER_ELEMENT))


def _delete(demo: RunningDemo, target: Target) -> Iterator[Request]:
    path = f"/DocumentReference/{target.id}"
    yield Request("delete", "DELETE", path)
    yield Request("delete stale", "DELETE", path, {"If-Match": 'W/"99"'})


def searches(demo: RunningDemo, target: Target) -> Iterator[tuple[str, dict[str, str]]]:
    """Parameters that could single out a document, by name of the test."""
    named = {
        "identifier": f"{URI}|urn:oid:{target.unique_id}",
        "identifier bare": f"urn:oid:{target.unique_id}",
        "identifier entryUUID": f"{URI}|urn:uuid:{target.entry_uuid}",
        "identifier logicalId": f"{URI}|urn:uuid:{target.logical_id}",
        "_id": target.id,
        "_id list": f"{target.id},{target.id}",
    }
    for label, value in named.items():
        name = label.split(" ", maxsplit=1)[0]
        for status in ("current", "superseded"):
            yield f"{label} {status}", {name: value, "status": status}
    shapes: tuple[dict[str, str], ...] = (
        {"_summary": "count"},
        {"_elements": "status"},
        {"_count": "1", "_offset": "1"},
        {"security-label": "MASQUE_PS,INVISIBLE_PATIENT,INVISIBLE_REPRESENTANTS_LEGAUX"},
        {"isArchived": "true"},
        {"status": "entered-in-error"},
        {"_lastUpdated": "gt2001"},
        {"_lastUpdated": "lt2001"},
    )
    for shape in shapes:
        yield f"_id {shape}", {"_id": target.id, "status": "current,superseded", **shape}


def _search(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for label, params in searches(demo, target):
        query = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(f"search {label}", "GET", f"/DocumentReference?{query}")


def _search_by_post(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for label, params in islice(searches(demo, target), 4):
        body = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(f"_search {label}", "POST", "/DocumentReference/_search", {"Content-Type": FORM}, body)


def _lot_searches(target: Target) -> Iterator[dict[str, str]]:
    """Parameters that could single out a lot."""
    lot = target.lot
    assert lot is not None, "with_lot"
    named = (
        {"_id": lot.id},
        {"_id": f"{lot.id},{target.id}"},
        {"identifier": f"{URI}|urn:oid:{lot.unique_id}"},
        {"identifier": f"urn:oid:{lot.unique_id},urn:oid:{target.unique_id}"},
        {"identifier": f"{URI}|urn:uuid:{lot.entry_uuid}"},
    )
    shapes: tuple[dict[str, str], ...] = ({}, {"_summary": "count"}, {"_elements": "date"}, {"code": "folder"})
    for way in named:
        for shape in shapes:
            yield {**way, **shape}
    yield {"_id": target.id}
    yield {"item": f"DocumentReference/{target.id}"}


def _lots(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for params in _lot_searches(target):
        query = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(f"lots {sorted(params)}", "GET", f"/List?{query}")


def _lots_by_post(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for params in islice(_lot_searches(target), 0, None, 5):
        body = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(f"lots _search {sorted(params)}", "POST", "/List/_search", {"Content-Type": FORM}, body)


def _lot(demo: RunningDemo, target: Target) -> Iterator[Request]:
    assert target.lot is not None, "with_lot"
    path = f"/List/{target.lot.id}"
    yield Request("lot", "GET", path)
    yield Request("lot as XML", "GET", path, {"Accept": "application/fhir+xml"})
    yield Request("lot head", "HEAD", path)
    yield Request("lot history", "GET", f"{path}/_history")
    yield Request("lot, regulation", "GET", path, {"Purpose-Of-Use": "centre_15", **_REASON})
    yield Request("lot by the document's id", "GET", f"/List/{target.id}")


def links(target: Target) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to name a document to be replaced."""
    yield "by id", {"reference": f"DocumentReference/{target.id}"}
    yield "by absolute link", {"reference": f"https://example.org/fhir/DocumentReference/{target.id}"}
    yield "by uniqueId", {"identifier": {"system": URI, "value": f"urn:oid:{target.unique_id}"}}
    yield "by logicalId", {"identifier": {"system": URI, "value": f"urn:uuid:{target.logical_id}"}}
    yield "by entryUUID", {"reference": f"urn:uuid:{target.entry_uuid}"}


def _create(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for label, link in links(target):
        relation = [{"code": "replaces", "target": link}]
        body = json.dumps(demo.document(target.patient, pdf("the same bytes"), relatesTo=relation))
        yield Request(f"replace {label}", "POST", "/DocumentReference", {"Content-Type": FHIR_JSON}, body)
    condition = f"identifier={URI}|urn:oid:{target.unique_id}"
    # A document that cannot be published: found or not is then all that could differ, and nothing is stored.
    broken = json.dumps(demo.document(target.patient, pdf(), type={"coding": [{"code": "none"}]}))
    headers = {"Content-Type": FHIR_JSON, "If-None-Exist": condition}
    yield Request("if none exists", "POST", "/DocumentReference", headers, broken)


def _transaction(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for label, link in links(target):
        relation = [{"code": "replaces", "target": link}]
        body = json.dumps(lot(demo, target.patient, demo.document(target.patient, pdf("lot"), relatesTo=relation)))
        yield Request(f"lot replaces {label}", "POST", "", {"Content-Type": FHIR_JSON}, body)
    for label, entries in _batches(target):
        batch = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
        yield Request(f"batch {label}", "POST", "", {"Content-Type": FHIR_JSON}, batch)


def _batches(target: Target) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    binary, metadata = ({"method": "GET", "url": f"{kind}/{target.id}"} for kind in ("Binary", "DocumentReference"))
    yield "of a Binary", [{"request": binary}]
    yield "of a Binary twice", [{"request": binary}, {"request": binary}]
    yield "of metadata", [{"request": metadata}]
    yield "of both", [{"request": metadata}, {"request": binary}]
    yield "not modified", [{"request": {**binary, "ifNoneMatch": 'W/"1"'}}]
    yield "of nonsense and a Binary", [{"request": {"method": "GET", "url": "Binary/none"}}, {"request": binary}]


def lot(demo: RunningDemo, patient: str, document: dict[str, Any]) -> dict[str, Any]:
    """An ITI-65 Bundle of one SubmissionSet and one document that carries its own data."""
    mhd = "https://profiles.ihe.net/ITI/MHD"
    types = f"{mhd}/CodeSystem/MHDlistTypes"
    submission = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": types, "code": "submissionset"}]},
        "subject": {"identifier": demo.patients[patient]},
        "date": "2026-01-05T10:00:00Z",
        "entry": [{"item": {"reference": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000002"}}],
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000001",
                "resource": submission,
                "request": {"method": "POST", "url": "List"},
            },
            {
                "fullUrl": "urn:uuid:0c3f1f1e-0000-4000-8000-000000000002",
                "resource": document,
                "request": {"method": "POST", "url": "DocumentReference"},
            },
        ],
    }


def _changes(demo: RunningDemo, target: Target) -> Iterator[Request]:
    shapes: tuple[dict[str, str], ...] = (
        {"known": target.id},
        {"known": f"{target.id},{target.id}", "since": "2026"},
        {"known": target.id, "since": "2001"},
        {"known": target.logical_id, "_id": target.id},
        {"since": "2999"},
    )
    for params in shapes:
        query = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(
            f"changes {params.get('since', '')} {sorted(params)}", "GET", f"/DocumentReference/$changes?{query}"
        )


def _fed(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for params in ({}, {"_summary": "count"}, {"_count": "1", "_offset": "1"}, {"_id": target.id}):
        query = urlencode({"patient.identifier": demo.ins(target.patient), **params})
        yield Request(f"fed {sorted(params)}", "GET", f"/DocumentReference/$fed?{query}")


def _explain(demo: RunningDemo, target: Target) -> Iterator[Request]:
    for act in ("read", "unmask", "show-to-patient", "withdraw", "replace"):
        reference = {"name": "document", "valueReference": {"reference": f"DocumentReference/{target.id}"}}
        body = {"resourceType": "Parameters", "parameter": [reference, {"name": "act", "valueCode": act}]}
        path = "/DocumentReference/$explain-access"
        yield Request(f"explain {act}", "POST", path, {"Content-Type": FHIR_JSON}, json.dumps(body))


def _send(demo: RunningDemo, target: Target) -> Iterator[Request]:
    path, reference = "/DocumentReference/$send", {"reference": f"DocumentReference/{target.id}"}
    matricule = demo.patients[target.patient]["value"]
    boxes: dict[str, list[dict[str, Any]]] = {
        "to a colleague": [{"name": "recipient", "valueUrl": "mailto:confrere@leaks.mssante.fr"}],
        "to the patient": [{"name": "patient", "valueBoolean": True}],
        "to the patient by address": [{"name": "recipient", "valueUrl": f"mailto:{matricule}@patient.mssante.fr"}],
        "to another patient": [{"name": "recipient", "valueUrl": "mailto:199999999999999@patient.mssante.fr"}],
        "to nobody": [],
    }
    for label, parameters in boxes.items():
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "document", "valueReference": reference}, *parameters],
        }
        yield Request(f"send {label}", "POST", path, {"Content-Type": FHIR_JSON}, json.dumps(body))


def _orders(demo: RunningDemo, target: Target) -> Iterator[Request]:
    reference = {"reference": f"DocumentReference/{target.id}"}
    for label, named in (("in focus", {"focus": reference}), ("as a base", {"basedOn": [reference]})):
        body = json.dumps(task(demo, target.patient, **named))
        yield Request(f"order with a document {label}", "POST", "/Task", {"Content-Type": FHIR_JSON}, body)


def _on_task(method: str, suffix: str = "") -> Generator:
    """A document is no task, and the task that would hold it is not there for this reader."""

    def generate(demo: RunningDemo, target: Target) -> Iterator[Request]:
        for name in (target.id, f"preload-{target.logical_id}"):
            yield Request(f"{method} task {suffix}", method, f"/Task/{name}{suffix}?document={target.id}")

    return generate


def _of_the_record(path: str, parameter: str, **more: str) -> Generator:
    """A route that names no document: its answer may not depend on one either (see ``test_leaks_history``)."""

    def generate(demo: RunningDemo, target: Target) -> Iterator[Request]:
        query = urlencode({parameter: demo.ins(target.patient), "_id": target.id, "entity": target.id, **more})
        yield Request(f"{path} beside a document", "GET", f"{path}?{query}")

    return generate


def _nothing(demo: RunningDemo, target: Target) -> Iterator[Request]:
    """Routes that can name no document at all."""
    return iter(())


GENERATORS: dict[tuple[str, str], Generator] = {
    ("POST", "/fhir"): _transaction,
    ("POST", "/fhir/DocumentReference"): _create,
    ("GET", "/fhir/DocumentReference"): _search,
    ("POST", "/fhir/DocumentReference/_search"): _search_by_post,
    ("GET", "/fhir/DocumentReference/<id>"): _read,
    ("PATCH", "/fhir/DocumentReference/<id>"): _patch,
    ("PATCH", "/fhir/DocumentReference"): _conditional_patch,
    ("DELETE", "/fhir/DocumentReference/<id>"): _delete,
    ("POST", "/fhir/DocumentReference/$explain-access"): _explain,
    ("POST", "/fhir/DocumentReference/$generate-metadata"): _nothing,
    ("POST", "/fhir/DocumentReference/$send"): _send,
    ("POST", "/fhir/Task/_search"): _nothing,
    ("GET", "/fhir/DocumentReference/$changes"): _changes,
    ("GET", "/fhir/DocumentReference/$obligations"): _nothing,
    ("GET", "/fhir/DocumentReference/$fed"): _fed,
    ("GET", "/fhir/DocumentReference/$still-hidden"): _of_the_record(
        "/DocumentReference/$still-hidden", "patient.identifier"
    ),
    ("GET", "/fhir/Binary/<id>"): _retrieve,
    ("GET", "/fhir/List"): _lots,
    ("POST", "/fhir/List/_search"): _lots_by_post,
    ("GET", "/fhir/List/<id>"): _lot,
    ("GET", "/fhir/Patient"): _of_the_record("/Patient", "identifier"),
    ("POST", "/fhir/Patient/_search"): _nothing,
    ("GET", "/fhir/Consent"): _of_the_record("/Consent", "patient.identifier"),
    ("POST", "/fhir/Consent"): _nothing,
    ("GET", "/fhir/Consent/<id>"): _nothing,
    ("PUT", "/fhir/Consent/<id>"): _nothing,
    ("DELETE", "/fhir/Consent/<id>"): _nothing,
    ("GET", "/fhir/Consent/<id>/_history"): _nothing,
    ("GET", "/fhir/Consent/<id>/_history/<version>"): _nothing,
    ("POST", "/fhir/Consent/_search"): _nothing,
    ("GET", "/fhir/Consent/$information-notice"): _nothing,
    ("GET", "/fhir/Flag"): _of_the_record("/Flag", "subject"),
    ("GET", "/fhir/CodeSystem"): _nothing,
    ("GET", "/fhir/CodeSystem/<id>"): _nothing,
    ("GET", "/fhir/OperationDefinition"): _nothing,
    ("GET", "/fhir/OperationDefinition/<id>"): _nothing,
    ("GET", "/fhir/SearchParameter"): _nothing,
    ("GET", "/fhir/SearchParameter/<id>"): _nothing,
    ("GET", "/fhir/StructureDefinition"): _nothing,
    ("GET", "/fhir/StructureDefinition/<id>"): _nothing,
    ("GET", "/fhir/ValueSet"): _nothing,
    ("GET", "/fhir/ValueSet/<id>"): _nothing,
    ("GET", "/fhir/Task"): _of_the_record("/Task", "patient.identifier"),
    ("POST", "/fhir/Task"): _orders,
    ("GET", "/fhir/Task/<id>"): _on_task("GET"),
    ("DELETE", "/fhir/Task/<id>"): _on_task("DELETE"),
    ("POST", "/fhir/Task/<id>/$run"): _on_task("POST", "/$run"),
    ("POST", "/fhir/Task/<id>/$end"): _on_task("POST", "/$end"),
    ("GET", "/fhir/Task/<id>/$preloaded"): _on_task("GET", "/$preloaded"),
    ("GET", "/fhir/Task/<id>/$preloaded-content"): _on_task("GET", "/$preloaded-content"),
    ("GET", "/fhir/AuditEvent"): _nothing,
    ("POST", "/fhir/AuditEvent/_search"): _nothing,
}

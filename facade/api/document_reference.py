"""DocumentReference: ITI-105 (create), ITI-67 (search, GET and POST), read, PATCH, conditional PATCH, DELETE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from facade.api import searching
from facade.api.bodies import body_bytes
from facade.api.conditions import not_modified, reader_has, unique_id_of
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import (
    FORM,
    JSON,
    XML,
    actor,
    body_with_files,
    empty,
    error_table,
    fhir,
    language,
    parse_json,
    posted_parameters,
    preference,
    services,
)
from facade.api.idempotency import idempotency
from facade.api.interactions import interaction
from facade.api.obligations import owed_headers, owed_issues
from facade.api.outcomes import outcome
from facade.api.versions import etag, expected_version_id, last_modified
from facade.domain.errors import InvalidInput, Problem
from facade.transactions import publish as publishing
from facade.transactions.conditional_create import Existing, existing
from facade.transactions.find_documents import find_documents
from facade.transactions.read_document import read_document
from facade.transactions.update_document import Updated, update_by_id, update_by_identifier
from facade.translation import fhir_xml, validation
from facade.translation.identifiers import read_document_identifier
from facade.translation.search_in import search_query
from facade.translation.subject_in import read_patient_token

blueprint = Blueprint("DocumentReference", __name__, description="Documents of a record")
_PROFILES = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference",
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-simplified-publish",
)
_PATIENT = Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required")
_IDENTIFIER = Parameter("identifier", "token", "uniqueId, entryUUID or logicalId")
_SEARCH = (
    _PATIENT,
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter("status", "token", "current (default), superseded"),
    Parameter("type", "token", "typeCode, JDV_J66"),
    Parameter("category", "token", "classCode, JDV_J57"),
    Parameter("date", "date", "creationTime"),
    Parameter("creation", "date", "creationTime (MHD)"),
    Parameter("period", "date", "service start and stop"),
    Parameter("period-start", "date", "service start (PDSm)"),
    Parameter("period-end", "date", "service stop (PDSm)"),
    _IDENTIFIER,
    Parameter("facility", "token", "healthcareFacilityTypeCode, JDV_J61"),
    Parameter("setting", "token", "practiceSettingCode, JDV_J62"),
    Parameter("format", "token", "formatCode, JDV_J60"),
    Parameter("event", "token", "eventCodeList"),
    Parameter("security-label", "token", "confidentialityCode, JDV_J58"),
    Parameter("isArchived", "token", "true or false (PDSm)"),
    Parameter(
        "author", "reference", "National identifier of a person who is an author: system|value (also .identifier)"
    ),
    Parameter("author.family", "string", "Family name of an author, from its beginning"),
    Parameter("author.given", "string", "Given name of an author, from its beginning"),
    Parameter("author.name", "string", "Either name of an author, from its beginning (PDSm)"),
    Parameter("related", "reference", "referenceIdList: system|value (also related:identifier)"),
    Parameter("relatesto", "reference", "The document it replaces, by its address or identifier (PDSm)"),
    Parameter("_id", "token", "Ids as this server gave them"),
    Parameter("_lastUpdated", "date", "When it was published, or its metadata or status last changed (submissionTime)"),
)
_CREATE = Declaration("create", "DocumentReference", profiles=_PROFILES, body=f"{JSON} {XML}", conditional_create=True)
_READ = Declaration("read", "DocumentReference", conditional_read=True)
_JSON_PATCH = "application/json-patch+json"
_PATCH = Declaration("patch", "DocumentReference", conditional_update=True, body=f"{JSON} {XML} {_JSON_PATCH}")
_BY_POST = Declaration("search-type", "DocumentReference", _SEARCH, body=FORM)


@interaction(blueprint, "POST", "/DocumentReference", _CREATE, 201)
def create() -> Response:
    """Publish one document (ITI-105): TD2.1."""
    resource, files = body_with_files("DocumentReference")
    key, fingerprint = idempotency(resource, files)
    validation.validate_resource(resource, "DocumentReference")
    order = publishing.order_of_resource(services(), resource, files.get(0), key=key, fingerprint=fingerprint)
    if (condition := request.headers.get("If-None-Exist")) is not None:
        unique_id = unique_id_of(condition, "If-None-Exist")
        found = existing(services(), actor(), order.subject.ins, unique_id)
        if found is not None:
            return _exists(found)
    published = publishing.publish(services(), actor(), order)
    stored = published.resources[0]
    headers = {
        "Location": f"{services().settings.fhir_base}/DocumentReference/{stored['id']}",
        **etag(published.entries[0].version_id),
        **last_modified(stored),
        **left_to_do(published),
    }
    return _created(stored, published, headers)


@interaction(
    blueprint,
    "GET",
    "/DocumentReference",
    Declaration("search-type", "DocumentReference", _SEARCH, includes=("DocumentReference:author",)),
    200,
)
def search() -> Response:
    """Search the documents of one record (ITI-67): TD0.2 and TD3.1."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/DocumentReference/_search", _BY_POST, 200)
def search_by_post() -> Response:
    """Search with the parameters in a form body."""
    return _search(posted_parameters())


@interaction(blueprint, "GET", "/DocumentReference/<id>", _READ, 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Read one document's metadata."""
    found = read_document(services(), actor(), id)
    if reader_has(found.version):
        return not_modified(found.version)
    return fhir(found.resource, headers={**etag(found.version), **last_modified(found.resource)})


@interaction(blueprint, "PATCH", "/DocumentReference/<id>", _PATCH, 200)
def patch(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Change securityLabel or availability: TD3.3."""
    return _updated(update_by_id(services(), actor(), id, _patch_body(), expected_version_id()))


@interaction(blueprint, "PATCH", "/DocumentReference", replace(_PATCH, parameters=(_IDENTIFIER, _PATIENT)), 200)
def patch_by_identifier() -> Response:
    """Conditional PATCH on the business identifier (PDSm flux 3), or on the entryUUID of any version."""
    system, separator, value = request.args.get("identifier", "").partition("|")
    if not separator:
        raise InvalidInput.of("patch.condition-missing", "identifier")
    target = read_document_identifier(system, value, "identifier")
    patient = None
    if given := request.args.get("patient.identifier", ""):
        patient_system, _, patient_value = given.rpartition("|")
        patient = read_patient_token(patient_system, patient_value, services().subjects, "patient.identifier")
    if not target.unique_id:
        raise InvalidInput.of("patch.condition-missing", "identifier")
    body, version = _patch_body(), expected_version_id()
    return _updated(update_by_identifier(services(), actor(), patient, target, body, version))


@interaction(blueprint, "DELETE", "/DocumentReference/<id>", Declaration("delete", "DocumentReference"), 200)
def delete(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Withdraw a document for good (TD3.3c), as the isDeleted patch does."""
    return _updated(update_by_id(services(), actor(), id, WITHDRAWAL, expected_version_id()))


WITHDRAWAL = [
    {"op": "replace", "path": "/status", "value": "superseded"},
    {
        "op": "add",
        "path": "/extension/-",
        "value": {
            "url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-deleted",
            "valueBoolean": True,
        },
    },
]


def _search(params: list[tuple[str, str]]) -> Response:
    return searching.search(params, "DocumentReference", search_query, find_documents)


def _patch_body() -> Any:
    media_type = request.mimetype
    data = body_bytes(services().settings.max_body_bytes)
    if media_type in (XML, "application/xml"):
        return fhir_xml.to_dict(data)
    if media_type not in (_JSON_PATCH, JSON, "application/json"):
        raise InvalidInput.of("patch.media-type", "Content-Type", value=media_type[:60] or "-")
    return parse_json(data)


def _updated(updated: Updated) -> Response:
    headers = etag(updated.version)
    if updated.resource is not None and preference() == "representation":
        return fhir(updated.resource, headers={**headers, **last_modified(updated.resource)})
    if preference() == "minimal" and not updated.remaining:
        return empty(200, headers)
    done = "update.done" if updated.resource is not None else "update.no-longer-visible"
    problems = [Problem(done, severity="information")]
    if updated.remaining:
        problems.append(Problem("update.replaced-remain", (), {"count": str(updated.remaining)}, "warning"))
    return fhir(outcome([error_table().issue(problem, language()) for problem in problems]), headers=headers)


def _exists(found: Existing) -> Response:
    """200: a document of this identifier is there (FHIR R4, conditional create)."""
    address = f"{services().settings.fhir_base}/DocumentReference/{found.id}"
    headers = {"Location": address, **etag(found.version)}
    if preference() == "minimal":
        return empty(200, headers)
    if found.resource is None or preference() == "OperationOutcome":
        problem = Problem("create.exists", ("If-None-Exist",), severity="information")
        return fhir(outcome([error_table().issue(problem, language())]), headers=headers)
    return fhir(found.resource, headers=headers)


def _created(stored: dict[str, Any], published: publishing.Published, headers: dict[str, str]) -> Response:
    # A relation that was ignored is told unless the client says what else it wants (PDSm, publication simplifiée).
    wanted = preference("OperationOutcome" if published.unsupported_relations else "representation")
    if wanted == "minimal":
        return empty(201, headers)
    if wanted == "OperationOutcome":
        return fhir(outcome([*publication_issues(published), *owed_issues(published.left)]), 201, headers)
    return fhir(stored, 201, headers)


def left_to_do(published: publishing.Published) -> dict[str, str]:
    """What a publication leaves to be done: duties by their codes, and ``Link`` (RFC 8288), which names two kinds.

    First the Task of each message sent with the publication, then where the law is quoted. Nothing: no header.
    """
    base = services().settings.fhir_base
    owed = owed_headers(published.left)
    links = [f'<{base}/Task/{mail.id}>; rel="related"; title="send"' for mail in published.mails]
    if "Link" in owed:
        links.append(owed["Link"])
    return owed | ({"Link": ", ".join(links)} if links else {})


def publication_issues(published: publishing.Published) -> list[dict[str, Any]]:
    """What was filled and what was ignored, as issues."""
    table = error_table()
    problems = [
        Problem("publication.filled", (element,), {"what": what}, "information") for element, what in published.filled
    ]
    problems += [
        Problem("relation.not-supported", ("DocumentReference.relatesTo",), {"code": code}, "warning")
        for code in published.unsupported_relations
    ]
    if published.mails:
        values = {"count": str(len(published.mails)), "id": published.mails[0].id}
        problems.append(Problem("mail.queued", values=values, severity="information"))
    if not problems:
        problems.append(Problem("publication.complete", severity="information"))
    return [table.issue(problem, language()) for problem in problems]

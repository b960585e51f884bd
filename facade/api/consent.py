"""Consent: oppositions, information given, authorisations. Create, read, search, update, withdraw, history.

After IHE PCF ITI-108 (without PATCH); DELETE records an inactive version, since the history of a statement is kept.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import page_links, searchset, used_parameters
from facade.api.consent_search import read_search
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import (
    FORM,
    JSON,
    XML,
    actor,
    body_resource,
    empty,
    error_table,
    fhir,
    language,
    posted_parameters,
    preference,
    services,
)
from facade.api.idempotency import idempotency_key
from facade.api.interactions import interaction
from facade.api.versions import etag, expected_version
from facade.domain.errors import InvalidInput, NotFound, Problem
from facade.transactions import consents
from facade.transactions.consents import Recorded
from facade.translation.consent_shape import discreet
from facade.translation.consent_tables import PROFILE

blueprint = Blueprint("Consent", __name__, description="Oppositions, information given, authorisations")
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter("status", "token", "active or inactive"),
    Parameter("category", "token", "A code of urn:dmp-facade:consent-category; with any or no system"),
    Parameter("_id", "token", "Ids of Consents"),
)
_CREATE = Declaration("create", "Consent", profiles=(PROFILE,), body=f"{JSON} {XML}")
_BY_POST = Declaration("search-type", "Consent", _SEARCH, body=FORM)
_UPDATE = Declaration("update", "Consent", profiles=(PROFILE,), body=f"{JSON} {XML}")


@interaction(blueprint, "POST", "/Consent", _CREATE, 201)
def create() -> Response:
    """Record one statement of the patient, or declare oneself authorised (TD0.3). A reason is never accepted."""
    resource = _body()
    recorded = consents.record_consent(services(), actor(), resource, key=idempotency_key())
    location = {"Location": _url(recorded.id)}
    return _answer(recorded, 201, location)


@interaction(blueprint, "GET", "/Consent", Declaration("search-type", "Consent", _SEARCH), 200)
def search() -> Response:
    """What is recorded here, and what the DMP holds: authorisations, blocks, oppositions to emergency access."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/Consent/_search", _BY_POST, 200)
def search_by_post() -> Response:
    """The same with the parameters in a form body."""
    return _search(posted_parameters())


@interaction(blueprint, "GET", "/Consent/<id>", Declaration("read", "Consent"), 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One statement as it is now."""
    found = consents.read_one(services(), actor(), id)
    return fhir(found.resource, headers=etag(found.version))


@interaction(blueprint, "PUT", "/Consent/<id>", _UPDATE, 200)
def update(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Record a new version of a statement of the caller's structure; If-Match is honoured (412)."""
    expected, resource = expected_version(), _body()
    return _answer(consents.update_consent(services(), actor(), id, resource, expected))


@interaction(blueprint, "DELETE", "/Consent/<id>", Declaration("delete", "Consent"), 200)
def withdraw(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Withdraw a statement (a new, inactive version), or the caller's own authorisation (TD0.3)."""
    return _answer(consents.withdraw_consent(services(), actor(), id, expected_version()))


@interaction(blueprint, "GET", "/Consent/<id>/_history", Declaration("history-instance", "Consent"), 200)
def history(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Every version of a statement, newest first."""
    found = consents.read_history(services(), actor(), id)
    link = {"relation": "self", "url": f"{_url(id)}/_history"}
    return fhir(
        {
            "resourceType": "Bundle",
            "type": "history",
            "total": len(found),
            "link": [link],
            "entry": [_version(each) for each in found],
        }
    )


@interaction(blueprint, "GET", "/Consent/<id>/_history/<version>", Declaration("vread", "Consent"), 200)
def vread(id: str, version: str) -> Response:  # noqa: A002 - FHIR's own name
    """One version of a statement."""
    if not (version.isascii() and version.isdigit() and len(version) <= 9):  # noqa: PLR2004 - fits any counter
        raise NotFound.of("resource.unknown")
    found = consents.read_version(services(), actor(), id, int(version))
    return fhir(found.resource, headers=etag(found.version))


def _body() -> dict[str, Any]:
    """The Consent of the request, of the accepted form. Raises InvalidInput that repeats nothing of the body."""
    try:
        resource = body_resource("Consent")
    except InvalidInput as error:
        raise discreet(error) from None
    consents.check(resource)
    return resource


def _search(params: list[tuple[str, str]]) -> Response:
    parts, table = services(), error_table()
    asked = read_search(params)
    found = consents.find_consents(parts, actor(), asked.wanted)
    issues = [table.dmp_warning(warning, language()) for warning in found.warnings]
    issues += [
        table.issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in asked.ignored
    ]
    page = found.resources[asked.offset : asked.offset + asked.count]
    total = len(found.resources)
    patient_id = parts.ids.seal_patient(asked.wanted.patient)
    kept = [(name, value) for name, value in params if name in ("status", "category", "_id", "_summary")]
    kept = used_parameters(kept, (), asked.wanted.patient)
    url = f"{parts.settings.fhir_base}/Consent"
    links = page_links(url, kept, patient_id, offset=asked.offset, count=asked.count, total=total)
    # Without a page there is no next one (FHIR R4 search.html#count).
    links = links if asked.count else links[:1]
    return fhir(searchset(parts.settings.fhir_base, page, total=total, links=links, issues=issues))


def _answer(recorded: Recorded, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    sent = {**etag(recorded.version), **(headers or {})}
    if preference() == "minimal":
        return empty(status, sent)
    return fhir(recorded.resource, status, sent)


def _version(recorded: Recorded) -> dict[str, Any]:
    first = recorded.version == 1
    request_line = {"method": "POST", "url": "Consent"} if first else {"method": "PUT", "url": f"Consent/{recorded.id}"}
    response = {"status": "201" if first else "200"}
    if recorded.version is not None:
        response |= {"etag": f'W/"{recorded.version}"', "lastModified": recorded.resource["meta"]["lastUpdated"]}
    return {
        "fullUrl": _url(recorded.id),
        "resource": recorded.resource,
        "request": request_line,
        "response": response,
    }


def _url(consent_id: str) -> str:
    return f"{services().settings.fhir_base}/Consent/{consent_id}"

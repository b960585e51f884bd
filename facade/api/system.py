"""POST [base]: ITI-65, a transaction Bundle of one SubmissionSet and its documents (TD2.1)."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from facade.api.declared import Declaration
from facade.api.document_reference import publication_issues
from facade.api.exchange import JSON, XML, actor, body_with_files, fhir, preference, services
from facade.api.idempotency import idempotency
from facade.api.interactions import interaction
from facade.api.outcomes import outcome
from facade.transactions import publish as publishing
from facade.translation import validation
from facade.translation.submission_in import SubmissionParts, read_submission_bundle

blueprint = Blueprint("system", __name__, description="Transactions over several resources")
_RESPONSE_PROFILE = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.ProvideDocumentBundleResponse"


@interaction(blueprint, "POST", "", Declaration("transaction", body=f"{JSON} {XML}"), 200)
def transaction() -> Response:
    """Provide Document Bundle (ITI-65): all or nothing."""
    bundle, contents = body_with_files("Bundle")
    key, fingerprint = idempotency(bundle, contents)
    validation.validate_resource(bundle, "Bundle")
    parts = read_submission_bundle(bundle, contents)
    order = publishing.order_of_bundle(services(), parts, contents, key=key, fingerprint=fingerprint)
    published = publishing.publish(services(), actor(), order)
    return fhir(_response(parts, published))


def _response(parts: SubmissionParts, published: publishing.Published) -> dict[str, Any]:
    """The transaction-response: one entry for each of the request, in its order (ITI TF-2 3.65.4.2)."""
    documents = {part.index: position for position, part in enumerate(parts.documents)}
    contents = {part.content_index: position for position, part in enumerate(parts.documents)}
    entries = []
    for index in range(len(parts.kinds)):
        if index in documents:
            entries.append(_created(published, documents[index], "DocumentReference"))
        elif index in parts.binaries and index in contents:
            entries.append(_created(published, contents[index], "Binary"))
        elif index == parts.lot_index:
            location = f"List/{published.lot_id}" if published.lot_id else ""
            entries.append({"response": {"status": "201 Created"} | ({"location": location} if location else {})})
        else:
            entries.append({"response": {"status": "200 OK"}})
    if preference() == "OperationOutcome" and entries:
        entries[0]["response"]["outcome"] = outcome(publication_issues(published))
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [_RESPONSE_PROFILE]},
        "type": "transaction-response",
        "entry": entries,
    }


def _created(published: publishing.Published, position: int, kind: str) -> dict[str, Any]:
    version = published.entries[position].version
    location = f"{kind}/{published.resources[position]['id']}"
    return {"response": {"status": "201 Created", "location": location, "etag": f'W/"{version}"'}}

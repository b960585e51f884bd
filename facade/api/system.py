"""POST [base]: ITI-65, a transaction Bundle of one SubmissionSet and its documents (TD2.1), and batches of reads."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from facade.api.batch import batch_response
from facade.api.conditions import unique_id_of
from facade.api.declared import Declaration, declares
from facade.api.document_reference import left_to_do, publication_issues
from facade.api.exchange import JSON, XML, actor, body_with_files, error_table, fhir, language, preference, services
from facade.api.idempotency import idempotency
from facade.api.interactions import interaction
from facade.api.obligations import owed_issues
from facade.api.outcomes import outcome
from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import INS
from facade.transactions import publish as publishing
from facade.transactions.conditional_create import Existing, existing
from facade.translation import validation
from facade.translation.document_rules import DOC, read_relations
from facade.translation.problems import Problems
from facade.translation.submission_in import SubmissionParts, read_submission_bundle
from facade.translation.submission_set_in import names_recipients

blueprint = Blueprint("system", __name__, description="Transactions over several resources")
_RESPONSE_PROFILE = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.ProvideDocumentBundleResponse"


@interaction(blueprint, "POST", "", Declaration("transaction", body=f"{JSON} {XML}"), 200)
@declares(Declaration("batch"))
def transaction() -> Response:
    """Provide Document Bundle (ITI-65): all or nothing. Or a batch of GET Binary: one retrieval for all."""
    bundle, contents = body_with_files("Bundle")
    key, fingerprint = idempotency(bundle, contents)
    validation.validate_resource(bundle, "Bundle")
    if bundle.get("type") == "batch":
        return fhir(batch_response(bundle))
    parts = read_submission_bundle(bundle, contents)
    order = publishing.order_of_bundle(services(), parts, contents, key=key, fingerprint=fingerprint)
    if (there := _already_there(parts, order.subject.ins)) is not None:
        return fhir(_response(parts, _existing_entries(parts, there)))
    published = publishing.publish(services(), actor(), order)
    response = _response(parts, _created_entries(parts, published))
    entries, wanted = response["entry"], preference("minimal")
    if wanted == "OperationOutcome":
        _tell(entries[0], publication_issues(published))
        for part, left in zip(parts.documents, published.left, strict=bool(published.left)):
            _tell(entries[part.index], owed_issues([left]))
    if wanted == "representation":
        for part, resource in zip(parts.documents, published.resources, strict=True):
            entries[part.index]["resource"] = resource
    return fhir(response, headers=left_to_do(published))


def _already_there(parts: SubmissionParts, patient: INS) -> list[Existing] | None:
    """The documents of the lot that exist (ifNoneExist), None when it is to be published.

    Raises InvalidInput ``bundle.condition-partial``: a lot is published whole or not at all.
    """
    if not any(part.if_none_exist for part in parts.documents):
        return None
    found = []
    for part in parts.documents:
        where = f"Bundle.entry[{part.index}].request.ifNoneExist"
        unique_id = unique_id_of(part.if_none_exist, where) if part.if_none_exist else ""
        found.append(existing(services(), actor(), patient, unique_id) if unique_id else None)
    there = [each for each in found if each is not None]
    if there and len(there) < len(found):
        raise InvalidInput.of("bundle.condition-partial", "Bundle.entry")
    return there or None


def _response(parts: SubmissionParts, made: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The transaction-response: one entry for each of the request, in its order (ITI TF-2 3.65.4.2).

    What the DMP has no place for was ignored and is told in the entry that asked for it (MHD table 3.65.4.1.3-1).
    """
    entries = [{"response": made.get(index, {"status": "200 OK"})} for index in range(len(parts.kinds))]
    for part in parts.documents:
        codes = read_relations(part.resource, parts.index, Problems())[1]
        _tell(entries[part.index], [_ignored("relation.not-supported", f"{DOC}.relatesTo", code) for code in codes])
    if names_recipients(parts.lot):
        _tell(entries[parts.lot_index], [_ignored("submission-set.recipient", "List.extension[intendedRecipient]")])
    for index in parts.folders:
        _tell(entries[index], [_ignored("folder.not-supported", "List")])
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [_RESPONSE_PROFILE]},
        "type": "transaction-response",
        "entry": entries,
    }


def _ignored(code: str, element: str, value: str = "") -> dict[str, Any]:
    return error_table().issue(Problem(code, (element,), {"code": value}, "warning"), language())


def _tell(entry: dict[str, Any], issues: list[dict[str, Any]]) -> None:
    """Add issues to the outcome of an entry; one that is there already is not repeated."""
    known = entry["response"].get("outcome", {}).get("issue", [])
    new = [issue for issue in issues if issue not in known]
    if new:
        entry["response"]["outcome"] = outcome([*known, *new])


def _created_entries(parts: SubmissionParts, published: publishing.Published) -> dict[int, dict[str, Any]]:
    """The answers to what was created, by entry number."""
    found = {}
    for part, resource, stored in zip(parts.documents, published.resources, published.entries, strict=True):
        tag = f'W/"{stored.version_id}"'
        for index, kind in ((part.content_index, "Binary"), (part.index, "DocumentReference")):
            found[index] = {"status": "201 Created", "location": f"{kind}/{resource['id']}", "etag": tag}
    found[parts.lot_index] = {"status": "201 Created"}
    if published.lot_id:
        found[parts.lot_index]["location"] = f"List/{published.lot_id}"
    return found


def _existing_entries(parts: SubmissionParts, there: list[Existing]) -> dict[int, dict[str, Any]]:
    """The answers to a lot whose documents exist already: nothing was made, the lot neither."""
    found = {}
    for part, one in zip(parts.documents, there, strict=True):
        tag = {"etag": f'W/"{one.version}"'} if one.version else {}
        for index, kind in ((part.content_index, "Binary"), (part.index, "DocumentReference")):
            found[index] = {"status": "200 OK", "location": f"{kind}/{one.id}", **tag}
    return found

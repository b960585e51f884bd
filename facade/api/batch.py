"""A batch Bundle: several documents retrieved at once (PDSm4DMP), each entry with a status of its own.

FHIR R4 http.html#transaction: the entries of a batch do not depend on each other and are answered in their order.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from werkzeug.http import parse_etags

from facade.api.binary import binary
from facade.api.exchange import actor, error_table, language, services
from facade.domain.errors import FacadeError, InvalidInput
from facade.transactions.read_batch import Answer, Wanted, read_batch
from facade.transactions.read_document import Forms, Read
from facade.translation.resources import child, objects, text

_DOCUMENT = re.compile(r"^(?:https?://[^?#]+/)?(Binary|DocumentReference)/([^/?#]+)\Z")


def batch_response(bundle: dict[str, Any]) -> dict[str, Any]:
    """The batch-response of a batch. Raises InvalidInput ``batch.too-many``."""
    entries = [_wanted(child(entry, "request")) for entry in objects(bundle, "entry")]
    limit = services().settings.max_batch
    if len(entries) > limit:
        raise InvalidInput.of("batch.too-many", "Bundle.entry", count=str(len(entries)), limit=str(limit))
    wanted = [each for each in entries if isinstance(each, Wanted)]
    answers = iter(zip(wanted, read_batch(services(), actor(), wanted), strict=True))
    answered = [_refused(each) if isinstance(each, FacadeError) else _entry(*next(answers)) for each in entries]
    response: dict[str, Any] = {"resourceType": "Bundle", "type": "batch-response"}
    return response | ({"entry": answered} if answered else {})


def _wanted(request: dict[str, Any]) -> Wanted | FacadeError:
    """The document an entry asks for, or why it is not served in a batch."""
    method, found = text(request, "method"), _DOCUMENT.match(text(request, "url"))
    if method != "GET" or not found:
        return InvalidInput.of("batch.not-served", "Bundle.entry.request", method=method[:10] or "-")
    versions = parse_etags(text(request, "ifNoneMatch"))
    return Wanted(found.group(2), found.group(1) == "Binary", versions.contains_weak)


def _entry(one: Wanted, answer: Answer) -> dict[str, Any]:
    if isinstance(answer, FacadeError):
        return _refused(answer)
    if isinstance(answer, Forms):
        return _found(binary(answer.natural, one.id), answer.natural.version)
    if isinstance(answer, Read):
        return _found(answer.resource, answer.version)
    return {"response": {"status": _status(HTTPStatus.NOT_MODIFIED), "etag": f'W/"{answer.version}"'}}


def _found(resource: dict[str, Any], version: str) -> dict[str, Any]:
    address = f"{services().settings.fhir_base}/{resource['resourceType']}/{resource['id']}"
    response = {"status": _status(HTTPStatus.OK), "etag": f'W/"{version}"'}
    return {"fullUrl": address, "resource": resource, "response": response}


def _refused(error: FacadeError) -> dict[str, Any]:
    table = error_table()
    return {"response": {"status": _status(table.status(error)), "outcome": table.outcome(error, language())}}


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"

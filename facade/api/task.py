"""Task: what the facade is asked to do later or for a while. ``Task.code`` says what for; the id's first word too.

FHIR R4 Task (workflow). Each kind of task is a module of its own, found by its code and by its ids; a task is known to
who asked for it only.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from facade.api import task_preload, task_send
from facade.api.binary import content_answer
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import (
    FORM,
    JSON,
    XML,
    body_resource,
    empty,
    fhir,
    posted_parameters,
    preference,
    services,
)
from facade.api.interactions import interaction
from facade.api.task_search import search as search_tasks
from facade.api.versions import last_modified
from facade.domain.errors import InvalidInput
from facade.transactions.tasks import PRELOAD
from facade.translation import validation
from facade.translation.resources import child, codings

blueprint = Blueprint("Task", __name__, description="What is to be done later, or was asked for: preloads, messages")
# What a client orders by POST; a message is asked for by $send or with a publication.
_ORDERED = {PRELOAD: task_preload}
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter(
        "status", "token", "requested, in-progress, completed, failed; of messages also on-hold, cancelled, received"
    ),
    Parameter("code", "token", "preload, send; without it every kind the caller may have"),
    Parameter("_id", "token", "Ids of Tasks"),
)
_DOCUMENT = Parameter("document", "token", "Id of a DocumentReference of $preloaded", required=True)


@interaction(blueprint, "POST", "/Task", Declaration("create", "Task", body=f"{JSON} {XML}"), 201)
def create() -> Response:
    """Order a preload: metadata or contents before an appointment (référentiel EXI 11, EXI 12)."""
    resource = body_resource("Task")
    validation.validate_resource(resource, "Task")
    made = _kind_of(resource).create(resource)
    headers = {"Location": _url(made["id"]), **last_modified(made)}
    return empty(201, headers) if preference() == "minimal" else fhir(made, 201, headers)


@interaction(blueprint, "GET", "/Task", Declaration("search-type", "Task", _SEARCH), 200)
def search() -> Response:
    """Own preloads, then the messages of the caller's structure, the latest of each first."""
    return search_tasks(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/Task/_search", Declaration("search-type", "Task", _SEARCH, body=FORM), 200)
def search_by_post() -> Response:
    """The same with the parameters in a form body."""
    return search_tasks(posted_parameters())


@interaction(blueprint, "GET", "/Task/<id>", Declaration("read", "Task"), 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """One task as it stands: an own preload, or a message of the caller's structure."""
    if id.startswith(task_preload.PREFIX):
        return _shown(task_preload.read(id))
    return fhir(task_send.read(id))


@interaction(blueprint, "DELETE", "/Task/<id>", Declaration("delete", "Task"), 204)
def delete(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Remove a task, with everything that is held for it."""
    task_preload.delete(id)
    return empty(204, {})


@interaction(blueprint, "POST", "/Task/<id>/$run", Declaration("", "Task"), 200)
def run(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Fetch now what was ordered, three days before the appointment at the earliest: TD0.2, TD3.1, TD3.2."""
    return _shown(task_preload.run(id))


@interaction(blueprint, "POST", "/Task/<id>/$end", Declaration("", "Task"), 200)
def end(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """The episode of care is over: what is held is removed now."""
    return _shown(task_preload.end(id))


@interaction(blueprint, "GET", "/Task/<id>/$preloaded", Declaration("", "Task"), 200)
def preloaded(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """What was preloaded: a collection of DocumentReferences. The DMP is not asked."""
    return fhir(task_preload.preloaded(id, _url(id)))


_CONTENT = Declaration("", "Task", (_DOCUMENT,), raw=True)


@interaction(blueprint, "GET", "/Task/<id>/$preloaded-content", _CONTENT, 200)
def preloaded_content(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """The content of one preloaded document, in the form the client accepts, as Binary gives it."""
    document = request.args.get("document", "")
    return content_answer(task_preload.content(id, document), document)


def _kind_of(resource: dict[str, Any]) -> Any:
    """The kind of task a new one is. Raises InvalidInput ``task.code``."""
    given = [coding["code"] for coding in codings(child(resource, "code"))]
    kind = next((_ORDERED[code] for code in given if code in _ORDERED), None)
    if kind is None:
        raise InvalidInput.of("task.code", "Task.code", available=", ".join(_ORDERED))
    return kind


def _shown(task: dict[str, Any]) -> Response:
    return fhir(task, headers=last_modified(task))


def _url(task_id: str) -> str:
    return f"{services().settings.fhir_base}/Task/{task_id}"

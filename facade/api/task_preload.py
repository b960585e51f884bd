"""Tasks that preload before an appointment (référentiel EXI 11, EXI 12)."""

from __future__ import annotations

from typing import Any

from facade.api.exchange import actor, services
from facade.transactions.preload_fetch import run_preload
from facade.transactions.preload_orders import (
    delete_preload,
    end_preload,
    order_preload,
    read_preload_task,
)
from facade.transactions.preload_read import read_preloaded, read_preloaded_content
from facade.transactions.read_document import Forms

PREFIX = "preload-"
Resource = dict[str, Any]


def create(task: Resource) -> Resource:
    """Record an order."""
    return order_preload(services(), actor(), task)


def read(task_id: str) -> Resource:
    """One order as it stands."""
    return read_preload_task(services(), actor(), task_id)


def run(task_id: str) -> Resource:
    """Fetch an order now."""
    return run_preload(services(), actor(), task_id)


def end(task_id: str) -> Resource:
    """Remove what is held; the order is kept a while, to be told of."""
    return end_preload(services(), actor(), task_id)


def delete(task_id: str) -> None:
    """Remove the order too."""
    delete_preload(services(), actor(), task_id)


def preloaded(task_id: str, url: str) -> Resource:
    """What is held, as a collection; an attachment whose content is held says where it is read here."""
    found = read_preloaded(services(), actor(), task_id)
    base = services().settings.fhir_base
    for resource in found.resources if found.with_content else ():
        for content in resource["content"]:
            content["attachment"]["url"] = f"{url}/$preloaded-content?document={resource['id']}"
    entries = [{"fullUrl": f"{base}/DocumentReference/{each['id']}", "resource": each} for each in found.resources]
    return {"resourceType": "Bundle", "type": "collection"} | ({"entry": entries} if entries else {})


def content(task_id: str, document_id: str) -> Forms:
    """The content of one document that is held."""
    return read_preloaded_content(services(), actor(), task_id, document_id)

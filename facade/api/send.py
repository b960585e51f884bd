"""POST /DocumentReference/$send: documents by secure messaging (MSSanté), one Task for each message."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from facade.api.declared import Declaration
from facade.api.exchange import JSON, XML, actor, body_resource, fhir, language, services
from facade.api.idempotency import idempotency
from facade.api.interactions import interaction
from facade.transactions.mail_tasks import task_of
from facade.transactions.send_documents import send_documents
from facade.translation import validation
from facade.translation.send_in import read_send

blueprint = Blueprint("send", __name__, description="Documents by secure messaging")
_OPERATION = Declaration("", "DocumentReference", body=f"{JSON} {XML}")


@interaction(blueprint, "POST", "/DocumentReference/$send", _OPERATION, 200)
def send() -> Response:
    """Queue one message for each recipient: TD0.2, TD3.1, TD3.2; each is judged again when it leaves."""
    parameters = body_resource("Parameters")
    key, fingerprint = idempotency(parameters, {})
    validation.validate_resource(parameters, "Parameters")
    who = actor()
    mails = send_documents(services(), who, read_send(parameters), key=key, fingerprint=fingerprint)
    base = services().settings.fhir_base
    tasks = [task_of(services(), who, mail, language()) for mail in mails]
    entries = [{"fullUrl": f"{base}/Task/{task['id']}", "resource": task} for task in tasks]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return fhir(bundle)

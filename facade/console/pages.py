"""The pages of the console. Each asks the API as the reader chosen, and shows what it answered."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, send_from_directory
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import HTTPException

from facade import knowledge
from facade.console.cast import Cast, Patient, Reader
from facade.console.choice import Choice
from facade.console.fhir_client import Answer, FhirClient
from facade.console.reading import DocumentLine, document_line, told, trace_line, with_mask
from facade.console.tables import Table, obligation_table, policy_tables
from facade.console.words import words

blueprint = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
MASKS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
_STATIC = Path(__file__).parent / "static"
_COOKIE = "console-form"
_SHOWN = "20"
_ONLY_FROM_HERE = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_SAMPLE = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n% %s\n"


@blueprint.after_request
def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _ONLY_FROM_HERE
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.errorhandler(HTTPException)
def _refused(error: HTTPException) -> Response:
    """A page, for whoever looks at pages: what was wrong, and the choice to be made again."""
    status = error.code or 500
    response = _page("error.html", _choice(), status=status, text=error.description)
    response.status_code = status
    return response


@blueprint.get("/console.css")
def style() -> Response:
    """The style sheet."""
    return send_from_directory(_STATIC, "console.css")


@blueprint.get("/")
def home() -> BaseResponse:
    """Choose who reads which record. Its links are relative, so it has one address: with a slash."""
    if not request.path.endswith("/"):
        return redirect("console/", 308)
    return _page("home.html", _choice())


@blueprint.get("/record")
def record() -> Response:
    """The documents of a patient as the reader sees them, and why."""
    choice = _chosen()
    client = _client(choice)
    asked = {"name": "patient", "valueIdentifier": _identifier(choice)}
    access = client.post("/DocumentReference/$explain-access", _parameters(asked))
    found = client.get(
        "/DocumentReference",
        **{"patient.identifier": _ins(choice), "status": "current", "_count": _SHOWN, "_sort": "-date"},
    )
    lines = [_explained(client, document_line(resource)) for resource in found.resources]
    return _page("record.html", choice, access=_decision(access), found=found, lines=lines, masks=MASKS)


@blueprint.post("/mask")
def mask() -> BaseResponse:
    """Put a mask on a document or take it off, as the reader."""
    choice = _chosen()
    _check_form()
    wanted, document = request.form.get("mask", ""), request.form.get("document", "")
    if wanted not in MASKS:
        abort(400, words(choice.language)("unknown-choice"))
    client = _client(choice)
    now = client.get(f"/DocumentReference/{document}")
    if not now.ok:
        return _back(choice, now)
    labels = with_mask(document_line(now.resource).labels, wanted, on=request.form.get("on") == "yes")
    change = [{"op": "replace", "path": "/securityLabel", "value": labels}]
    return _back(choice, client.patch(f"/DocumentReference/{document}", change))


@blueprint.post("/publish")
def publish() -> BaseResponse:
    """Publish a small sample document, as the reader."""
    choice = _chosen()
    _check_form()
    content = _SAMPLE.replace(b"%s", secrets.token_hex(8).encode())
    attachment = {
        "contentType": "application/pdf",
        "title": words(choice.language)("sample-title"),
        "data": base64.b64encode(content).decode(),
    }
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": {"identifier": _identifier(choice)},
        "content": [{"attachment": attachment}],
    }
    return _back(choice, _client(choice).post("/DocumentReference", resource))


@blueprint.get("/history")
def history() -> Response:
    """The access history as a timeline, as far as the reader may see it."""
    choice = _chosen()
    found = _client(choice).get("/AuditEvent", **{"patient.identifier": _ins(choice), "_count": "100"})
    return _page("history.html", choice, found=found, lines=[trace_line(each) for each in found.resources])


@blueprint.get("/alerts")
def alerts() -> Response:
    """The alerts of supervision, for whoever answers for a structure."""
    choice = _choice()
    found = _client(choice).get("/Flag", _count="50") if choice.reader else Answer(200, {})
    return _page("alerts.html", choice, found=found, flags=found.resources)


@blueprint.get("/policy")
def policy() -> Response:
    """The access policy as tables."""
    choice = _choice()
    return _page("tables.html", choice, heading="policy", tables=policy_tables(choice.language))


@blueprint.get("/obligations")
def obligations() -> Response:
    """What has to be fed, sent and to whom, as a table."""
    choice = _choice()
    tables: list[Table] = [obligation_table(choice.language)]
    return _page("tables.html", choice, heading="obligations", tables=tables)


def _page(template: str, choice: Choice, **shown: Any) -> Response:
    token = request.cookies.get(_COOKIE) or secrets.token_urlsafe(24)
    done = request.args.get("done", "")
    response = Response(
        render_template(
            f"console/{template}",
            choice=choice,
            cast=_cast(),
            word=words(choice.language),
            form_token=token,
            done=done if done in ("ok", "refused") else "",
            rule=_rule(request.args.get("rule", ""), choice.language),
            here=request.path,
            **shown,
        )
    )
    response.set_cookie(_COOKIE, token, httponly=True, samesite="Strict", path="/console")
    return response


def _rule(name: str, language: str) -> dict[str, str]:
    """The text of a rule of the policy, or of an error; nothing of the address itself is shown."""
    for table, key in (("access/rules.csv", "rule"), ("errors/facade.csv", "code")):
        row = next((row for row in knowledge.rows(table) if row[key] == name), None)
        if row is not None:
            return {"name": name, "text": row[f"text_{language}"], "basis": row.get("basis", "")}
    return {}


def _back(choice: Choice, answer: Answer) -> BaseResponse:
    if answer.ok:
        return redirect(f"record?{choice.query(done='ok')}", 303)
    refusal = answer.refusal
    return redirect(f"record?{choice.query(done='refused', rule=refusal['rule'] or refusal['code'])}", 303)


def _explained(client: FhirClient, line: DocumentLine) -> DocumentLine:
    asked = {"name": "document", "valueReference": {"reference": f"DocumentReference/{line.id}"}}
    return replace(line, why=_decision(client.post("/DocumentReference/$explain-access", _parameters(asked))))


def _decision(answer: Answer) -> dict[str, str]:
    return told(answer.resource) if answer.ok else {"decision": "deny", **answer.refusal}


def _parameters(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def _identifier(choice: Choice) -> dict[str, str]:
    patient = _patient(choice)
    return {"system": patient.system, "value": patient.value}


def _ins(choice: Choice) -> str:
    patient = _patient(choice)
    return f"{patient.system}|{patient.value}"


def _client(choice: Choice) -> FhirClient:
    return FhirClient(current_app, _reader(choice), choice.language, choice.purpose, choice.reason)


def _reader(choice: Choice) -> Reader:
    return choice.reader or abort(400, words(choice.language)("unknown-choice"))


def _patient(choice: Choice) -> Patient:
    return choice.patient or abort(400, words(choice.language)("unknown-choice"))


def _choice() -> Choice:
    return Choice.of(request, _cast())


def _chosen() -> Choice:
    choice = _choice()
    _reader(choice)
    _patient(choice)
    return choice


def _check_form() -> None:
    """A change comes from a form of this console: its hidden field is the cookie, which no other site can send."""
    given, known = request.form.get("form", ""), request.cookies.get(_COOKIE, "")
    if not known or not hmac.compare_digest(given, known):
        abort(403, words(_choice().language)("form-expired"))


@cache
def _read(file: Path) -> Cast:
    return Cast.read(file)


def _cast() -> Cast:
    return _read(current_app.extensions["dmp_facade_console"])

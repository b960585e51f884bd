"""Liveness, readiness, metrics. No health data passes here and no token is needed."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, current_app, jsonify, request
from flask_smorest import Blueprint
from werkzeug.exceptions import NotFound

from facade.api.exchange import services
from facade.api.schemas import refusals
from facade.api.security import comes_from
from facade.observability.exposition import CONTENT_TYPE_LATEST, exposition
from facade.observability.outbox import OutboxCollector
from facade.transactions.outbox_figures import outbox_figures
from facade.transactions.readiness import readiness, warnings

blueprint = Blueprint("health", __name__, description="Liveness, readiness, metrics")
_STATE = {"application/json": {"schema": {"type": "object", "required": ["status"]}}}
_ALIVE = {"200": {"description": "The process answers", "content": _STATE}}
_READY = {
    "200": {"description": "Every part is usable", "content": _STATE},
    "503": {"description": "A part is not usable: to the operator, which and why", "content": _STATE},
}
_METRICS = {
    "200": {"description": "Prometheus text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **refusals({"404": "Not from this address"}),
}


@blueprint.route("/healthz")
@blueprint.doc(responses=_ALIVE, security=[])
def alive() -> Response:
    """The process is alive."""
    return jsonify(status="alive")


@blueprint.route("/readyz")
@blueprint.doc(responses=_READY, security=[])
def ready() -> Response:
    """Database, disk, DMP, certificates, keys of the issuers. What is wrong is told to the operator only."""
    stopping: Callable[[], bool] = current_app.extensions["dmp_facade_stopping"]
    problems = ["the server is stopping"] if stopping() else readiness(services())
    told = {"problems": problems, "warnings": warnings(services())} if _from_operator() else {}
    response = jsonify(status="not ready" if problems else "ready", **told)
    response.status_code = 503 if problems else 200
    return response


@blueprint.route("/metrics")
@blueprint.doc(responses=_METRICS, security=[])
def metrics() -> Response:
    """Metrics of all server processes, and of the outbox."""
    if not _from_operator():
        raise NotFound
    parts = services()
    outbox = OutboxCollector(outbox_figures(parts), parts.clock())
    return Response(exposition(outbox), content_type=CONTENT_TYPE_LATEST)


def _from_operator() -> bool:
    """Whether the connection is one of the operator's own: what a proxy hands on may come from anywhere."""
    handed_on = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "Via"))
    return not handed_on and comes_from(services().settings.metrics_addresses)

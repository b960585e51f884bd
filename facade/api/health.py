"""Liveness, readiness, metrics. No health data passes here and no token is needed."""

from __future__ import annotations

import os
from collections.abc import Callable

from flask import Response, current_app, jsonify, request
from flask_smorest import Blueprint
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import NotFound

from facade.api.exchange import services
from facade.api.schemas import refusals
from facade.transactions.readiness import readiness, warnings

blueprint = Blueprint("health", __name__, description="Liveness, readiness, metrics")
_STATE = {"application/json": {"schema": {"type": "object", "required": ["status"]}}}
_ALIVE = {"200": {"description": "The process answers", "content": _STATE}}
_READY = {
    "200": {"description": "Every part is usable", "content": _STATE},
    "503": {"description": "The parts that are not usable, in words", "content": _STATE},
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
    """Database, DMP and certificates."""
    stopping: Callable[[], bool] = current_app.extensions["dmp_facade_stopping"]
    problems = ["the server is stopping"] if stopping() else readiness(services())
    status = "not ready" if problems else "ready"
    response = jsonify(status=status, problems=problems, warnings=warnings(services()))
    response.status_code = 503 if problems else 200
    return response


@blueprint.route("/metrics")
@blueprint.doc(responses=_METRICS, security=[])
def metrics() -> Response:
    """Metrics of all server processes."""
    if request.remote_addr not in services().settings.metrics_addresses:
        raise NotFound
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

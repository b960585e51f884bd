"""Wires the parts together and does nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask
from flask_smorest import Api
from flask_smorest import Blueprint as SmorestBlueprint
from werkzeug.exceptions import HTTPException

from facade import __version__, knowledge
from facade.api import (
    audit_event,
    binary,
    changes,
    conformance,
    consent,
    docs,
    document_reference,
    explain_access,
    fed,
    flag,
    generate_metadata,
    health,
    list_resource,
    metadata,
    obligations,
    patient,
    send,
    system,
    task,
    worklist,
)
from facade.api.bodies import Uploads, release_uploads
from facade.api.compression import compress_answers, refuse_coded_body
from facade.api.cors import allow_origins
from facade.api.errors import answer_error, answer_http, answer_unexpected
from facade.api.limits import within_limits
from facade.api.observing import observe_requests
from facade.api.openapi import as_text
from facade.api.outcomes import ErrorTable
from facade.api.paths import FhirId
from facade.api.schemas import COMPONENTS
from facade.api.security import add_headers, identify
from facade.dmp.errors import classify
from facade.domain.errors import FacadeError
from facade.observability.logs import configure
from facade.settings import Settings
from facade.transactions.services import Services
from facade.wiring import wire

_FHIR = (
    system,
    worklist,
    generate_metadata,
    explain_access,
    send,
    document_reference,
    list_resource,
    binary,
    changes,
    obligations,
    fed,
    patient,
    consent,
    task,
    audit_event,
    flag,
    conformance,
    metadata,
)
_ROUTES: tuple[tuple[str, SmorestBlueprint], ...] = (
    *(("/fhir", module.blueprint) for module in _FHIR),
    *(("/", module.blueprint) for module in (health, docs)),
)


class _Application(Flask):
    """Flask without coroutines: it would look whether each function it calls is one, a dozen times a request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none here is a coroutine."""
        return func


def create_app(
    settings: Settings, services: Services | None = None, *, stopping: Callable[[], bool] = lambda: False
) -> Flask:
    """Build the WSGI application. ``services`` replaces the wired parts (for the OpenAPI document, none is used).

    ``stopping`` says whether the server is about to end: it is no longer ready then.
    """
    configure(settings.log_level)
    app = _flask()
    app.extensions["dmp_facade"] = services or wire(settings)
    app.extensions["dmp_facade_stopping"] = stopping
    app.extensions["dmp_facade_uploads"] = Uploads(max(1, settings.threads // 2), settings.upload_bytes)
    app.extensions["dmp_facade_errors"] = ErrorTable(
        knowledge.rows("errors/facade.csv"),
        lambda error: classify(error, knowledge.rows("errors/dmp.csv")),
        knowledge.rows("access/rules.csv"),
        knowledge.rows("errors/mhd.csv"),
    )
    for prefix, blueprint in _ROUTES:
        app.register_blueprint(blueprint, url_prefix=prefix)
    app.extensions["dmp_facade_openapi"] = cache(_document)
    if settings.console is not None:
        # Imported here: only a demonstration has it.
        from facade.console.pages import blueprint as console  # noqa: PLC0415

        app.extensions["dmp_facade_console"] = settings.console
        app.register_blueprint(console)
    observe_requests(app)
    app.before_request(within_limits)
    app.before_request(identify)
    app.before_request(refuse_coded_body)
    allow_origins(app, settings.cors_origins)
    compress_answers(app, settings.compression)
    app.after_request(add_headers)
    app.teardown_request(release_uploads)
    app.register_error_handler(FacadeError, answer_error)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unexpected)
    return app


def _flask() -> Flask:
    app = _Application("facade", static_folder=None)
    app.url_map.converters["default"] = FhirId
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    return app


def _document() -> str:
    """Described on an application of its own: to describe the routes takes longer than to register them."""
    app = _flask()
    app.config.update(
        API_TITLE="dmp-facade",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        API_SPEC_OPTIONS={
            "info": {"description": "The FHIR door to the French shared medical record (DMP)."},
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
        },
    )
    api = Api(app)
    # Each route says which refusals it has: a default one would document what no client ever gets.
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    api.register_converter(FhirId, FhirId.described)
    for name, schema in COMPONENTS.items():
        api.spec.components.schema(name, schema)
    for prefix, blueprint in _ROUTES:
        api.register_blueprint(blueprint, url_prefix=prefix)
    return as_text(api.spec)

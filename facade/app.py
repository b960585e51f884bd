"""Wires the parts together and does nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask_smorest import Api
from flask_smorest import Blueprint as SmorestBlueprint
from pydantic import SecretStr
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
from facade.api.outcomes import ErrorTable
from facade.api.paths import FhirId
from facade.api.schemas import COMPONENTS
from facade.api.security import add_headers, identify
from facade.dmp.config import SERVICES, DmpConfig, Editor, KeyFiles, VihfOptions
from facade.dmp.errors import classify
from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Application, Structure
from facade.domain.errors import FacadeError
from facade.domain.turns import Turns
from facade.identity.config import IdentityConfig, IssuerConfig, IssuerKind
from facade.identity.verifier import TokenVerifier
from facade.mailroom import open_outbox
from facade.observability import database as database_use
from facade.observability import metrics, spans
from facade.observability.context import ContextThreads
from facade.observability.dmp import DmpObserver
from facade.observability.logs import configure
from facade.observability.webhook import Webhook
from facade.policy.access import Habilitation, PolicySettings, PreloadLimits
from facade.policy.supervision import criteria
from facade.policy.tables import AccessTables
from facade.records.alerts import Alerts
from facade.records.consents import Consents
from facade.records.engine import open_database
from facade.records.hidden import HiddenDocuments
from facade.records.pairings import Pairings
from facade.records.preloads import Preloads
from facade.records.publications import Publications
from facade.records.staff import Staff
from facade.records.suspensions import Suspensions
from facade.records.traces import Traces
from facade.records.usages import Usages
from facade.records.vault import Vault
from facade.settings import PreloadSettings, Settings, VihfSettings
from facade.transactions.probe import Probe
from facade.transactions.services import Services
from facade.transactions.supervise import Supervisor
from facade.translation.sealed_ids import SealedIds, derive_key
from facade.translation.subject_in import SubjectRules
from facade.translation.tables import CodeTables

_EMERGENCIES = [purpose.value for purpose in Purpose if purpose.is_emergency]
_DISCOVERY = "/.well-known/openid-configuration"
# The settings of the DMP that its speaker has under the same name.
_AS_THEY_ARE = {
    "services",
    "actions",
    "tls_suites",
    "connect_timeout",
    "connect_timeouts",
    "read_timeout",
    "read_timeouts",
    "answer_seconds",
    "max_answer_bytes",
    "pool_size",
    "read_attempts",
    "circuit_failures",
    "circuit_seconds",
    "repository_oid",
    "receiver_oid",
    "home_community_oid",
    "processing_code",
    "entry_uuids",
}
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


def create_app(
    settings: Settings, services: Services | None = None, *, stopping: Callable[[], bool] = lambda: False
) -> Flask:
    """Build the WSGI application. ``services`` replaces the wired parts (for the OpenAPI document, none is used).

    ``stopping`` says whether the server is about to end: it is no longer ready then.
    """
    configure(settings.log_level)
    app = Flask("facade", static_folder=None)
    app.url_map.converters["default"] = FhirId
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["dmp_facade"] = services or wire(settings)
    app.extensions["dmp_facade_stopping"] = stopping
    app.extensions["dmp_facade_uploads"] = Uploads(max(1, settings.threads // 2), settings.upload_bytes)
    app.extensions["dmp_facade_errors"] = ErrorTable(
        knowledge.rows("errors/facade.csv"),
        lambda error: classify(error, knowledge.rows("errors/dmp.csv")),
        knowledge.rows("access/rules.csv"),
        knowledge.rows("errors/mhd.csv"),
    )
    _document(app)
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


def wire(settings: Settings) -> Services:
    """Make every part from the settings. Raises ValueError naming the setting that is missing or wrong."""
    if not settings.seal_secrets:
        raise ValueError("DMP_FACADE_SEAL_SECRETS is not set: a secret of at least 32 characters is needed")
    if settings.otel_endpoint:
        spans.export_to(settings.otel_endpoint, version=__version__, ratio=settings.otel_ratio)
    database = open_database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        busy_timeout=settings.database_wait_seconds,
        statement_timeout=settings.database_statement_seconds,
    )
    alerts = Alerts(database)
    database_use.watch(database.engine)
    structures = {
        each.id: Structure(each.id, each.name, each.sector, each.homologated_until, each.homologated_on)
        for each in settings.structures
    }
    own = structures.get(settings.own_structure)
    if own is None:
        raise ValueError("DMP_FACADE_OWN_STRUCTURE must be the id of one of DMP_FACADE_STRUCTURES")
    turns = Turns(settings.large_at_once)
    gateway = SoapGateway(dmp_config(settings, own), observer=DmpObserver(_result_codes(), SERVICES), turns=turns)
    metrics.watch_certificates(gateway.certificate_expiry())
    metrics.describe_process(
        __version__, threads=settings.threads, dmp_connections=settings.dmp.pool_size, purposes=_EMERGENCIES
    )
    ids = SealedIds([derive_key(secret.get_secret_value().encode()) for secret in settings.seal_secrets])
    return Services(
        settings=settings,
        gateway=gateway,
        codes=CodeTables.from_rows(knowledge.rows),
        access=AccessTables.from_rows(knowledge.rows),
        policy=PolicySettings(
            habilitation=Habilitation(settings.habilitation),
            citizens_enabled=settings.citizens,
            on_behalf_required=settings.masking_statement_required,
            emergency_minutes=settings.emergency_minutes,
            preload=_preload_limits(settings.preload),
            suspension_stops_emergencies=settings.supervision.suspension_stops_emergencies,
        ),
        database=database,
        traces=Traces(database),
        consents=Consents(database),
        publications=Publications(database, pending_for=timedelta(seconds=settings.publication_pending_seconds)),
        hidden=HiddenDocuments(database),
        outbox=open_outbox(settings, database),
        preloads=Preloads(database, Vault([each.get_secret_value().encode() for each in settings.seal_secrets])),
        alerts=alerts,
        suspensions=Suspensions(alerts),
        verifier=TokenVerifier(_identity(settings, structures, own), Pairings(database)),
        ids=ids,
        subjects=SubjectRules(
            test_identities=settings.test_identities,
            reliability_required=settings.identity_status_required,
            open_patient_id=ids.open_patient,
        ),
        parallel=ContextThreads(max_workers=settings.threads, thread_name_prefix="dmp"),
        dmp_probe=Probe(gateway.probe, pending="no answer yet"),
        turns=turns,
        clock=lambda: datetime.now(UTC),
        new_uuid=lambda: str(uuid.uuid4()),
    )


def _preload_limits(preload: PreloadSettings) -> PreloadLimits:
    return PreloadLimits(
        window=timedelta(hours=preload.window_hours),
        ahead=timedelta(days=preload.order_days),
        documents=preload.documents,
        patients=preload.patients,
    )


def supervisor(services: Services) -> Supervisor:
    """Who looks through the traces of these services (RECO 01). Raises ValueError naming the setting that is wrong."""
    settings = services.settings
    wanted = settings.supervision
    found = criteria(knowledge.rows("supervision/criteria.csv"), wanted.thresholds)
    if unknown := set(wanted.suspend) - {criterion.name for criterion in found}:
        raise ValueError(f"DMP_FACADE_SUPERVISION__SUSPEND: there is no criterion {', '.join(sorted(unknown))}")
    secret = wanted.webhook_secret.get_secret_value().encode()
    return Supervisor(
        services,
        usages=Usages(services.database),
        staff=staff(services),
        criteria=found,
        webhook=Webhook(wanted.webhook_url, secret) if wanted.webhook_url else None,
    )


def staff(services: Services) -> Staff:
    """Whose records are those of colleagues."""
    secrets = [secret.get_secret_value().encode() for secret in services.settings.seal_secrets]
    return Staff(services.database, secrets)


def dmp_config(settings: Settings, own: Structure) -> DmpConfig:
    """The DMP's configuration. Raises ValueError naming the setting that is missing."""
    dmp = settings.dmp
    if not dmp.base_url:
        raise ValueError("DMP_FACADE_DMP__BASE_URL is not set")
    if not settings.oid_root:
        raise ValueError("DMP_FACADE_OID_ROOT is not set")
    return DmpConfig(
        base_url=dmp.base_url,
        auth=KeyFiles(_path(dmp.auth_certificate, "AUTH_CERTIFICATE"), dmp.auth_key, _secret(dmp.auth_password)),
        sign=KeyFiles(_path(dmp.sign_certificate, "SIGN_CERTIFICATE"), dmp.sign_key, _secret(dmp.sign_password)),
        ca=_path(dmp.ca, "CA"),
        structure=own,
        editor=Editor(dmp.lps_name, dmp.lps_version or __version__, dmp.lps_id, dmp.homologation_id.get_secret_value()),
        oid_root=settings.oid_root,
        vihf=_vihf(dmp.vihf),
        lot_signature_hash=dmp.lot_hash,
        **dmp.model_dump(include=_AS_THEY_ARE),
    )


def _result_codes() -> set[str]:
    """How a transaction may end, as far as a table says so; the errors of networks and answers are the facade's own."""
    return {"ok", "error", *(row["code"] for name in ("dmp", "facade") for row in knowledge.rows(f"errors/{name}.csv"))}


def _vihf(options: VihfSettings) -> VihfOptions:
    return VihfOptions(
        version=options.version,
        mode_attribute=options.mode_attribute,
        purpose_code_system=options.purpose_oid,
        purpose_code_system_name=options.purpose_name,
        resource_urn=options.resource_urn,
        authn_class=options.context_class,
        authn_class_other=options.context_class_other,
        authn_decl=options.context_declaration,
        conditions_seconds=options.conditions_seconds,
        hash=options.hash,
        reuse_seconds=options.reuse_seconds,
    )


def _path(value: Path | None, name: str) -> Path:
    if value is None:
        raise ValueError(f"DMP_FACADE_DMP__{name} is not set")
    return value


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def _identity(settings: Settings, structures: dict[str, Structure], own: Structure) -> IdentityConfig:
    issuers = tuple(
        IssuerConfig(
            issuer=each.issuer,
            kind=IssuerKind(each.kind),
            audience=each.audience,
            algorithms=each.algorithms,
            jwks_uri=each.jwks_uri,
            discovery_uri="" if each.jwks_uri or each.jwks_file else each.discovery_uri or each.issuer + _DISCOVERY,
            jwks_file=each.jwks_file,
            leeway=each.leeway,
            ca_bundle=each.ca_bundle,
        )
        for each in settings.issuers
    )
    return IdentityConfig(
        issuers=issuers,
        structures=structures,
        own_structure=own,
        applications={each.id: Application(**each.model_dump()) for each in settings.applications},
        accepted_acr=settings.two_factor_acr,
        bound_structure_tokens=settings.bound_structure_tokens,
        citizens_enabled=settings.citizens,
    )


def _document(app: Flask) -> None:
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
    for module in _FHIR:
        _register(api, module.blueprint, "/fhir")
    for module in (health, docs):
        _register(api, module.blueprint, "/")


def _register(api: Api, blueprint: SmorestBlueprint, prefix: str) -> None:
    api.register_blueprint(blueprint, url_prefix=prefix)

"""From the settings to the parts every act works with: made here once, and nowhere else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from facade import __version__, knowledge
from facade.dmp.config import SERVICES, DmpConfig, Editor, KeyFiles, VihfOptions
from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Application, Structure
from facade.domain.turns import Turns
from facade.identity.config import IdentityConfig, IssuerConfig, IssuerKind
from facade.identity.verifier import TokenVerifier
from facade.mailroom import open_outbox
from facade.observability import database as database_use
from facade.observability import metrics, spans
from facade.observability.context import ContextThreads
from facade.observability.dmp import DmpObserver
from facade.observability.webhook import Webhook
from facade.policy.access import Habilitation, PolicySettings, PreloadLimits
from facade.policy.supervision import criteria
from facade.policy.tables import AccessTables
from facade.records.alerts import Alerts
from facade.records.consents import Consents
from facade.records.engine import Database, open_database
from facade.records.hidden import HiddenDocuments
from facade.records.intents import Intents
from facade.records.pairings import Pairings
from facade.records.preloads import Preloads
from facade.records.publications import Publications
from facade.records.staff import Staff
from facade.records.suspensions import Suspensions
from facade.records.traces import Traces
from facade.records.usages import Usages
from facade.records.vault import Vault
from facade.settings import Settings
from facade.settings_parts import PreloadSettings, VihfSettings
from facade.transactions.outbox_figures import read_figures
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


def wire(settings: Settings) -> Services:
    """Make every part from the settings. Raises ValueError naming the setting that is missing or wrong."""
    if not settings.seal_secrets:
        raise ValueError("DMP_FACADE_SEAL_SECRETS is not set: a secret of at least 32 characters is needed")
    if settings.otel_endpoint:
        spans.export_to(settings.otel_endpoint, version=__version__, ratio=settings.otel_ratio)
    database = _database(settings)
    alerts = Alerts(database)
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
    outbox = open_outbox(settings, database)
    ids = SealedIds([derive_key(secret.get_secret_value().encode()) for secret in settings.seal_secrets])
    return Services(
        settings=settings,
        gateway=gateway,
        codes=CodeTables.from_rows(knowledge.rows),
        access=AccessTables.from_rows(knowledge.rows),
        policy=_policy(settings),
        database=database,
        traces=Traces(database),
        intents=Intents(database),
        consents=Consents(database),
        publications=Publications(database, pending_for=timedelta(seconds=settings.publication_pending_seconds)),
        hidden=HiddenDocuments(database),
        outbox=outbox,
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
        outbox_probe=Probe(partial(read_figures, outbox), pending=None),
        turns=turns,
        clock=lambda: datetime.now(UTC),
        new_uuid=lambda: str(uuid.uuid4()),
    )


def _database(settings: Settings) -> Database:
    database = open_database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        busy_timeout=settings.database_wait_seconds,
        statement_timeout=settings.database_statement_seconds,
    )
    database_use.watch(database.engine)
    return database


def _policy(settings: Settings) -> PolicySettings:
    return PolicySettings(
        habilitation=Habilitation(settings.habilitation),
        citizens_enabled=settings.citizens,
        on_behalf_required=settings.masking_statement_required,
        emergency_minutes=settings.emergency_minutes,
        preload=_preload_limits(settings.preload),
        suspension_stops_emergencies=settings.supervision.suspension_stops_emergencies,
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

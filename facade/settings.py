"""Every setting of the facade, typed, with its environment variable and default.

Each setting is read from ``DMP_FACADE_<NAME>`` (nested ones with ``__``, lists and objects as JSON) and, below that,
from the TOML file named by ``DMP_FACADE_CONFIG``. Where the official texts leave something open, the setting's
description says so and the default is the value seen in the official samples.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from facade.mail.settings import MailSettings
from facade.settings_parts import (
    MEGABYTE,
    ApplicationSettings,
    DmpSettings,
    IssuerSettings,
    PreloadSettings,
    StructureSettings,
    SupervisionSettings,
)

KILOBYTE = 1024
_CHANGES = ("TD0.3", "TD2.1", "TD3.3")
_ASKED = ("TD0.2", "TD3.1")
_ORIGIN = re.compile(r"^https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z")


class Settings(BaseSettings):
    """The settings of one facade."""

    # What was given is not quoted in an error: it may be a secret.
    model_config = SettingsConfigDict(
        env_prefix="DMP_FACADE_", env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True
    )

    public_url: str = Field("http://127.0.0.1:8000", description="What clients see before /fhir, /docs")
    host: str = Field("127.0.0.1", description="Address the server listens on")
    port: int = Field(8000, description="Port the server listens on")
    workers: int = Field(3, description="Server processes: one more than the processors they may use")
    threads: int = Field(
        64, ge=1, description="Requests in work at once in one process; each may hold two connections of dmp.pool_size"
    )
    queue: int = Field(512, ge=0, description="Requests that wait for a thread in one process; beyond, 503 at once")
    queue_seconds: float = Field(20.0, gt=0, description="Seconds one of them waits at most, then 503")
    connections: int = Field(2000, ge=1, description="Connections open at once in one process, idle ones too")
    headers_seconds: float = Field(
        65.0,
        gt=0,
        description="Seconds until a (next) request has come up to its body; an idle connection is kept so long",
    )
    body_seconds: float = Field(60.0, gt=0, description="Seconds until a request's body has come; then 408")
    header_count: int = Field(64, ge=1, description="Headers of a request at most; beyond, 431")
    header_bytes: int = Field(48 * KILOBYTE, ge=1, description="Names and values of all headers at most; beyond, 431")
    target_bytes: int = Field(8 * KILOBYTE, ge=1, description="Path and query of a request at most; beyond, 414")
    large_at_once: int = Field(
        1, ge=0, description="Large answers (100 results) read and written at once in one process; 0: no limit"
    )
    upload_bytes: int = Field(64 * MEGABYTE, ge=1, description="Bodies one process holds at once; beyond, 503")
    stop_delay_seconds: float = Field(
        0.0, ge=0, description="Seconds between not being ready (SIGTERM) and refusing connections, for a load balancer"
    )
    stop_seconds: int = Field(
        75, ge=1, description="Seconds a stop or reload waits for requests in work and in the queue, then cuts them off"
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM of the server's certificate and its chain: the facade then serves https (TLS 1.2 or more)",
    )
    tls_key: Path | None = Field(None, description="Its key, PEM")
    tls_password: SecretStr | None = Field(None, description="Password of the key, where it has one")
    tls_client_ca: Path | None = Field(
        None, description="PEM of the authorities of client certificates, for tokens bound to one (RFC 8705)"
    )
    database_url: str = Field("sqlite:///dmp-facade.db", description="SQLAlchemy URL of traces, consents, publications")
    database_pool_size: int = Field(16, ge=1, description="Connections to the database at most, of each server process")
    database_wait_seconds: float = Field(
        10.0, gt=0, description="Seconds an act waits for a connection, or for another writer; then 503"
    )
    database_statement_seconds: float = Field(
        30.0, gt=0, description="Seconds one statement may take, or a transaction be idle (PostgreSQL); then 503"
    )
    publication_pending_seconds: int = Field(
        300,
        description="Seconds after which a publication whose process fell silent is looked up at the DMP: longer than "
        "the DMP is waited for (TD2.1: connect, read, answer_seconds), and than the clocks of two hosts may differ",
    )
    seal_secrets: tuple[SecretStr, ...] = Field(
        (), description="Secrets of the sealed ids: the first seals, all open. At least 32 characters each"
    )
    issuers: tuple[IssuerSettings, ...] = Field((), description="The token issuers that are believed")
    two_factor_acr: tuple[str, ...] = Field(("eidas1",), description="acr values that mean two factors (EXI 23)")
    bound_structure_tokens: bool = Field(True, description="A structure's token must be bound to its certificate")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Addresses or networks whose Client-Cert header is believed (RFC 9440)"
    )
    structures: tuple[StructureSettings, ...] = Field((), description="The structures served, with their homologation")
    applications: tuple[ApplicationSettings, ...] = Field((), description="Applications of the catalogue served")
    own_structure: str = Field("", description="Struct_IdNat of the structure that holds the certificates")
    oid_root: str = Field("", description="OID root under which uniqueIds and sourceId are made")
    dmp: DmpSettings = Field(DmpSettings(), description="Where the DMP is and how it is spoken to")
    mail: MailSettings = Field(MailSettings(), description="Secure messaging (MSSanté)")
    test_identities: bool = Field(False, description="Accept INS of the test and demo authorities (.10, .11)")
    identity_status_required: bool = Field(False, description="A publication must state the identity's reliability")
    citizens: bool = Field(False, description="Accept patients, representatives, applications (assumed interface)")
    habilitation: Literal["known-denials", "strict", "off"] = Field(
        "known-denials",
        description="Cells the habilitation matrix does not know: allowed, refused (strict), or no matrix at all (off)",
    )
    emergency_minutes: int = Field(60, ge=1, description="How long one stated reason opens a record in an emergency")
    preload: PreloadSettings = Field(PreloadSettings(), description="Preloading before an appointment (EXI 11, EXI 12)")
    trace_retention_days: int = Field(184, ge=1, description="How long traces are kept: six months (référentiel 5.5)")
    supervision: SupervisionSettings = Field(SupervisionSettings(), description="Supervision of uses (RECO 01)")
    masking_statement_required: bool = Field(False, description="Masking-On-Behalf-Of-Holder is compulsory")
    traits_from_dmp: bool = Field(True, description="Fill the CDA header with the traits of TD0.2 where none are given")
    max_body_bytes: int = Field(16 * MEGABYTE, description="Largest request body; more is refused with 413")
    max_page: int = Field(200, description="Largest _count")
    max_batch: int = Field(20, ge=1, description="Entries of a batch Bundle at most: their documents are held at once")
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose web pages may call /fhir, each exactly scheme://host[:port]; none by default"
    )
    compression: tuple[Literal["br", "gzip"], ...] = Field(
        ("br", "gzip"), description="Content codings of answers, preferred first; never of documents; empty: none"
    )
    console: Path | None = Field(
        None,
        description="File of readers, their tokens and patients: serves /console, where whoever opens it acts as any "
        "of them. For demonstrations only: it needs test_identities",
    )
    metrics_addresses: tuple[IPvAnyNetwork, ...] = Field(
        (ip_network("127.0.0.1"), ip_network("::1")),
        description="Addresses or networks that may read /metrics, and why /readyz is not ready: what is counted must "
        "not be an oracle",
    )
    otel_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="OTLP receiver of the traces (HTTP, protobuf), without /v1/traces; empty: no traces are made. "
        "Needs the extra dmp-facade[otel]; its headers and authorities as in OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE",
    )
    otel_ratio: float = Field(1.0, ge=0, le=1, description="Part of the traces begun here that is kept")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged")

    @field_validator("seal_secrets")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 32 for secret in secrets):  # noqa: PLR2004 - said in the description
            raise ValueError("a seal secret has at least 32 characters")
        return secrets

    @model_validator(mode="after")
    def _console_for_demonstrations(self) -> Settings:
        if self.console is not None and not self.test_identities:
            raise ValueError("the console is for demonstrations: it needs test_identities")
        return self

    @model_validator(mode="after")
    def _longer_than_the_dmp_is_waited_for(self) -> Settings:
        patience = self.dmp.patience("TD2.1")
        if self.publication_pending_seconds <= patience:
            raise ValueError(f"publication_pending_seconds is more than the DMP is waited for: {patience:g} (TD2.1)")
        return self

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ORIGIN.match(origin) for origin in origins):
            raise ValueError("an origin is scheme://host or scheme://host:port, without a path or a wildcard")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the TOML file."""
        del dotenv_settings, file_secret_settings
        sources = (init_settings, env_settings)
        file = os.environ.get("DMP_FACADE_CONFIG")
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(file))) if file else sources

    def missing(self) -> list[str]:
        """The environment names of settings without which the facade cannot serve."""
        dmp = self.dmp
        needed = {
            "SEAL_SECRETS": self.seal_secrets,
            "OID_ROOT": self.oid_root,
            "OWN_STRUCTURE": any(each.id == self.own_structure for each in self.structures),
            "ISSUERS": self.issuers,
            "DMP__BASE_URL": dmp.base_url,
            "DMP__CA": dmp.ca,
            "DMP__AUTH_CERTIFICATE": dmp.auth_certificate,
            "DMP__SIGN_CERTIFICATE": dmp.sign_certificate,
        }
        return [f"DMP_FACADE_{name}" for name, value in needed.items() if not value]

    @property
    def intent_seconds(self) -> float:
        """Seconds after which a change nobody closed is that of a dead process.

        Twice the longest a change may take from when it is declared: one exchange, two questions about what became of
        it, and its trace. The other half is for hosts whose clocks differ.
        """
        changes, asked = max(map(self.dmp.patience, _CHANGES)), max(map(self.dmp.patience, _ASKED))
        trace = self.database_wait_seconds + self.database_statement_seconds
        return 2 * max(self.publication_pending_seconds, changes + 2 * asked + trace)

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL, without a slash at its end."""
        return f"{self.public_url.rstrip('/')}/fhir"

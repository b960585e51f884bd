"""The parts of ``facade.settings``: structures, issuers, the DMP, preloading, supervision."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from facade.dmp.config import TLS_SUITES

MEGABYTE = 1024 * 1024


class Part(BaseModel):
    """A part of the settings: a name that is misspelt is an error there too."""

    model_config = ConfigDict(extra="forbid")


class StructureSettings(Part):
    """A care structure this facade works for, as declared to the Assurance Maladie (EXI 26, EXI 29)."""

    id: str = Field(description="Struct_IdNat: 1+FINESS, 3+SIRET, 4+RPPS+rank")
    name: str = Field(description="Its name, in the VIHF, authors and traces")
    sector: str = Field(description="TRE_R02 sector of activity, e.g. SA01")
    homologated_on: date | None = Field(None, description="Date of the AIR self-homologation (EXI 29)")
    homologated_until: date | None = Field(None, description="Its end, three years after at most (EXI 29)")

    @model_validator(mode="after")
    def _three_years_at_most(self) -> StructureSettings:
        start, end = self.homologated_on, self.homologated_until
        if (start is None) != (end is None):
            raise ValueError("homologated_on and homologated_until go together (EXI 29)")
        if start and end and not start <= end <= _three_years_after(start):
            raise ValueError("homologated_until is after homologated_on, by three years at most (EXI 29)")
        return self


def _three_years_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 3)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + 3, day=28)


class ApplicationSettings(Part):
    """An application of the Mon espace santé catalogue whose tokens are served."""

    id: str = Field(description="Its client id, as in the azp claim")
    name: str = Field(description="Its name, in authors and traces")
    editor: str = Field(description="Who makes it")
    oid: str = Field(description="OID of its editor's solution: the authority of its id as an author (SNR)")


class IssuerSettings(Part):
    """A token issuer that is believed, and for which kind of caller."""

    issuer: str = Field(description="Exact value of the iss claim")
    kind: Literal["professional", "structure", "citizen"] = Field(description="Whose tokens it issues")
    audience: str = Field("dmp-facade", description="What the aud claim must hold")
    algorithms: tuple[str, ...] = Field(("RS256",), description="Accepted algorithms; never read from a token")
    jwks_uri: str = Field("", description="Where the keys are; empty: the discovery document says it")
    discovery_uri: str = Field("", description="Empty: issuer + /.well-known/openid-configuration (not so at PSC)")
    jwks_file: Path | None = Field(None, description="The keys in a file instead, for an issuer out of reach")
    ca_bundle: str = Field("", description="PEM of the authorities of the keys' server, where it has its own")
    leeway: int = Field(30, description="Seconds by which clocks may differ, 30 at most")


class VihfSettings(Part):
    """What the official text leaves open in a VIHF (dialects seen between samples, volets and example code)."""

    version: str = Field("3.0", description="VIHF_Version: 3.0 in all samples, 4.0 in one table")
    mode_attribute: str = Field("Authentification_mode", description="or Authentification_Mode")
    purpose_oid: str = Field("1.2.250.1.213.1.1.4.248", description="or 1.2.250.1.213.1.1.4.336 (JDV_J38)")
    purpose_name: str = Field("mode acces VIHF 2.0", description="codeSystemName beside purpose_oid, as in the samples")
    resource_urn: str = Field("urn:dmp", description="Ressource_URN")
    context_class: str = Field(
        "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
        description="AuthnContextClassRef: how the user logged in locally (EX_0.1-1020)",
    )
    context_class_other: str = Field(
        "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
        description="AuthnContextClassRef of callers that are no professionals (automates, citizens)",
    )
    context_declaration: str = Field(
        "CONF_EXI_PGSSIS",
        description="AuthnContextDecl of INDIRECTE_RENFORCEE: this of AIR simplifié (EX_AIR-050), another of AIR",
    )
    conditions_seconds: int | None = Field(
        None, gt=0, description="Write Conditions valid this long before and after the emission; no sample has any"
    )
    hash: Literal["sha256", "sha1"] = Field(
        "sha256", description="Of signature and digests. Samples of 2020 are SHA-1, those of 2024 SHA-256"
    )
    reuse_seconds: float = Field(
        120.0,
        ge=0,
        description="A VIHF serves the same caller, patient, purpose and mode this long; 0 signs every one. "
        "Never more than half of conditions_seconds",
    )


class DmpSettings(Part):
    """Where the DMP is, with which certificates it is spoken to, and with how much patience."""

    base_url: str = Field("", description="https://<host>/si-dmp-server/v2/services")
    services: dict[str, str] = Field(
        {},
        description="Where a service is not at base_url/<its name>: the path below base_url, or an https URL, of "
        "patients, patientsSpecific, habilitations, registry, repository",
    )
    ca: Path | None = Field(None, description="PEM of the authorities the DMP's certificate must come from")
    auth_certificate: Path | None = Field(None, description="ORG AUTH_CLI (TLS client): PEM, or PKCS#12 (.p12)")
    auth_key: Path | None = Field(None, description="Its key, PEM; none with PKCS#12")
    auth_password: SecretStr | None = Field(None, description="Of that key or PKCS#12, where it has one")
    sign_certificate: Path | None = Field(None, description="ORG SIGN (VIHF and lots): PEM, or PKCS#12 (.p12)")
    sign_key: Path | None = Field(None, description="Its key, PEM; none with PKCS#12")
    sign_password: SecretStr | None = Field(None, description="Of that key or PKCS#12, where it has one")
    tls_suites: str = Field(
        TLS_SUITES, description="OpenSSL names of the suites offered in TLS 1.2 (PDT-INF-579v4); those of 1.3 are fixed"
    )
    connect_timeout: float = Field(3.0, description="Seconds")
    connect_timeouts: dict[str, float] = Field(
        {}, description="Seconds, for single transactions (TD0.2, TD2.1...): overrides connect_timeout"
    )
    read_timeout: float = Field(20.0, description="Seconds between two bytes of an answer")
    read_timeouts: dict[str, float] = Field(
        {"TD2.1": 60.0, "TD3.2": 60.0}, description="Seconds, for single transactions: overrides read_timeout"
    )
    answer_seconds: float = Field(120.0, description="Seconds the reading of one whole answer may take")
    max_answer_bytes: int = Field(128 * MEGABYTE, description="Largest answer of the DMP; more is refused with 502")
    pool_size: int = Field(200, description="Connections to the DMP at most; above, 503 at once")
    read_attempts: int = Field(2, description="How often a read is sent when the connection fails; a change: once")
    circuit_failures: int = Field(8, description="Failures in a row after which a service is left alone")
    circuit_seconds: int = Field(15, description="Seconds it is left alone: 503 with Retry-After at once")
    repository_oid: str = Field("1.2.250.1.213.4.1.1.1.2", description="repositoryUniqueId of an entry without one")
    receiver_oid: str = Field("1.2.250.1.213.4.1.1.1", description="The DMP as HL7v3 device (TD0.2, TD1.3a)")
    home_community_oid: str = Field("", description="HomeCommunityId of TD3.2; the samples have none")
    processing_code: Literal["P", "D", "T"] = Field(
        "P", description="processingCode of HL7v3: the request samples have D, the answers P"
    )
    entry_uuids: Literal["ours", "dmp"] = Field(
        "ours",
        description="Who gives a new document its entryUUID. ours: the facade, and the DMP keeps it. dmp: symbolic ids "
        "are sent, as in the samples, and looked up by uniqueId after a publication (which EX_3.1-2030 is against)",
    )
    lot_hash: Literal["sha256", "sha1"] = Field("sha256", description="Of the XAdES signature of lots; samples: SHA-1")
    actions: dict[str, str] = Field(
        {}, description="WS-Addressing Action by transaction where the DMP wants another, e.g. TD0.3 (sample or WSDL)"
    )
    lps_name: str = Field("dmp-facade", description="LPS_Nom of the VIHF")
    lps_version: str = Field("", description="LPS_Version of the VIHF; empty: the facade's version")
    lps_id: str = Field("", description="LPS_ID of the VIHF, optional")
    homologation_id: SecretStr = Field(SecretStr(""), description="LPS_ID_HOMOLOGATION_DMP, secret (EX_GEN-1490)")
    vihf: VihfSettings = Field(VihfSettings(), description="What the official text leaves open in a VIHF")

    def patience(self, transaction: str) -> float:
        """Seconds one exchange of a transaction may take."""
        connect = self.connect_timeouts.get(transaction, self.connect_timeout)
        return connect + self.read_timeouts.get(transaction, self.read_timeout) + self.answer_seconds


class PreloadSettings(Part):
    """Temporary preloading before an appointment (référentiel 5.1, EXI 11, EXI 12): its limits can only be lowered."""

    enabled: bool = Field(True, description="Accept orders to preload; what is kept already is removed in its time")
    automatic: bool = Field(
        True,
        description="Fetch before the professional logs in, by AIR simplifié (référentiel 5.1.3); otherwise only when "
        "the professional asks ($run)",
    )
    window_hours: float = Field(72, gt=0, le=72, description="Nothing is fetched earlier before the appointment")
    lead_hours: float = Field(
        24,
        gt=0,
        le=72,
        description="How long before it data is fetched by itself; it is kept retention_hours from then",
    )
    retention_hours: float = Field(72, gt=0, le=72, description="What was fetched is removed after this time at most")
    documents: int = Field(10, ge=1, le=10, description="Contents kept of one patient, for one professional")
    patients: int = Field(50, ge=1, le=50, description="Patients preloaded in 24 hours, for one professional")
    order_days: int = Field(
        30, ge=1, le=90, description="How long before the appointment it may be ordered, logged in (assumed, EXI 23)"
    )
    sweep_seconds: float = Field(
        30, gt=0, le=3600, description="How often each process looks for what is due and removes what is over"
    )
    lease_seconds: float = Field(
        300, ge=1, description="A process that fetches and is not heard of so long is given up"
    )
    retry_seconds: float = Field(300, ge=1, description="How long after a failure of the DMP a fetch is tried again")


class SupervisionSettings(Part):
    """Supervision of uses (RECO 01): what raises an alert, who is told, what suspends an access."""

    every_seconds: float = Field(60.0, ge=0, description="How often new traces are looked through; 0: never")
    thresholds: dict[str, int] = Field(
        {}, description="Thresholds other than those of mappings/supervision/criteria.csv, by criterion; 0 turns it off"
    )
    usual_from: time = Field(time(6), description="From when on uses are at usual hours, in French legal time")
    usual_until: time = Field(time(22), description="Until when; before usual_from: over midnight")
    suspend: tuple[str, ...] = Field(
        (), description="Criteria whose alert suspends the person's access until it is released; none by default"
    )
    suspension_stops_emergencies: bool = Field(False, description="A suspended person's emergencies are refused too")
    readers: tuple[SecretStr, ...] = Field(
        (), description="IdNat_PS of professionals who may read the alerts of their structure, as its software may"
    )
    webhook_url: str = Field("", description="https address told of each alert, without whom and whose record")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Signs what it is told (HMAC-SHA256)")

    @model_validator(mode="after")
    def _signed(self) -> SupervisionSettings:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("webhook_url needs a webhook_secret: what it is told is signed")
        return self

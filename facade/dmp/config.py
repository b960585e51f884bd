"""Every choice the speaker of the DMP leaves to its installation, typed, with the documented defaults.

Where the official texts contradict each other (VIHF version, spelling of an attribute, OID of a code system) the value
is a field here. Sources: DMP interface for care software (SEL-MP-037 as known), CI-SIS transport, PDT-INF-579 (TLS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facade.domain.caller import Structure

SERVICES = ("patients", "patientsSpecific", "habilitations", "registry", "repository")
UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
SMARTCARD = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
# PDT-INF-579: the suites a care software offers in TLS 1.2 (TLS 1.3 has its own, all acceptable).
TLS_SUITES = (
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-SHA384"
)


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """A certificate (its chain may follow) and its private key: two PEM files, or one PKCS#12 (``.p12``, ``.pfx``)."""

    certificate: Path
    key: Path | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_pkcs12(self) -> bool:
        """Whether the certificate file is a PKCS#12 that holds the key too."""
        return self.certificate.suffix.lower() in (".p12", ".pfx")


@dataclass(frozen=True, slots=True)
class Editor:
    """The software as it names itself in the VIHF. ``homologation_id`` is a secret (EX_GEN-1490)."""

    name: str
    version: str
    id: str = ""
    homologation_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class VihfOptions:
    """How the VIHF is written where sources differ.

    ``authn_class`` is the SAML class of the local login of professionals, ``authn_class_other`` that of every other
    caller. ``authn_decl`` is sent in INDIRECTE_RENFORCEE only (EX_AIR-050). ``conditions_seconds`` writes
    Conditions NotBefore/NotOnOrAfter around the emission when set. ``hash`` is ``sha256`` or, for a peer that knows
    nothing better, ``sha1``. ``reuse_seconds`` is how long one assertion serves the reads of the same caller, patient,
    purpose and mode, but never for more than half of ``conditions_seconds``; zero signs every one.
    """

    version: str = "3.0"
    mode_attribute: str = "Authentification_mode"
    purpose_code_system: str = "1.2.250.1.213.1.1.4.248"
    purpose_code_system_name: str = "mode acces VIHF 2.0"
    resource_urn: str = "urn:dmp"
    authn_class: str = SMARTCARD
    authn_class_other: str = UNSPECIFIED
    authn_decl: str = "CONF_EXI_PGSSIS"
    conditions_seconds: int | None = None
    hash: str = "sha256"
    reuse_seconds: float = 120.0
    reuse_entries: int = 1024

    @property
    def reused_for(self) -> float:
        """Seconds after which an assertion is made anew: its Conditions must still hold when it arrives."""
        if self.conditions_seconds is None:
            return self.reuse_seconds
        return min(self.reuse_seconds, self.conditions_seconds / 2)


@dataclass(frozen=True, slots=True)
class DmpConfig:
    """Where the DMP is, with which keys it is spoken to, and with how much patience.

    ``base_url`` ends where the service names begin (``…/si-dmp-server/v2/services``). ``auth`` is the ORG AUTH_CLI key
    (TLS), ``sign`` the ORG SIGN key (VIHF and lots), ``ca`` the only authorities trusted. ``structure`` is the facade's
    own, ``oid_root`` the OID of this software as an HL7 device. ``services`` are paths below ``base_url``, or https
    addresses of their own, where they are not named as in ``SERVICES``. ``home_community_oid`` is sent in TD3.2 when it
    is not empty (the samples have none). ``entry_uuids`` is ``ours`` where the DMP keeps the entryUUIDs it is sent,
    ``dmp`` where it gives its own: symbolic ids are sent then. ``actions``
    (by transaction, e.g. ``TD0.3``) replace a SOAP action: the official samples and the WSDL differ on those of TD0.3
    and TD1.6, and the samples' are sent unless it is said otherwise. ``connect_timeouts`` and ``read_timeouts``
    (seconds, by transaction) override ``connect_timeout`` and ``read_timeout``; ``answer_seconds`` bounds the reading
    of one whole answer. ``pool_size`` exchanges go on at a time, more are refused at once. ``read_attempts`` concerns
    reads only.
    """

    base_url: str
    auth: KeyFiles
    sign: KeyFiles
    ca: Path
    structure: Structure
    editor: Editor
    oid_root: str
    vihf: VihfOptions = VihfOptions()
    services: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    repository_oid: str = "1.2.250.1.213.4.1.1.1.2"
    receiver_oid: str = "1.2.250.1.213.4.1.1.1"
    home_community_oid: str = ""
    processing_code: str = "P"
    entry_uuids: str = "ours"
    lot_signature_hash: str = "sha256"
    tls_suites: str = TLS_SUITES
    connect_timeout: float = 3.0
    connect_timeouts: Mapping[str, float] = field(default_factory=dict)
    read_timeout: float = 20.0
    read_timeouts: Mapping[str, float] = field(default_factory=lambda: {"TD2.1": 60.0, "TD3.2": 60.0})
    answer_seconds: float = 120.0
    pool_size: int = 200
    max_answer_bytes: int = 128 * 1024 * 1024
    max_parts: int = 512
    read_attempts: int = 2
    retry_seconds: float = 10.0
    circuit_failures: int = 8
    circuit_seconds: int = 15

    def __post_init__(self) -> None:
        if not self.base_url.startswith("https://"):
            raise ValueError("the DMP is spoken to over https only")
        if {self.vihf.hash, self.lot_signature_hash} - {"sha256", "sha1"}:
            raise ValueError("the signature hash is sha256 or sha1")
        if self.read_attempts < 1 or self.circuit_failures < 1 or self.pool_size < 1:
            raise ValueError("read_attempts, circuit_failures and pool_size are at least 1")
        if unknown := set(self.services) - set(SERVICES):
            raise ValueError(f"services the DMP does not have: {', '.join(sorted(unknown))}")
        if any(place.startswith("http://") for place in self.services.values()):
            raise ValueError("the DMP is spoken to over https only")

    def url(self, service: str) -> str:
        """The address of one of ``SERVICES``."""
        place = self.services.get(service, service)
        return place if place.startswith("https://") else f"{self.base_url.rstrip('/')}/{place.lstrip('/')}"

    def timeouts(self, transaction: str) -> tuple[float, float]:
        """Seconds allowed to connect for this transaction, and of silence while its answer is awaited."""
        connect = self.connect_timeouts.get(transaction, self.connect_timeout)
        return connect, self.read_timeouts.get(transaction, self.read_timeout)

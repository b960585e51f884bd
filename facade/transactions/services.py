"""The parts every act works with, wired once by ``facade.app``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from facade.domain.dmp import DmpGateway
from facade.domain.mail import OutboxFigures
from facade.domain.turns import Turns
from facade.identity.verifier import TokenVerifier
from facade.policy.access import PolicySettings
from facade.policy.tables import AccessTables
from facade.records.alerts import Alerts
from facade.records.consents import Consents
from facade.records.engine import Database
from facade.records.hidden import HiddenDocuments
from facade.records.intents import Intents
from facade.records.outbox import Outbox
from facade.records.preloads import Preloads
from facade.records.publications import Publications
from facade.records.suspensions import Suspensions
from facade.records.traces import Traces
from facade.settings import Settings
from facade.transactions.probe import Probe
from facade.translation.sealed_ids import SealedIds
from facade.translation.subject_in import SubjectRules
from facade.translation.tables import CodeTables


@dataclass(frozen=True, slots=True)
class Services:
    """``parallel`` runs TD0.2 beside another transaction, ``turns`` large sections one by one.

    ``clock`` and ``new_uuid`` are all that is not input.
    """

    settings: Settings
    gateway: DmpGateway
    codes: CodeTables
    access: AccessTables
    policy: PolicySettings
    database: Database
    traces: Traces
    intents: Intents
    consents: Consents
    publications: Publications
    hidden: HiddenDocuments
    outbox: Outbox
    preloads: Preloads
    alerts: Alerts
    suspensions: Suspensions
    verifier: TokenVerifier
    ids: SealedIds
    subjects: SubjectRules
    parallel: Executor
    dmp_probe: Probe[str | None]
    outbox_probe: Probe[OutboxFigures | None]
    turns: Turns
    clock: Callable[[], datetime]
    new_uuid: Callable[[], str]

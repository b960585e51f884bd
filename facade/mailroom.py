"""The outbox as the settings want it: for the application, and for what needs nothing else of it."""

from __future__ import annotations

from datetime import timedelta

from facade.domain.mail import Deferred
from facade.mail.settings import mail_config
from facade.mail.submission import Submitter
from facade.records.engine import Database
from facade.records.outbox import Outbox
from facade.records.sealing import Sealer
from facade.settings import Settings
from facade.translation.sealed_ids import derive_key

# How much longer than its own patience a sender that hands a message over may live before it is taken for dead.
_PATIENCE = 1.5


def open_outbox(settings: Settings, database: Database) -> Outbox:
    """The outbox of a database. Raises ValueError when no seal secret is set."""
    keys = [derive_key(secret.get_secret_value().encode(), b"outbox") for secret in settings.seal_secrets]
    return Outbox(
        database,
        Sealer(keys),
        lease=timedelta(seconds=settings.mail.lease_seconds),
        handing_over=timedelta(seconds=settings.mail.data_timeout * _PATIENCE),
    )


def diagnose(settings: Settings) -> list[str]:
    """What keeps messages from being sent, in words for the operator: nothing where messaging is not configured."""
    if not settings.mail.host:
        return []
    try:
        submitter = Submitter(mail_config(settings.mail))
        submitter.open()
        submitter.close()
    except (ValueError, Deferred) as trouble:
        return [f"secure messaging: {trouble}"]
    return []

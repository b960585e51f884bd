"""The outbox as the settings want it: for the application, and for what needs nothing else of it."""

from __future__ import annotations

from datetime import timedelta

from facade.domain.mail import Deferred
from facade.mail.report_box import ReportBox
from facade.mail.settings import box_configs, mail_config
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
    """What keeps messages from being sent or reports from being read, in words; nothing where none are sent."""
    mail, found = settings.mail, []
    if not mail.host:
        return []
    try:
        submitter = Submitter(mail_config(mail))
        submitter.open()
        submitter.close()
    except (ValueError, Deferred) as trouble:
        found.append(f"secure messaging: {trouble}")
    try:
        for box in report_boxes(settings):
            with box:
                pass
    except (ValueError, Deferred) as trouble:
        found.append(f"reports of secure messaging: {trouble}")
    return list(dict.fromkeys(found))


def report_boxes(settings: Settings) -> list[ReportBox]:
    """The boxes reports are collected from; none where that is not wanted. Raises ValueError for settings of no use."""
    reports = settings.mail.reports
    delete = reports.taken == "deleted"
    return [ReportBox(config, reports.folder, delete=delete) for config in box_configs(settings.mail)]

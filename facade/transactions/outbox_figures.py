"""What the outbox does, for whoever watches: read from the database, which all senders write, by whoever is asked."""

from __future__ import annotations

from dataclasses import replace

from facade import knowledge
from facade.domain.mail import OutboxFigures
from facade.records.engine import RecordsUnavailable
from facade.records.outbox import Outbox
from facade.transactions.services import Services


def read_figures(outbox: Outbox) -> OutboxFigures | None:
    """The figures; None when the database cannot be used."""
    try:
        return outbox.figures()
    except RecordsUnavailable:
        return None


def outbox_figures(services: Services) -> OutboxFigures | None:
    """The figures, waited for a second at most; None when there are none by then.

    Reasons are those of mappings/mail/outcomes.csv after which a message is tried again, and each of them is there.
    """
    found = services.outbox_probe.answer()
    if found is None:
        return None
    again = [row["code"] for row in knowledge.rows("mail/outcomes.csv") if row["again"] == "yes"]
    return replace(found, failed={reason: found.failed.get(reason, 0) for reason in again})

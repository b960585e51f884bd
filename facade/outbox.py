"""The sender of secure messages: a process of its own, as many of them as one likes, on as many hosts.

Beside sending it collects the reports that come back, where the sending box is reached by IMAP.

It may be killed at any time: the outbox says which message it had, and whether it may have been handed over.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog

from facade.domain.errors import FacadeError
from facade.domain.mail import Deferred
from facade.lasting import lasting
from facade.mail.settings import mail_config
from facade.mail.submission import Submitter
from facade.mailroom import report_boxes
from facade.observability.logs import configure, log_uncaught
from facade.records.engine import migrate
from facade.settings import Settings
from facade.transactions.mail_notices import Collector
from facade.transactions.mail_sending import give_up, send_next
from facade.transactions.services import Services
from facade.wiring import wire

_IDLE, _TROUBLE, _CHORES = 1.0, 5.0, 60.0
_log = structlog.get_logger("facade")


def run(settings: Settings, *, once: bool = False) -> int:
    """Send what is due until SIGTERM or SIGINT; with ``once`` until nothing is due. Returns what is left waiting.

    Raises ValueError naming the setting that is missing or wrong.
    """
    configure(settings.log_level)
    migrate(settings.database_url)
    with lasting():
        submitter = Submitter(mail_config(settings.mail))
        services = wire(settings)
        collectors = [Collector(services.outbox, box) for box in report_boxes(settings)]
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    chores = 0.0
    # In a thread of its own: a box that does not answer keeps no message from leaving.
    collecting = threading.Thread(
        target=_collect, args=(services, collectors, ended), kwargs={"once": once}, daemon=True
    )
    try:
        collecting.start()
        while not ended.is_set():
            wait, trouble = _round(services, submitter)
            if wait and time.monotonic() >= chores:
                chores = time.monotonic() + _CHORES
                _tidy(services, trouble)
            if once and wait:
                break
            ended.wait(wait)
        while once and collecting.is_alive() and not ended.is_set():
            collecting.join(_IDLE)
    finally:
        submitter.close()
    return services.outbox.waiting()


def _collect(services: Services, collectors: Sequence[Collector], ended: threading.Event, *, once: bool) -> None:
    """Visit the sending boxes until it is over, or once."""
    while collectors and not ended.is_set():
        _visit(services, collectors)
        if once:
            return
        ended.wait(services.settings.mail.reports.seconds)


def _visit(services: Services, collectors: Sequence[Collector]) -> None:
    for collector in collectors:
        try:
            if noted := _collected(services, collector):
                _log.info("mail.reports", noted=noted)
        except FacadeError as error:
            _log.warning("mail.records", error=error.problems[0].code)
        except Exception as error:  # noqa: BLE001 - a thread that ends would leave all reports unread
            log_uncaught(type(error), error.__traceback__)


def _collected(services: Services, collector: Collector) -> int:
    try:
        return collector.collect(services.clock)
    except Deferred as trouble:
        _log.warning("mail.reports-unreachable", reason=trouble.reason)
        services.outbox.failed("mail.reports")
        return 0


def _round(services: Services, submitter: Submitter) -> tuple[float, str]:
    """Send one message; how many seconds to wait before the next round, and why nothing can leave at all."""
    try:
        if send_next(services, submitter):
            return 0.0, ""
    except Deferred as trouble:
        _log.warning("mail.server-unusable", reason=trouble.reason)
        return _TROUBLE, trouble.reason
    except FacadeError as error:
        _log.warning("mail.records", error=error.problems[0].code)
        return _TROUBLE, ""
    return _IDLE, ""


def _tidy(services: Services, reason: str) -> None:
    """Give up what waited for too long, forget what is long settled."""
    try:
        give_up(services, reason)
        services.outbox.purge(services.clock() - timedelta(days=services.settings.mail.retention_days))
    except FacadeError as error:
        _log.warning("mail.records", error=error.problems[0].code)

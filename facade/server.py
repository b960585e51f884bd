"""The production server: granian, WSGI, a pool of threads in each process; gunicorn where client certificates count.

Threads isolate a heavy search from light requests; a search's CPU section runs one at a time per process anyway.
"""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from facade.observability.foreign import server_logging
from facade.observability.shared_folder import shared_folder
from facade.records.engine import migrate
from facade.settings import Settings

# Seconds: what is started together with its database is not restarted for being first.
_DATABASE_STARTS = 30.0


def run() -> None:
    """Migrate the database, then serve until a signal. Settings come from the environment."""
    settings = Settings()
    migrate(settings.database_url, patience=_DATABASE_STARTS)
    # Read by the C library when a worker starts: without it each thread may keep an arena of freed memory.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    with shared_folder():
        if settings.tls_certificate is not None or settings.trusted_proxies:
            # Imported here: most installations need one server only.
            from facade.server_threads import run as run_with_certificates  # noqa: PLC0415

            run_with_certificates(settings, application)
        else:
            _run_granian(settings)


def _run_granian(settings: Settings) -> None:
    Server(
        "facade.server:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        backpressure=settings.threads,
        factory=True,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=server_logging("_granian", "granian.access"),
        workers_kill_timeout=2,
        respawn_failed_workers=True,
    ).serve()


def application() -> Any:
    """The WSGI application of one worker process."""
    from facade.app import create_app, supervisor  # noqa: PLC0415 - imported in the worker, not in its supervisor
    from facade.observability.logs import own_process  # noqa: PLC0415

    own_process()
    settings = Settings()
    app = create_app(settings)
    if settings.supervision.every_seconds:
        looking = supervisor(app.extensions["dmp_facade"])
        every = settings.supervision.every_seconds
        threading.Thread(target=looking.run, args=(every,), name="supervision", daemon=True).start()
    # Tables, models and routes live as long as the process: the collector need not walk them on every search.
    gc.collect()
    gc.freeze()
    return app

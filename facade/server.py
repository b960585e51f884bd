"""The production server: granian, and a pool of threads in each process; gunicorn where it speaks TLS itself.

The supervisor imports the application once: its workers, forked from it, share those pages and are ready at once.
Threads isolate a heavy search from light requests; a search's CPU section runs one at a time per process anyway.
SIGTERM: ready no more, then, after ``stop_delay_seconds``, nothing new; what is in work or in the queue is answered
within ``stop_seconds``. SIGHUP: new processes with the settings and certificates of now, the old ones end like that.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from facade.lasting import lasting
from facade.observability.foreign import server_logging
from facade.observability.shared_folder import shared_folder
from facade.records.engine import migrate
from facade.settings import Settings

# Seconds: what is started together with its database is not restarted for being first.
_DATABASE_STARTS = 30.0
# Seconds a new process may need before the one it replaces is ended.
_START_SECONDS = 60


def run() -> None:
    """Migrate the database, then serve until a signal. Settings come from the environment."""
    settings = Settings()
    migrate(settings.database_url, patience=_DATABASE_STARTS)
    # Read by the C library when a worker starts: without it each thread may keep an arena of freed memory.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    # Shared with the workers: the supervisor is told to stop, they say so; they have started, it may end older ones.
    stopping, started = multiprocessing.Event(), multiprocessing.Semaphore(0)
    with shared_folder():
        _import_application()
        if settings.tls_certificate is not None:
            # Imported here: most installations need one server only.
            from facade.server_threads import run as run_with_certificates  # noqa: PLC0415

            run_with_certificates(settings, partial(application, stopping.is_set), stopping.set)
        else:
            server = _granian(settings, stopping.set, started)
            server.serve(target_loader=partial(_bridge, stopping, started), wrap_loader=False)


def _import_application() -> None:
    """Import what the workers run, before they are forked. Nothing is made of it here: no thread, no connection."""
    # Not with the modules above: metrics are made when they are imported, in the folder there is then.
    with lasting():
        import facade.app  # noqa: PLC0415
        import facade.serving.bridge  # noqa: PLC0415
        import facade.sweeper  # noqa: F401, PLC0415


def application(stopping: Callable[[], bool]) -> Any:
    """The WSGI application of one worker process. ``stopping``: whether the server is about to end."""
    from facade.app import create_app  # noqa: PLC0415 - see _import_application
    from facade.observability.logs import own_process  # noqa: PLC0415
    from facade.sweeper import start_sweeper  # noqa: PLC0415
    from facade.wiring import supervisor  # noqa: PLC0415

    own_process()
    with lasting():
        settings = Settings()
        app = create_app(settings, stopping=stopping)
    if settings.supervision.every_seconds:
        looking = supervisor(app.extensions["dmp_facade"])
        every = settings.supervision.every_seconds
        threading.Thread(target=looking.run, args=(every,), name="supervision", daemon=True).start()
    start_sweeper(app.extensions["dmp_facade"])
    return app


class _Granian(MPServer):
    """Waits a while between being told to stop and stopping, and for a new process before it ends an old one."""

    before_stop: Callable[[], None]
    stop_delay: float
    started: Any
    _replacing = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        self.before_stop()
        if self.stop_delay <= 0:
            super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]
            return
        waiting = threading.Timer(self.stop_delay, super().signal_handler_interrupt)
        waiting.daemon = True
        waiting.start()
        # Told again, it does not wait any longer.
        self.stop_delay = 0

    def _respawn_workers(self, *args: Any, **kwargs: Any) -> None:
        self._replacing = True
        super()._respawn_workers(*args, **kwargs)

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> Any:
        worker: Any = super()._spawn_worker(*args, **kwargs)
        if self._replacing:
            worker.start = partial(self._start_and_wait, worker.start)
        return worker

    def _start_and_wait(self, start: Callable[[], None]) -> None:
        while self.started.acquire(block=False):
            pass
        start()
        self.started.acquire(timeout=_START_SECONDS)


def _granian(settings: Settings, before_stop: Callable[[], None], started: Any) -> MPServer:
    server = _Granian(
        "facade.server",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        workers=settings.workers,
        # Of HTTP/2 it would wait for the first bytes without a limit of time.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(settings.headers_seconds * 1000)),
        backlog=max(1024, settings.connections),
        # Connections, idle ones too. Requests are counted where they can be told to come back.
        backpressure=settings.connections,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=server_logging("_granian", "granian.access"),
        workers_kill_timeout=settings.stop_seconds,
        respawn_failed_workers=True,
        # Between the moment a new process is ready and the end of the one it replaces.
        respawn_interval=1.0,
    )
    server.before_stop, server.stop_delay, server.started = before_stop, settings.stop_delay_seconds, started
    return server


def _bridge(stopping: Any, started: Any) -> Any:
    from facade.serving.bridge import Bridge  # noqa: PLC0415 - in the worker

    return Bridge(application(stopping.is_set), Settings(), started.release)

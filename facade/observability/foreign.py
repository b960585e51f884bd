"""What others write in this process: the servers, the libraries, the interpreter. JSON too, and never their arguments.

A library formats into its messages whatever it was working on: a URL, a header, a parameter, the text of an exception.
Of a line of theirs is kept who wrote it, where, how serious it is, and the class of an exception; the words only of the
two servers, unfilled.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

Uncaught = Callable[[type[BaseException], TracebackType | None], None]
_SERVERS = ("_granian", "gunicorn")


class JsonLine(logging.Formatter):
    """A record of the standard library's ``logging`` as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Without the arguments of the message, nor the message of an exception."""
        line = {
            "event": "library",
            "logger": record.name,
            "level": record.levelname.lower(),
            "where": f"{record.funcName}:{record.lineno}",
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        if record.name.startswith(_SERVERS):
            line["message"] = str(record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return orjson.dumps(line).decode()


# For ``logging.config.dictConfig``: what granian and gunicorn are given, each with its own loggers.
FORMATTERS = {"json": {"()": "facade.observability.foreign.JsonLine"}}
HANDLERS = {"json": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}}


def server_logging(*loggers: str) -> dict[str, Any]:
    """The ``dictConfig`` of a server whose loggers have these names. No server writes a line per request."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": FORMATTERS,
        "handlers": HANDLERS,
        "root": {"level": "WARNING", "handlers": ["json"]},
        "loggers": {name: {"level": "WARNING", "handlers": ["json"], "propagate": False} for name in loggers},
    }


def tame(uncaught: Uncaught) -> None:
    """Make every other writer of this process write JSON without contents; ``uncaught`` is told what nobody caught."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # A message that cannot be formatted would be printed with its arguments.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    _hook(uncaught)


def _hook(uncaught: Uncaught) -> None:
    def of_the_process(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
        uncaught(kind, trace)

    def of_a_thread(told: threading.ExceptHookArgs) -> None:
        uncaught(told.exc_type, told.exc_traceback)

    def of_the_collector(told: Any) -> None:
        uncaught(told.exc_type, told.exc_traceback)

    sys.excepthook = of_the_process
    threading.excepthook = of_a_thread
    sys.unraisablehook = of_the_collector

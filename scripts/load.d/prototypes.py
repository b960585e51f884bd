"""A program: the facade's application under servers that are not its own, to compare with: gunicorn, threads or gevent.

They have no limit of requests in work or waiting but gunicorn's own. gevent is no dependency: install it to compare
(``.venv/bin/pip install gevent``). Argument: ``gthread`` or ``gevent``. Settings come from the environment.
"""

from __future__ import annotations

import sys
from typing import Any

if sys.argv[1] == "gevent":
    from gevent import monkey

    monkey.patch_all()

from gunicorn.app.base import BaseApplication

from facade.records.engine import migrate
from facade.server import application
from facade.settings import Settings


class Prototype(BaseApplication):  # type: ignore[misc]
    """gunicorn with one of its own workers."""

    def load_config(self) -> None:
        """What the facade's own server has, as far as gunicorn has it."""
        settings = Settings()
        options = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": sys.argv[1],
            "worker_connections": 2000,
            "backlog": 4096,
            "keepalive": 60,
            "reuse_port": sys.argv[1] == "gevent",
            "control_socket_disable": True,
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application of one worker."""
        return application(lambda: False)


if __name__ == "__main__":
    migrate(Settings().database_url)
    Prototype().run()

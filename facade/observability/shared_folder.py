"""The folder in which all processes of a server keep their metrics.

Nothing of prometheus_client is imported here: it looks for the folder when it is imported, in a process that may be
the server's first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_folder() -> Iterator[None]:
    """A new folder for the files of the processes started in this block, removed at its end.

    It is made where ``PROMETHEUS_MULTIPROC_DIR`` says, else among the temporary ones: never one that holds the counts
    of an earlier run. A process that was forked in the block leaves it alone.
    """
    given, owner = os.environ.get(FOLDER), os.getpid()
    folder = tempfile.mkdtemp(prefix="dmp-facade-metrics-", dir=given)
    os.environ[FOLDER] = folder
    try:
        yield
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

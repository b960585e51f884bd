"""Tasks that tell how far a message of secure messaging got (MSSanté)."""

from __future__ import annotations

from typing import Any

from facade.api.exchange import actor, language, services
from facade.transactions.tasks import read_task


def read(task_id: str) -> dict[str, Any]:
    """One Task of the caller's structure; its document, patient and recipient for the one who asked."""
    return read_task(services(), actor(), task_id, language())

"""The embedded DMP's journal: one JSON line per SOAP request, written at once, made-up patients only."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from facade.embedded.vihf import User


class Journal:
    """An append-only file of JSON lines."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(
        self, *, action: str, transaction: str, user: User | None, signature_ok: bool, mtom: bool, result: str
    ) -> None:
        """Write the line of one request. ``user`` is None where no VIHF could be believed."""
        line = {
            "action": action,
            "transaction": transaction,
            "patient": user.ins if user else "",
            "vihf": {
                "mode": user.mode if user else "",
                "purpose": user.purpose if user else "",
                "name_id": user.name_id if user else "",
                "roles": [code for code, _ in user.roles] if user else [],
                "structure": user.structure if user else "",
            },
            "signature_ok": signature_ok,
            "mtom": mtom,
            "result": result,
        }
        os.write(self._descriptor, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

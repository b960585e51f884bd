"""A program: the same answers served by fhirstarter, through its search handler and its models.

It is given what the facade answered, as JSON, and answers every search and every read with it: no DMP, no token, no
policy. Each request builds its models, as a handler that has just fetched something must. ``Attachment.hash`` is left
out: fhirstarter 4.2.0 cannot write bytes and would answer 500.

Runs in the environment ``scripts/bench --fhirstarter`` makes. Argument: the folder of recorded exchanges. It prints its
port and ends with its parent.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

os.environ["FHIR_SEQUENCE"] = "R4B"

import uvicorn
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference
from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext


def application(recorded: Path) -> FHIRStarter:
    """An application with one provider."""
    searched = _without_hashes(json.loads((recorded / "search.json").read_text()))
    read = _without_hashes(json.loads((recorded / "read.json").read_text()))
    provider = FHIRProvider()

    @provider.search_type(DocumentReference)
    async def search(context: InteractionContext) -> Bundle:  # noqa: ARG001 - its signature
        return Bundle.model_validate(searched)

    @provider.read(DocumentReference)
    async def one(context: InteractionContext, id_: str) -> DocumentReference:  # noqa: ARG001 - its signature
        return DocumentReference.model_validate(read)

    app = FHIRStarter()
    app.add_providers(provider)
    return app


def _without_hashes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_hashes(inner) for name, inner in value.items() if name != "hash"}
    return [_without_hashes(inner) for inner in value] if isinstance(value, list) else value


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    print(port, flush=True)
    uvicorn.run(application(Path(sys.argv[1])), host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main()

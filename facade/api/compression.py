"""Content codings: answers in br or gzip (setting ``compression``), request bodies in none.

What is compressed is FHIR and JSON that succeeded. Never: documents (Binary, batch), which are compressed already and
leave with their length; errors, which repeat what was sent.

Compressing a secret beside text of an attacker's choice lets the length tell of the secret (BREACH), if the attacker
can have requests made with the victim's authority. Here that takes the token: a browser never adds it by itself, and a
page that has it may read the answer anyway. An application that searches for other people's words with its user's
token is the exception: where there is one, the setting is to be empty.
Source: RFC 9110 sections 8.4 and 12.5.3; Prado, Harris and Gluck, "BREACH", 2013.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request
from flask_compress import Compress

from facade.api.bodies import body_bytes
from facade.api.exchange import JSON, XML, services
from facade.domain.errors import InvalidInput

_KINDS = [JSON, XML, "application/json"]
_DOCUMENTS = {"Binary.retrieve", "system.transaction"}
_SMALLEST = 1024
# Metadata repeat themselves: a higher level costs several times the processor for a few percent.
_BR_LEVEL, _GZIP_LEVEL = 2, 1


def compress_answers(app: Flask, codings: Sequence[str]) -> None:
    """Compress what may be with the first of ``codings`` the client accepts; none: nothing is compressed."""
    if not codings:
        return
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_MIMETYPES=_KINDS,
        COMPRESS_ALGORITHM=list(codings),
        COMPRESS_LEVEL=_GZIP_LEVEL,
        COMPRESS_BR_LEVEL=_BR_LEVEL,
        COMPRESS_MIN_SIZE=_SMALLEST,
        COMPRESS_STREAMS=False,
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,
    )
    library = Compress(app)

    def compressed(response: Response) -> Response:
        return response if request.endpoint in _DOCUMENTS else library.after_request(response)

    app.after_request(compressed)


def refuse_coded_body() -> None:
    """Refuse a body in a content coding: what it unfolds to has no limit. Raises InvalidInput ``body.coding``."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return
    body_bytes(services().settings.max_body_bytes)
    raise InvalidInput.of("body.coding", "Content-Encoding", value=coding[:40])

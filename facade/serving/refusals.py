"""The answer to a request that could not be read and never reached the application: an OperationOutcome all the same.

In French, the facade's default: what language its client reads was not read either.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus

import orjson

from facade import knowledge
from facade.api.outcomes import ErrorTable
from facade.domain.errors import InvalidInput


def refusal(code: str, **values: str) -> bytes:
    """The whole HTTP answer for a code of errors/facade.csv; the connection is closed after it."""
    error = InvalidInput.of(code, **values)
    status, body = HTTPStatus(_table().status(error)), orjson.dumps(_table().outcome(error, "fr"))
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        f"Content-Type: application/fhir+json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@cache
def _table() -> ErrorTable:
    return ErrorTable(knowledge.rows("errors/facade.csv"), lambda _: None, ())

"""What a request may weigh before anything of it is looked at, and the answer to one that came when all was full.

The HTTP server has limits of its own, wider than these, whose refusals it writes itself: an OperationOutcome is only
for what it let through. Source: RFC 9110 section 15.5 (414), RFC 6585 section 5 (431), RFC 9110 section 15.6.4 (503).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request

from facade.domain.errors import FacadeError, InvalidInput, Problem
from facade.transactions.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# What the server leaves in the environ of a request that is not to be served: a code of errors/facade.csv.
REFUSED = "dmp_facade.refused"
BUSY_SECONDS = 5
# A body or an answer of more than so many bytes is handed over in pieces, so that it is never held twice. Smaller ones
# are not: the ways of the pieces to the server's loop and back would be a twelfth of a retrieval of one megabyte.
AT_ONCE = 2 * 1024 * 1024


def within_limits() -> None:
    """Refuse a request that found no place (FacadeError ``busy``), or is over a limit of its headers or address.

    Raises InvalidInput ``request.target-too-long``, ``header.too-many``, ``header.too-large``, ``header.not-ascii``.
    Values are not given back: a header may hold a token, an address an INS.
    """
    refused = request.environ.get(REFUSED)
    if refused:
        raise FacadeError(Problem(refused), retry_after=BUSY_SECONDS)
    found: Services = current_app.extensions["dmp_facade"]
    settings = found.settings
    if len(request.environ["PATH_INFO"]) + len(request.environ.get("QUERY_STRING", "")) > settings.target_bytes:
        raise InvalidInput.of("request.target-too-long", limit=str(settings.target_bytes))
    headers = _headers(request.environ)
    if len(headers) > settings.header_count:
        raise InvalidInput.of("header.too-many", limit=str(settings.header_count))
    if sum(len(name) + len(value) for name, value in headers.items()) > settings.header_bytes:
        raise InvalidInput.of("header.too-large", limit=str(settings.header_bytes))
    for name, value in headers.items():
        if not value.isascii():
            raise InvalidInput.of("header.not-ascii", name, name=name[:60])


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The headers of a request, as ``request.headers`` has them, gathered once."""
    found = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    found |= {key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)}
    return {name.replace("_", "-").title(): value for name, value in found.items()}

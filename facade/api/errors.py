"""From an exception to an answer: always an OperationOutcome, never a stack trace, a path or a backend's text."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from facade.api.exchange import error_table, fhir, language
from facade.domain.errors import FacadeError, InvalidInput, Unauthenticated
from facade.observability import metrics
from facade.observability.logs import log_unexpected


def answer_error(error: FacadeError) -> Response:
    """An error raised on purpose, with the status and texts of its table row."""
    table = error_table()
    if isinstance(error, Unauthenticated):
        metrics.observe_token_refusal(error.problems[0].code)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    status = table.status(error)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        # The rest of the body may still come: it is not the next request (RFC 9110 section 15.5.9).
        headers["Connection"] = "close"
    return fhir(table.outcome(error, language()), status, headers)


def answer_http(error: HTTPException) -> Response:
    """What Flask itself refuses: unknown route, wrong method, malformed HTTP."""
    if isinstance(error, NotFound):
        return answer_error(InvalidInput.of("route.not-found"))
    if isinstance(error, MethodNotAllowed):
        response = answer_error(InvalidInput.of("route.method", method=request.method))
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    return answer_error(InvalidInput.of("http.bad-request"))


def answer_unexpected(error: Exception) -> Response:
    """A defect: a fixed text for the client, class and place for the log."""
    log_unexpected(error)
    return answer_error(FacadeError.of("server.unexpected"))

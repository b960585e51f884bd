"""How often each business act is asked for, how it ends and how long it takes: one decorator on each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from facade.domain.errors import (
    Conflict,
    DmpRefused,
    DmpUnavailable,
    FacadeError,
    InvalidInput,
    NotFound,
    Refused,
)
from facade.observability import metrics, spans

Given = ParamSpec("Given")
Result = TypeVar("Result")

# What may not be known of ends as what does not exist: the two are not told apart here either.
_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (Refused, "refused"),
    (InvalidInput, "rejected"),
    (NotFound, "rejected"),
    (Conflict, "rejected"),
    (DmpRefused, "dmp-refused"),
    (DmpUnavailable, "dmp-unavailable"),
    (FacadeError, "unavailable"),
)
SUCCESS, DEFECT = "success", "defect"


def measured(name: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Count and time every call of a function as this act."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def observed(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            began, outcome = time.perf_counter(), SUCCESS
            with spans.span(f"act {name}") as span:
                span.tell("dmp_facade.act", name)
                try:
                    return function(*args, **kwargs)
                except Exception as error:
                    outcome = outcome_of(error)
                    span.failed(outcome)
                    raise
                finally:
                    metrics.observe_act(name, outcome, time.perf_counter() - began)

        return observed

    return decorate


def outcome_of(error: BaseException) -> str:
    """The class of an act that ended with this error."""
    return next((name for kind, name in _OUTCOMES if isinstance(error, kind)), DEFECT)
